// The gradient of attention for a floating-point mask is that of the scores, summed where the mask broadcasts.

// RUN: raddle-opt %s --split-input-file --verify-diagnostics --verify-roundtrip -o /dev/null
// RUN: raddle-opt %s --split-input-file --verify-diagnostics --nn-decompose | FileCheck %s --check-prefix=MEANS

// MEANS-LABEL: @sum
// MEANS-NOT: nn.
// MEANS: linalg.generic {{.*}} ["reduction", "parallel", "parallel", "reduction", "parallel"]} {{.*}} outs(%{{.*}} : tensor<4x1x3xf32>)
// MEANS: tensor.expand_shape {{.*}} into tensor<1x4x1x3xf32>
func.func @sum(%q: tensor<2x4x3x8xf32>, %m: tensor<1x4x1x3xf32>, %l: tensor<2x4x3xf32>) -> tensor<1x4x1x3xf32> {
  %dm = nn.attention_mask_grad %q, %q, %q mask %m out %q, %l grad %q {scale = 1.0 : f64}
    : tensor<2x4x3x8xf32>, tensor<2x4x3x8xf32>, tensor<2x4x3x8xf32> mask tensor<1x4x1x3xf32>, tensor<2x4x3x8xf32>,
      tensor<2x4x3xf32>, tensor<2x4x3x8xf32> -> tensor<1x4x1x3xf32>
  return %dm : tensor<1x4x1x3xf32>
}

// -----

// nn_attention_mask_grad_c1
func.func @type(%q: tensor<2x4x3x8xf32>, %m: tensor<1x4x1x3xf32>, %l: tensor<2x4x3xf32>) {
  // expected-error @+1 {{expects 'mask_grad' of type 'tensor<1x4x1x3xf32>', is 'tensor<4x3xf32>'}}
  %dm = nn.attention_mask_grad %q, %q, %q mask %m out %q, %l grad %q {scale = 1.0 : f64}
    : tensor<2x4x3x8xf32>, tensor<2x4x3x8xf32>, tensor<2x4x3x8xf32> mask tensor<1x4x1x3xf32>, tensor<2x4x3x8xf32>,
      tensor<2x4x3xf32>, tensor<2x4x3x8xf32> -> tensor<4x3xf32>
  return
}

// -----

// nn_attention_mask_grad_c2
func.func @out(%q: tensor<2x4x3x8xf32>, %m: tensor<1x4x1x3xf32>, %l: tensor<2x4xf32>) {
  // expected-error @+1 {{expects 'lse' of type 'tensor<2x4x3xf32>', is 'tensor<2x4xf32>'}}
  %dm = nn.attention_mask_grad %q, %q, %q mask %m out %q, %l grad %q {scale = 1.0 : f64}
    : tensor<2x4x3x8xf32>, tensor<2x4x3x8xf32>, tensor<2x4x3x8xf32> mask tensor<1x4x1x3xf32>, tensor<2x4x3x8xf32>,
      tensor<2x4xf32>, tensor<2x4x3x8xf32> -> tensor<1x4x1x3xf32>
  return
}
