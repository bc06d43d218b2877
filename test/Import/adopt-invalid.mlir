// RUN: raddle-opt %s --import-adopt="ranks=2 param-arguments=w" --split-input-file --verify-diagnostics

// expected-error @+5 {{argument 0 is 'memref<2xf32>': a model starts on tensors, before bufferization}}
// expected-error @+4 {{argument 1 is 'tensor<*xf32>': its rank must be known}}
// expected-error @+3 {{argument 2 is 'tensor<2xcomplex<f32>>': complex numbers are not supported: pass their parts}}
// expected-error @+2 {{argument 3 is 'tensor<2xindex>': values of type index have no size in memory: use i64}}
// expected-error @+1 {{result 0 is 'tensor<2xindex>': values of type index have no size in memory: use i64}}
func.func @main(%a: memref<2xf32>, %b: tensor<*xf32>, %c: tensor<2xcomplex<f32>>, %d: tensor<2xindex>) -> tensor<2xindex> {
  return %d : tensor<2xindex>
}

// -----

// expected-error @+1 {{expects a function 'main' of one block}}
module {
  // expected-note @+1 {{function 'forward'}}
  func.func @forward() { return }
  // expected-note @+1 {{function 'external' has no body}}
  func.func private @external()
}

// -----

// expected-error @+1 {{expects a function 'main' of one block, it has 2 of them}}
module {
  // expected-note @+1 {{function 'main'}}
  func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {
    cf.br ^next
  ^next:
    return %x : tensor<2xf32>
  }
}

// -----

func.func private @inner(tensor<2xf32>) -> tensor<2xf32>

// expected-error @+1 {{ops that a model cannot have: 'func.call' (2 times), 'tosa.abs' (1 time); expected linalg, tensor, arith, math and scf on tensors}}
func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {
  // expected-note @+1 {{the first 'func.call', of 'inner': inline functions before (--inline)}}
  %0 = call @inner(%x) : (tensor<2xf32>) -> tensor<2xf32>
  %1 = call @inner(%0) : (tensor<2xf32>) -> tensor<2xf32>
  // expected-note @+1 {{the first 'tosa.abs'}}
  %2 = tosa.abs %1 : (tensor<2xf32>) -> tensor<2xf32>
  return %2 : tensor<2xf32>
}

// -----

// expected-error @+2 {{argument 1 of type 'tensor<?x?xf32>': dimension 1 is dynamic: only dimension 0, the batch, may be}}
// expected-error @+1 {{argument 2 of type 'tensor<?xf32>': dimension 0 is dynamic: give the batch of all ranks}}
func.func @main(%w: tensor<2xf32>, %x: tensor<?x?xf32>, %y: tensor<?xf32>) -> tensor<2xf32> {
  return %w : tensor<2xf32>
}

// -----

// expected-error @+1 {{parameter 'w' is argument 0 of type 'tensor<2xi64>', expected a floating-point tensor of static shape}}
func.func @main(%w: tensor<2xi64>) -> tensor<2xi64> {
  return %w : tensor<2xi64>
}

// -----

// expected-error @+1 {{expects at least 1 arguments, as many as names of parameters are given, has 0}}
func.func @main() -> tensor<2xf32> {
  %0 = arith.constant dense<0.0> : tensor<2xf32>
  return %0 : tensor<2xf32>
}

// -----

// expected-error @+1 {{shapes do not follow from the batch and the weights: 'tensor.empty' (1 time), 'linalg.fill' (1 time)}}
func.func @main(%w: tensor<2xf32>, %n: tensor<i64>) -> tensor<?xf32> {
  %zero = arith.constant 0.0 : f32
  %i = tensor.extract %n[] : tensor<i64>
  %size = arith.index_cast %i : i64 to index
  // expected-note @+1 {{the first 'tensor.empty' gives 'tensor<?xf32>'}}
  %0 = tensor.empty(%size) : tensor<?xf32>
  // expected-note @+1 {{the first 'linalg.fill' gives 'tensor<?xf32>'}}
  %1 = linalg.fill ins(%zero : f32) outs(%0 : tensor<?xf32>) -> tensor<?xf32>
  return %1 : tensor<?xf32>
}
