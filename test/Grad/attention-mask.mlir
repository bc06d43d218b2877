// A floating-point mask that depends on a parameter gets a gradient.

// RUN: raddle-opt %s --raddle-grad=with-cotangent | FileCheck %s

// CHECK-LABEL: func.func @main_grad(
// CHECK-SAME: %{{[a-z0-9]+}}: tensor<2x4x3x8xf32>, %[[M:[a-z0-9]+]]: tensor<1x4x1x3xf32>, %[[G:[a-z0-9]+]]: tensor<2x4x3x8xf32>)
// CHECK: %[[OUT:.*]], %[[LSE:.*]] = nn.attention
// CHECK: nn.attention_mask_grad {{.*}} mask %[[M]] out %[[OUT]], %[[LSE]] grad %[[G]] {scale = 1.000000e+00 : f64}
// CHECK-SAME: -> tensor<1x4x1x3xf32>
func.func @main(%q: tensor<2x4x3x8xf32>, %m: tensor<1x4x1x3xf32>) -> tensor<2x4x3x8xf32> {
  %out, %lse = nn.attention %q, %q, %q mask %m {scale = 1.0 : f64}
    : tensor<2x4x3x8xf32>, tensor<2x4x3x8xf32>, tensor<2x4x3x8xf32> mask tensor<1x4x1x3xf32>
    -> tensor<2x4x3x8xf32>, tensor<2x4x3xf32>
  return %out : tensor<2x4x3x8xf32>
}
