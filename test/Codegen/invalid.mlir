// RUN: raddle-opt %s --verify-diagnostics --codegen-cpu --split-input-file

// A kernel has no memory but what it is given and a little of the stack.
func.func private @allocates(%x: tensor<524288x8xf32>) -> tensor<f32> attributes {exec.kernel} {
  %zero = arith.constant 0.0 : f32
  // expected-error @below {{is left: a kernel must not allocate memory}}
  %e = tensor.empty() : tensor<524288xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<524288xf32>) -> tensor<524288xf32>
  %0 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<524288x8xf32>) outs(%f : tensor<524288xf32>) {
  ^bb0(%a: f32, %acc: f32):
    %s = arith.addf %acc, %a : f32
    linalg.yield %s : f32
  } -> tensor<524288xf32>
  %e0 = tensor.empty() : tensor<f32>
  %f0 = linalg.fill ins(%zero : f32) outs(%e0 : tensor<f32>) -> tensor<f32>
  %1 = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> ()>], iterator_types = ["reduction"]}
      ins(%0 : tensor<524288xf32>) outs(%f0 : tensor<f32>) {
  ^bb0(%a: f32, %acc: f32):
    %p = arith.mulf %acc, %a : f32
    %s = arith.addf %p, %a : f32
    linalg.yield %s : f32
  } -> tensor<f32>
  return %1 : tensor<f32>
}

// -----

// expected-error @+1 {{expects a body of one block that ends in 'func.return'}}
func.func private @external(tensor<4xf32>) -> tensor<4xf32> attributes {exec.kernel}

// -----

// expected-error @+1 {{expects arguments and results of a kernel to be tensors of static shape of numbers, has 'memref<4xf32>'}}
func.func private @buffer(%x: memref<4xf32>) attributes {exec.kernel} {
  return
}

// -----

// expected-error @+1 {{expects arguments and results of a kernel to be tensors of static shape of numbers, has 'tensor<?xf32>'}}
func.func private @dynamic(%x: tensor<?xf32>) -> tensor<?xf32> attributes {exec.kernel} {
  return %x : tensor<?xf32>
}
