// Constraints of norms and of their gradients, each by its tag.

// RUN: raddle-opt %s --split-input-file --verify-diagnostics

// nn_layer_norm_c1
func.func @rank(%x: tensor<f32>) {
  // expected-error @+1 {{expects 'input' of a rank of at least 1, is 'tensor<f32>'}}
  %o, %m, %r = nn.layer_norm %x {eps = 0.0 : f64} : tensor<f32> -> tensor<f32>, tensor<f32>, tensor<f32>
  return
}

// -----

// nn_layer_norm_c1
func.func @out(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{expects 'out' of type 'tensor<4x8xf32>', is 'tensor<8x4xf32>'}}
  %o, %m, %r = nn.layer_norm %x {eps = 0.0 : f64} : tensor<4x8xf32> -> tensor<8x4xf32>, tensor<4xf32>, tensor<4xf32>
  return
}

// -----

// nn_layer_norm_c2
func.func @weight(%x: tensor<4x8xf32>, %w: tensor<4xf32>) {
  // expected-error @+1 {{expects 'weight' of type 'tensor<8xf32>', is 'tensor<4xf32>'}}
  %o, %m, %r = nn.layer_norm %x weight %w {eps = 0.0 : f64}
    : tensor<4x8xf32>, tensor<4xf32> -> tensor<4x8xf32>, tensor<4xf32>, tensor<4xf32>
  return
}

// -----

// nn_layer_norm_c2
func.func @bias(%x: tensor<4x8xf32>, %b: tensor<8xf64>) {
  // expected-error @+1 {{expects 'bias' of type 'tensor<8xf32>', is 'tensor<8xf64>'}}
  %o, %m, %r = nn.layer_norm %x bias %b {eps = 0.0 : f64}
    : tensor<4x8xf32> bias tensor<8xf64> -> tensor<4x8xf32>, tensor<4xf32>, tensor<4xf32>
  return
}

// -----

// nn_layer_norm_c3
func.func @rstd(%x: tensor<3x4x8xf32>) {
  // expected-error @+1 {{expects 'rstd' of type 'tensor<3x4xf32>', is 'tensor<3xf32>'}}
  %o, %m, %r = nn.layer_norm %x {eps = 0.0 : f64}
    : tensor<3x4x8xf32> -> tensor<3x4x8xf32>, tensor<3x4xf32>, tensor<3xf32>
  return
}

// -----

// nn_layer_norm_c4
func.func @eps(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{expects 'eps' to be finite, is -INF}}
  %o, %m, %r = nn.layer_norm %x {eps = 0xFFF0000000000000 : f64} : tensor<4x8xf32> -> tensor<4x8xf32>, tensor<4xf32>, tensor<4xf32>
  return
}

// -----

// nn_layer_norm_grad_c1
func.func @incoming(%x: tensor<4x8xf32>, %s: tensor<4xf32>, %g: tensor<4x7xf32>) {
  // expected-error @+1 {{expects 'out_grad' of type 'tensor<4x8xf32>', is 'tensor<4x7xf32>'}}
  %d = nn.layer_norm_grad %x stats %s, %s grad %g
    : tensor<4x8xf32> stats tensor<4xf32>, tensor<4xf32> grad tensor<4x7xf32> -> tensor<4x8xf32>
  return
}

// -----

// nn_layer_norm_grad_c1
func.func @result(%x: tensor<4x8xf32>, %s: tensor<4xf32>) {
  // expected-error @+1 {{expects 'input_grad' of type 'tensor<4x8xf32>', is 'tensor<4x7xf32>'}}
  %d = nn.layer_norm_grad %x stats %s, %s grad %x
    : tensor<4x8xf32> stats tensor<4xf32>, tensor<4xf32> grad tensor<4x8xf32> -> tensor<4x7xf32>
  return
}

// -----

// nn_layer_norm_grad_c2
func.func @statistics(%x: tensor<4x8xf32>, %s: tensor<4xf32>, %t: tensor<8xf32>) {
  // expected-error @+1 {{expects 'mean' of type 'tensor<4xf32>', is 'tensor<8xf32>'}}
  %d = nn.layer_norm_grad %x stats %t, %s grad %x
    : tensor<4x8xf32> stats tensor<8xf32>, tensor<4xf32> grad tensor<4x8xf32> -> tensor<4x8xf32>
  return
}

// -----

// nn_layer_norm_grad_c2
func.func @grad_weight(%x: tensor<4x8xf32>, %s: tensor<4xf32>) {
  // expected-error @+1 {{expects 'weight' of type 'tensor<8xf32>', is 'tensor<4xf32>'}}
  %d = nn.layer_norm_grad %x weight %s stats %s, %s grad %x
    : tensor<4x8xf32>, tensor<4xf32> stats tensor<4xf32>, tensor<4xf32> grad tensor<4x8xf32> -> tensor<4x8xf32>
  return
}

// -----

// nn_rms_norm_c1
func.func @rms_rank(%x: tensor<f32>) {
  // expected-error @+1 {{expects 'input' of a rank of at least 1, is 'tensor<f32>'}}
  %o, %r = nn.rms_norm %x {eps = 0.0 : f64} : tensor<f32> -> tensor<f32>, tensor<f32>
  return
}

// -----

// nn_rms_norm_c1
func.func @rms_out(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{expects 'out' of type 'tensor<4x8xf32>', is 'tensor<4x8xf16>'}}
  %o, %r = nn.rms_norm %x {eps = 0.0 : f64} : tensor<4x8xf32> -> tensor<4x8xf16>, tensor<4xf32>
  return
}

// -----

// nn_rms_norm_c2
func.func @rms_weight(%x: tensor<4x8xf32>, %w: tensor<4x8xf32>) {
  // expected-error @+1 {{expects 'weight' of type 'tensor<8xf32>', is 'tensor<4x8xf32>'}}
  %o, %r = nn.rms_norm %x weight %w {eps = 0.0 : f64} : tensor<4x8xf32>, tensor<4x8xf32> -> tensor<4x8xf32>, tensor<4xf32>
  return
}

// -----

// nn_rms_norm_c3
func.func @rms_rstd(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{expects 'rstd' of type 'tensor<4xf32>', is 'tensor<4x1xf32>'}}
  %o, %r = nn.rms_norm %x {eps = 0.0 : f64} : tensor<4x8xf32> -> tensor<4x8xf32>, tensor<4x1xf32>
  return
}

// -----

// nn_rms_norm_c4: not a number is no bound either
func.func @rms_eps(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{expects 'eps' to be finite, is nan}}
  %o, %r = nn.rms_norm %x {eps = 0x7FF8000000000000 : f64} : tensor<4x8xf32> -> tensor<4x8xf32>, tensor<4xf32>
  return
}

// -----

// nn_rms_norm_grad_c1
func.func @rms_incoming(%x: tensor<4x8xf32>, %s: tensor<4xf32>, %g: tensor<8x4xf32>) {
  // expected-error @+1 {{expects 'out_grad' of type 'tensor<4x8xf32>', is 'tensor<8x4xf32>'}}
  %d = nn.rms_norm_grad %x stats %s grad %g
    : tensor<4x8xf32> stats tensor<4xf32> grad tensor<8x4xf32> -> tensor<4x8xf32>
  return
}

// -----

// nn_rms_norm_grad_c2
func.func @rms_statistics(%x: tensor<4x8xf32>, %s: tensor<8xf32>) {
  // expected-error @+1 {{expects 'rstd' of type 'tensor<4xf32>', is 'tensor<8xf32>'}}
  %d = nn.rms_norm_grad %x stats %s grad %x
    : tensor<4x8xf32> stats tensor<8xf32> grad tensor<4x8xf32> -> tensor<4x8xf32>
  return
}
