// Constraints of embedding, cross-entropy, optimizers and of their gradients, each by its tag.

// RUN: raddle-opt %s --split-input-file --verify-diagnostics

// nn_embedding_c1
func.func @table(%t: tensor<10xf32>, %i: tensor<3xi64>) {
  // expected-error @+1 {{expects 'table' of rank 2, is 'tensor<10xf32>'}}
  %e = nn.embedding %t, %i : tensor<10xf32>, tensor<3xi64> -> tensor<3xf32>
  return
}

// -----

// nn_embedding_c2
func.func @rows(%t: tensor<10x4xf32>, %i: tensor<2x3xi64>) {
  // expected-error @+1 {{expects 'out' of type 'tensor<2x3x4xf32>', is 'tensor<6x4xf32>'}}
  %e = nn.embedding %t, %i : tensor<10x4xf32>, tensor<2x3xi64> -> tensor<6x4xf32>
  return
}

// -----

// nn_embedding_c3
func.func @padding(%t: tensor<10x4xf32>, %i: tensor<3xi64>) {
  // expected-error @+1 {{expects 'padding_index' in [0, 10), is 10}}
  %e = nn.embedding %t, %i {padding_index = 10 : i64} : tensor<10x4xf32>, tensor<3xi64> -> tensor<3x4xf32>
  return
}

// -----

// nn_embedding_grad_c1
func.func @grad_table(%g: tensor<3x4xf32>, %i: tensor<3xi64>) {
  // expected-error @+1 {{expects 'table_grad' of rank 2, is 'tensor<40xf32>'}}
  %e = nn.embedding_grad %g, %i : tensor<3x4xf32>, tensor<3xi64> -> tensor<40xf32>
  return
}

// -----

// nn_embedding_grad_c2
func.func @grad_rows(%g: tensor<4x3xf32>, %i: tensor<3xi64>) {
  // expected-error @+1 {{expects 'out_grad' of type 'tensor<3x4xf32>', is 'tensor<4x3xf32>'}}
  %e = nn.embedding_grad %g, %i : tensor<4x3xf32>, tensor<3xi64> -> tensor<10x4xf32>
  return
}

// -----

// nn_embedding_grad_c3
func.func @grad_padding(%g: tensor<3x4xf32>, %i: tensor<3xi64>) {
  // expected-error @+1 {{expects 'padding_index' in [0, 10), is -1}}
  %e = nn.embedding_grad %g, %i {padding_index = -1 : i64} : tensor<3x4xf32>, tensor<3xi64> -> tensor<10x4xf32>
  return
}

// -----

// nn_cross_entropy_c1
func.func @logits(%l: tensor<2x6x10xf32>, %i: tensor<6xi64>) {
  // expected-error @+1 {{expects 'logits' of rank 2, is 'tensor<2x6x10xf32>'}}
  %s, %c, %e = nn.cross_entropy %l, %i {ignore_index = -1 : i64}
    : tensor<2x6x10xf32>, tensor<6xi64> -> tensor<f32>, tensor<f32>, tensor<6xf32>
  return
}

// -----

// nn_cross_entropy_c1
func.func @labels(%l: tensor<6x10xf32>, %i: tensor<5xi64>) {
  // expected-error @+1 {{expects 6 labels, one a row of 'logits', is 'tensor<5xi64>'}}
  %s, %c, %e = nn.cross_entropy %l, %i {ignore_index = -1 : i64}
    : tensor<6x10xf32>, tensor<5xi64> -> tensor<f32>, tensor<f32>, tensor<5xf32>
  return
}

// -----

// nn_cross_entropy_c2
func.func @lse(%l: tensor<6x10xf32>, %i: tensor<6xi64>) {
  // expected-error @+1 {{expects 'lse' of type 'tensor<6xf32>', is 'tensor<6xf64>'}}
  %s, %c, %e = nn.cross_entropy %l, %i {ignore_index = -1 : i64}
    : tensor<6x10xf32>, tensor<6xi64> -> tensor<f32>, tensor<f32>, tensor<6xf64>
  return
}

// -----

// nn_cross_entropy_c2
func.func @count(%l: tensor<6x10xf32>, %i: tensor<6xi64>) {
  // expected-error @+1 {{expects 'count' of type 'tensor<f32>', is 'tensor<f64>'}}
  %s, %c, %e = nn.cross_entropy %l, %i {ignore_index = -1 : i64}
    : tensor<6x10xf32>, tensor<6xi64> -> tensor<f32>, tensor<f64>, tensor<6xf32>
  return
}

// -----

// nn_cross_entropy_grad_c1
func.func @grad_lse(%l: tensor<6x10xf32>, %i: tensor<6xi64>, %e: tensor<10xf32>, %g: tensor<f32>) {
  // expected-error @+1 {{expects 'lse' of type 'tensor<6xf32>', is 'tensor<10xf32>'}}
  %d = nn.cross_entropy_grad %l, %i stats %e grad %g {ignore_index = -1 : i64}
    : tensor<6x10xf32>, tensor<6xi64>, tensor<10xf32>, tensor<f32> -> tensor<6x10xf32>
  return
}

// -----

// nn_cross_entropy_grad_c2
func.func @grad_logits(%l: tensor<6x10xf32>, %i: tensor<6xi64>, %e: tensor<6xf32>, %g: tensor<f32>) {
  // expected-error @+1 {{expects 'logits_grad' of type 'tensor<6x10xf32>', is 'tensor<10x6xf32>'}}
  %d = nn.cross_entropy_grad %l, %i stats %e grad %g {ignore_index = -1 : i64}
    : tensor<6x10xf32>, tensor<6xi64>, tensor<6xf32>, tensor<f32> -> tensor<10x6xf32>
  return
}

// -----

// nn_squared_norm_c1
func.func @norm_of_nothing() {
  // expected-error @+1 {{expects at least one tensor}}
  %n = "nn.squared_norm"() : () -> tensor<f32>
  return
}

// -----

// nn_squared_norm_c1
func.func @norm_type(%a: tensor<4xf16>, %b: tensor<4xf64>) {
  // expected-error @+1 {{expects no tensor with elements wider than the result's, 'f32', has 'tensor<4xf64>'}}
  %n = nn.squared_norm %a, %b : tensor<4xf16>, tensor<4xf64> -> tensor<f32>
  return
}

// -----

// nn_adamw_c1
func.func @beta1(%p: tensor<4xf32>, %lr: tensor<f32>, %step: tensor<i64>) {
  // expected-error @+1 {{expects 'beta1' in [0, 1), is 1.0}}
  %a, %b, %c = nn.adamw %p grad %p state %p, %p lr %lr step %step
    {beta1 = 1.0 : f64, beta2 = 0.999 : f64, eps = 1.0e-8 : f64, weight_decay = 0.0 : f64}
    : tensor<4xf32>, tensor<f32>, tensor<i64>
  return
}

// -----

// nn_adamw_c1
func.func @beta2(%p: tensor<4xf32>, %lr: tensor<f32>, %step: tensor<i64>) {
  // expected-error @+1 {{expects 'beta2' in [0, 1), is -5.0}}
  %a, %b, %c = nn.adamw %p grad %p state %p, %p lr %lr step %step
    {beta1 = 0.9 : f64, beta2 = -0.5 : f64, eps = 1.0e-8 : f64, weight_decay = 0.0 : f64}
    : tensor<4xf32>, tensor<f32>, tensor<i64>
  return
}

// -----

// nn_adamw_c2
func.func @eps(%p: tensor<4xf32>, %lr: tensor<f32>, %step: tensor<i64>) {
  // expected-error @+1 {{expects 'eps' not to be negative, is -1.0}}
  %a, %b, %c = nn.adamw %p grad %p state %p, %p lr %lr step %step
    {beta1 = 0.9 : f64, beta2 = 0.999 : f64, eps = -1.0 : f64, weight_decay = 0.0 : f64}
    : tensor<4xf32>, tensor<f32>, tensor<i64>
  return
}

// -----

// nn_adamw_c2
func.func @decay(%p: tensor<4xf32>, %lr: tensor<f32>, %step: tensor<i64>) {
  // expected-error @+1 {{expects 'weight_decay' not to be negative, is -2.0}}
  %a, %b, %c = nn.adamw %p grad %p state %p, %p lr %lr step %step
    {beta1 = 0.9 : f64, beta2 = 0.999 : f64, eps = 1.0e-8 : f64, weight_decay = -2.0 : f64}
    : tensor<4xf32>, tensor<f32>, tensor<i64>
  return
}

// -----

// nn_sgd_c1
func.func @momentum(%p: tensor<4xf32>, %lr: tensor<f32>) {
  // expected-error @+1 {{expects 'momentum' in [0, 1), is 2.0}}
  %a, %b = nn.sgd %p grad %p state %p lr %lr {momentum = 2.0 : f64, weight_decay = 0.0 : f64} : tensor<4xf32>, tensor<f32>
  return
}

// -----

// nn_sgd_c2
func.func @sgd_decay(%p: tensor<4xf32>, %lr: tensor<f32>) {
  // expected-error @+1 {{expects 'weight_decay' not to be negative, is -1.0}}
  %a, %b = nn.sgd %p grad %p state %p lr %lr {momentum = 0.0 : f64, weight_decay = -1.0 : f64} : tensor<4xf32>, tensor<f32>
  return
}

// -----

// nn_detach_c1
func.func @detach(%x: tensor<4xf32>) {
  // expected-error @+1 {{expects 'result' of type 'tensor<4xf32>', is 'tensor<2x2xf32>'}}
  %d = nn.detach %x : tensor<4xf32> -> tensor<2x2xf32>
  return
}

// -----

// nn_rank_mean_c1
func.func @rank_mean(%x: tensor<f32>) {
  // expected-error @+1 {{expects 'result' of type 'tensor<f32>', is 'tensor<f64>'}}
  %d = nn.rank_mean %x : tensor<f32> -> tensor<f64>
  return
}
