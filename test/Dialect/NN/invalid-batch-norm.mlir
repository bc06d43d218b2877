// Constraints of batch normalisation and of its gradient, each by its tag.

// RUN: raddle-opt %s --split-input-file --verify-diagnostics

// nn_batch_norm_c1
func.func @rank(%x: tensor<4xf32>) {
  // expected-error @+1 {{expects 'input' of a rank of at least 2, is 'tensor<4xf32>'}}
  %o, %m, %v = nn.batch_norm %x {eps = 0.0 : f64, training} : tensor<4xf32> -> tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
  return
}

// -----

// nn_batch_norm_c1
func.func @out(%x: tensor<4x3xf32>) {
  // expected-error @+1 {{expects 'out' of type 'tensor<4x3xf32>', is 'tensor<3x4xf32>'}}
  %o, %m, %v = nn.batch_norm %x {eps = 0.0 : f64, training} : tensor<4x3xf32> -> tensor<3x4xf32>, tensor<3xf32>, tensor<3xf32>
  return
}

// -----

// nn_batch_norm_c2
func.func @weight(%x: tensor<4x3xf32>, %w: tensor<4xf32>) {
  // expected-error @+1 {{expects 'weight' of type 'tensor<3xf32>', is 'tensor<4xf32>'}}
  %o, %m, %v = nn.batch_norm %x weight %w : tensor<4xf32> {eps = 0.0 : f64, training}
    : tensor<4x3xf32> -> tensor<4x3xf32>, tensor<3xf32>, tensor<3xf32>
  return
}

// -----

// nn_batch_norm_c2
func.func @statistics(%x: tensor<4x3xf32>) {
  // expected-error @+1 {{expects 'mean' of type 'tensor<3xf32>', is 'tensor<3xf64>'}}
  %o, %m, %v = nn.batch_norm %x {eps = 0.0 : f64, training} : tensor<4x3xf32> -> tensor<4x3xf32>, tensor<3xf64>, tensor<3xf32>
  return
}

// -----

// nn_batch_norm_c3
func.func @running(%x: tensor<4x3xf32>) {
  // expected-error @+1 {{expects both running statistics where it does not train}}
  %o, %m, %v = nn.batch_norm %x {eps = 0.0 : f64} : tensor<4x3xf32> -> tensor<4x3xf32>, tensor<3xf32>, tensor<3xf32>
  return
}

// -----

// nn_batch_norm_c4
func.func @eps(%x: tensor<4x3xf32>) {
  // expected-error @+1 {{expects 'eps' to be finite, is INF}}
  %o, %m, %v = nn.batch_norm %x {eps = 0x7FF0000000000000 : f64, training} : tensor<4x3xf32> -> tensor<4x3xf32>, tensor<3xf32>, tensor<3xf32>
  return
}

// -----

// nn_batch_norm_grad_c1
func.func @grad(%x: tensor<4x3xf32>, %s: tensor<3xf32>, %g: tensor<4x2xf32>) {
  // expected-error @+1 {{expects 'out_grad' of type 'tensor<4x3xf32>', is 'tensor<4x2xf32>'}}
  %dx, %dw, %db = nn.batch_norm_grad %x stats %s, %s grad %g {eps = 0.0 : f64}
    : tensor<4x3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<4x2xf32> -> tensor<4x3xf32>, tensor<3xf32>, tensor<3xf32>
  return
}

// -----

// nn_batch_norm_grad_c2
func.func @grad_vectors(%x: tensor<4x3xf32>, %s: tensor<3xf32>, %g: tensor<4x3xf32>) {
  // expected-error @+1 {{expects 'bias_grad' of type 'tensor<3xf32>', is 'tensor<1xf32>'}}
  %dx, %dw, %db = nn.batch_norm_grad %x stats %s, %s grad %g {eps = 0.0 : f64}
    : tensor<4x3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<4x3xf32> -> tensor<4x3xf32>, tensor<3xf32>, tensor<1xf32>
  return
}
