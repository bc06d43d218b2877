// Constraints of attention and of its gradient, each by its tag.

// RUN: raddle-opt %s --split-input-file --verify-diagnostics

// nn_attention_c1
func.func @rank(%q: tensor<2x8x16xf32>, %k: tensor<2x2x12x64xf32>) {
  // expected-error @+1 {{expects 'query' of rank 4, is 'tensor<2x8x16xf32>'}}
  %out, %lse = nn.attention %q, %k, %k {scale = 1.0 : f64}
    : tensor<2x8x16xf32>, tensor<2x2x12x64xf32>, tensor<2x2x12x64xf32> -> tensor<2x8x16x64xf32>, tensor<2x8x16xf32>
  return
}

// -----

// nn_attention_c1
func.func @element(%q: tensor<2x8x16x64xf32>, %k: tensor<2x2x12x64xf32>, %v: tensor<2x2x12x64xf16>) {
  // expected-error @+1 {{expects 'value' of element type 'f32', is 'tensor<2x2x12x64xf16>'}}
  %out, %lse = nn.attention %q, %k, %v {scale = 1.0 : f64}
    : tensor<2x8x16x64xf32>, tensor<2x2x12x64xf32>, tensor<2x2x12x64xf16> -> tensor<2x8x16x64xf32>, tensor<2x8x16xf32>
  return
}

// -----

// nn_attention_c2
func.func @key(%q: tensor<2x8x16x64xf32>, %k: tensor<3x2x12x64xf32>) {
  // expected-error @+1 {{expects 'key' with batch 2 and width 64, is 'tensor<3x2x12x64xf32>'}}
  %out, %lse = nn.attention %q, %k, %k {scale = 1.0 : f64}
    : tensor<2x8x16x64xf32>, tensor<3x2x12x64xf32>, tensor<3x2x12x64xf32> -> tensor<2x8x16x64xf32>, tensor<2x8x16xf32>
  return
}

// -----

// nn_attention_c2
func.func @value(%q: tensor<2x8x16x64xf32>, %k: tensor<2x2x12x64xf32>, %v: tensor<2x2x11x64xf32>) {
  // expected-error @+1 {{expects 'value' with batch 2, 2 heads and length 12, is 'tensor<2x2x11x64xf32>'}}
  %out, %lse = nn.attention %q, %k, %v {scale = 1.0 : f64}
    : tensor<2x8x16x64xf32>, tensor<2x2x12x64xf32>, tensor<2x2x11x64xf32> -> tensor<2x8x16x64xf32>, tensor<2x8x16xf32>
  return
}

// -----

// nn_attention_c2
func.func @heads(%q: tensor<2x8x16x64xf32>, %k: tensor<2x3x12x64xf32>) {
  // expected-error @+1 {{expects a number of key heads that divides 8, is 3}}
  %out, %lse = nn.attention %q, %k, %k {scale = 1.0 : f64}
    : tensor<2x8x16x64xf32>, tensor<2x3x12x64xf32>, tensor<2x3x12x64xf32> -> tensor<2x8x16x64xf32>, tensor<2x8x16xf32>
  return
}

// -----

// nn_attention_c2
func.func @no_heads(%q: tensor<2x8x16x64xf32>, %k: tensor<2x0x12x64xf32>) {
  // expected-error @+1 {{expects a number of key heads that divides 8, is 0}}
  %out, %lse = nn.attention %q, %k, %k {scale = 1.0 : f64}
    : tensor<2x8x16x64xf32>, tensor<2x0x12x64xf32>, tensor<2x0x12x64xf32> -> tensor<2x8x16x64xf32>, tensor<2x8x16xf32>
  return
}

// -----

// nn_attention_c3
func.func @mask_rank(%q: tensor<2x8x16x64xf32>, %k: tensor<2x2x12x64xf32>, %m: tensor<16x12xi1>) {
  // expected-error @+1 {{expects 'mask' of rank 4, is 'tensor<16x12xi1>'}}
  %out, %lse = nn.attention %q, %k, %k mask %m {scale = 1.0 : f64}
    : tensor<2x8x16x64xf32>, tensor<2x2x12x64xf32>, tensor<2x2x12x64xf32> mask tensor<16x12xi1>
    -> tensor<2x8x16x64xf32>, tensor<2x8x16xf32>
  return
}

// -----

// nn_attention_c3
func.func @mask_shape(%q: tensor<2x8x16x64xf32>, %k: tensor<2x2x12x64xf32>, %m: tensor<2x2x16x12xf32>) {
  // expected-error @+1 {{expects dimension 1 of 'mask' to be 1 or 8, is 'tensor<2x2x16x12xf32>'}}
  %out, %lse = nn.attention %q, %k, %k mask %m {scale = 1.0 : f64}
    : tensor<2x8x16x64xf32>, tensor<2x2x12x64xf32>, tensor<2x2x12x64xf32> mask tensor<2x2x16x12xf32>
    -> tensor<2x8x16x64xf32>, tensor<2x8x16xf32>
  return
}

// -----

func.func @mask_type(%q: tensor<2x8x16x64xf32>, %k: tensor<2x2x12x64xf32>, %m: tensor<2x8x16x12xi32>) {
  // expected-error @+1 {{operand #3 must be statically shaped tensor of floating-point or 1-bit signless integer values}}
  %out, %lse = nn.attention %q, %k, %k mask %m {scale = 1.0 : f64}
    : tensor<2x8x16x64xf32>, tensor<2x2x12x64xf32>, tensor<2x2x12x64xf32> mask tensor<2x8x16x12xi32>
    -> tensor<2x8x16x64xf32>, tensor<2x8x16xf32>
  return
}

// -----

// nn_attention_c4
func.func @out(%q: tensor<2x8x16x64xf32>, %k: tensor<2x2x12x64xf32>, %v: tensor<2x2x12x32xf32>) {
  // expected-error @+1 {{expects 'out' of type 'tensor<2x8x16x32xf32>', is 'tensor<2x8x16x64xf32>'}}
  %out, %lse = nn.attention %q, %k, %v {scale = 1.0 : f64}
    : tensor<2x8x16x64xf32>, tensor<2x2x12x64xf32>, tensor<2x2x12x32xf32> -> tensor<2x8x16x64xf32>, tensor<2x8x16xf32>
  return
}

// -----

// nn_attention_c4
func.func @lse(%q: tensor<2x8x16x64xf32>, %k: tensor<2x2x12x64xf32>) {
  // expected-error @+1 {{expects 'lse' of type 'tensor<2x8x16xf32>', is 'tensor<2x8x12xf32>'}}
  %out, %lse = nn.attention %q, %k, %k {scale = 1.0 : f64}
    : tensor<2x8x16x64xf32>, tensor<2x2x12x64xf32>, tensor<2x2x12x64xf32> -> tensor<2x8x16x64xf32>, tensor<2x8x12xf32>
  return
}

// -----

// nn_attention_grad_c1
func.func @grad_forward(%q: tensor<2x4x6x8xf32>, %o: tensor<2x4x6x7xf32>, %l: tensor<2x4x6xf32>) {
  // expected-error @+1 {{expects 'out' of type 'tensor<2x4x6x8xf32>', is 'tensor<2x4x6x7xf32>'}}
  %dq, %dk, %dv = "nn.attention_grad"(%q, %q, %q, %o, %l, %q) {scale = 1.0 : f64}
    : (tensor<2x4x6x8xf32>, tensor<2x4x6x8xf32>, tensor<2x4x6x8xf32>, tensor<2x4x6x7xf32>, tensor<2x4x6xf32>, tensor<2x4x6x8xf32>)
    -> (tensor<2x4x6x8xf32>, tensor<2x4x6x8xf32>, tensor<2x4x6x8xf32>)
  return
}

// -----

// nn_attention_grad_c1
func.func @grad_incoming(%q: tensor<2x4x6x8xf32>, %g: tensor<2x4x5x8xf32>, %l: tensor<2x4x6xf32>) {
  // expected-error @+1 {{expects 'out_grad' of type 'tensor<2x4x6x8xf32>', is 'tensor<2x4x5x8xf32>'}}
  %dq, %dk, %dv = "nn.attention_grad"(%q, %q, %q, %q, %l, %g) {scale = 1.0 : f64}
    : (tensor<2x4x6x8xf32>, tensor<2x4x6x8xf32>, tensor<2x4x6x8xf32>, tensor<2x4x6x8xf32>, tensor<2x4x6xf32>, tensor<2x4x5x8xf32>)
    -> (tensor<2x4x6x8xf32>, tensor<2x4x6x8xf32>, tensor<2x4x6x8xf32>)
  return
}

// -----

// nn_attention_grad_c2
func.func @grad_results(%q: tensor<2x4x6x8xf32>, %k: tensor<2x2x6x8xf32>, %l: tensor<2x4x6xf32>) {
  // expected-error @+1 {{expects 'key_grad' of type 'tensor<2x2x6x8xf32>', is 'tensor<2x4x6x8xf32>'}}
  %dq, %dk, %dv = "nn.attention_grad"(%q, %k, %k, %q, %l, %q) {scale = 1.0 : f64}
    : (tensor<2x4x6x8xf32>, tensor<2x2x6x8xf32>, tensor<2x2x6x8xf32>, tensor<2x4x6x8xf32>, tensor<2x4x6xf32>, tensor<2x4x6x8xf32>)
    -> (tensor<2x4x6x8xf32>, tensor<2x4x6x8xf32>, tensor<2x2x6x8xf32>)
  return
}

// -----

// nn_attention_grad_c2
func.func @grad_value(%q: tensor<2x4x6x8xf32>, %l: tensor<2x4x6xf32>) {
  // expected-error @+1 {{expects 'value_grad' of type 'tensor<2x4x6x8xf32>', is 'tensor<2x4x6x9xf32>'}}
  %dq, %dk, %dv = "nn.attention_grad"(%q, %q, %q, %q, %l, %q) {scale = 1.0 : f64}
    : (tensor<2x4x6x8xf32>, tensor<2x4x6x8xf32>, tensor<2x4x6x8xf32>, tensor<2x4x6x8xf32>, tensor<2x4x6xf32>, tensor<2x4x6x8xf32>)
    -> (tensor<2x4x6x8xf32>, tensor<2x4x6x8xf32>, tensor<2x4x6x9xf32>)
  return
}
