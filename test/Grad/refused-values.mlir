// RUN: raddle-opt %s --raddle-grad --split-input-file --verify-diagnostics

// A scalar between tensors carries a derivative that no rule hands on: refused, not forgotten.
// expected-error @+1 {{cannot differentiate 'main': 1 ops on the way have no gradient}}
func.func @main(%x: tensor<4xf32>) -> tensor<f32> {
  %c = arith.constant 0 : index
  %s = tensor.extract %x[%c] : tensor<4xf32>
  %e = tensor.empty() : tensor<f32>
  // expected-note @+1 {{'linalg.fill' (1 times): it reads a differentiated value that is no tensor}}
  %r = linalg.fill ins(%s : f32) outs(%e : tensor<f32>) -> tensor<f32>
  return %r : tensor<f32>
}

// -----

// A sum whose summand depends on the running sum is no plain sum.
#row = affine_map<(d0) -> (d0)>
#all = affine_map<(d0) -> ()>
// expected-error @+1 {{cannot differentiate 'main': 1 ops on the way have no gradient}}
func.func @main(%x: tensor<4xf32>) -> tensor<f32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<f32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<f32>) -> tensor<f32>
  // expected-note @+1 {{what it combines depends on an accumulator}}
  %r:2 = linalg.generic {indexing_maps = [#row, #all, #all], iterator_types = ["reduction"]}
      ins(%x : tensor<4xf32>) outs(%f, %f : tensor<f32>, tensor<f32>) {
  ^bb0(%a: f32, %first: f32, %second: f32):
    %p = arith.mulf %a, %second : f32
    %s = arith.addf %first, %p : f32
    %t = arith.addf %second, %a : f32
    linalg.yield %s, %t : f32, f32
  } -> (tensor<f32>, tensor<f32>)
  return %r#0 : tensor<f32>
}

// -----

// A loop that upstream lets be parallel though the result does not depend on it.
#row = affine_map<(d0) -> (d0)>
#all = affine_map<(d0) -> ()>
// expected-error @+1 {{cannot differentiate 'main': 1 ops on the way have no gradient}}
func.func @main(%x: tensor<4xf32>) -> tensor<f32> {
  %e = tensor.empty() : tensor<f32>
  // expected-note @+1 {{loop 0 is parallel, but the result does not depend on it}}
  %r = linalg.generic {indexing_maps = [#row, #all], iterator_types = ["parallel"]}
      ins(%x : tensor<4xf32>) outs(%e : tensor<f32>) {
  ^bb0(%a: f32, %o: f32):
    linalg.yield %a : f32
  } -> tensor<f32>
  return %r : tensor<f32>
}
