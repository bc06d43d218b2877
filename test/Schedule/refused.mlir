// What is not the result of 'fuse' is refused before anything is placed.

// RUN: raddle-opt %s --split-input-file --verify-diagnostics --schedule-assign

func.func @scalar_argument(%n: i64, %x: tensor<4xf32>) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}
// expected-error @-3 {{expects tensors of static shape of numbers, argument 0 is 'i64'}}

// -----

// expected-error @+1 {{expects tensors of static shape of numbers, argument 0 is 'tensor<?xf32>'}}
func.func @dynamic(%x: tensor<?xf32>) -> tensor<?xf32> {
  return %x : tensor<?xf32>
}

// -----

// expected-error @+1 {{expects tensors of static shape of numbers, argument 0 is 'tensor<4xindex>'}}
func.func @index(%x: tensor<4xindex>) -> tensor<4xindex> {
  return %x : tensor<4xindex>
}

// -----

// expected-error @+1 {{expects tensors of static shape of numbers, argument 0 is 'tensor<4611686018427387904x4xf32>'}}
func.func @huge(%x: tensor<4611686018427387904x4xf32>) {
  return
}

// -----

func.func @scalar() {
  // expected-error @+1 {{'arith.constant' op expects tensors of static shape of numbers, is 'f32'}}
  %c = arith.constant 1.0 : f32
  return
}

// -----

func.func @left(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{'tensor.empty' op is left outside of kernels after 'fuse'}}
  %e = tensor.empty() : tensor<4xf32>
  return %x : tensor<4xf32>
}

// -----

// Buffers belong into programs.
func.func @lowered(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{'exec.buffer' op is left outside of kernels after 'fuse'}}
  %b = exec.buffer arena[0] at 0 : memref<4xf32>
  return %x : tensor<4xf32>
}

// -----

// expected-error @+1 {{expects a body of one block that ends in 'func.return'}}
func.func private @external(tensor<4xf32>) -> tensor<4xf32>
