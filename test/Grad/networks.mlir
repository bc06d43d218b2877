// Ops of the nn dialect bring their own gradients, which stay whole.

// RUN: raddle-opt %s --split-input-file --raddle-grad="with-cotangent" --canonicalize --cse | FileCheck %s

// CHECK-LABEL: func.func @main_grad(
// CHECK-SAME: %[[Q:.*]]: tensor<2x4x6x8xf32>, %[[K:.*]]: tensor<2x2x5x8xf32>, %[[V:.*]]: tensor<2x2x5x8xf32>, %[[MASK:.*]]: tensor<1x1x6x5xi1>, %[[G:.*]]: tensor<2x4x6x8xf32>)
// CHECK: %[[OUT:.*]], %[[LSE:.*]] = nn.attention
// CHECK: %[[DQ:.*]], %[[DK:.*]], %[[DV:.*]] = nn.attention_grad %[[Q]], %[[K]], %[[V]] mask %[[MASK]] out %[[OUT]], %[[LSE]] grad %[[G]] {causal, scale = 5.000000e-01 : f64}
// CHECK: return %[[OUT]], %[[DQ]], %[[DK]], %[[DV]]
func.func @main(%q: tensor<2x4x6x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf32>, %mask: tensor<1x1x6x5xi1>)
    -> tensor<2x4x6x8xf32> {
  %out, %lse = "nn.attention"(%q, %k, %v, %mask) {causal, scale = 0.5 : f64}
    : (tensor<2x4x6x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>, tensor<1x1x6x5xi1>)
    -> (tensor<2x4x6x8xf32>, tensor<2x4x6xf32>)
  return %out : tensor<2x4x6x8xf32>
}

// -----

// Weight and bias get sums over rows, of the normalised input times the gradient and of the gradient.
// CHECK-LABEL: func.func @main_grad(
// CHECK-SAME: %[[X:.*]]: tensor<4x8xf32>, %[[W:.*]]: tensor<8xf32>, %[[B:.*]]: tensor<8xf32>, %[[G:.*]]: tensor<4x8xf32>)
// CHECK: %{{.*}}, %[[MEAN:.*]], %[[RSTD:.*]] = nn.layer_norm
// CHECK: %[[DX:.*]] = nn.layer_norm_grad %[[X]] weight %[[W]] stats %[[MEAN]], %[[RSTD]] grad %[[G]]
// CHECK: %[[DW:.*]] = linalg.generic {{.*}} iterator_types = ["reduction", "parallel"]} ins(%[[X]], %[[MEAN]], %[[RSTD]], %[[G]] :
// CHECK: %[[DB:.*]] = linalg.generic {{.*}} iterator_types = ["reduction", "parallel"]} ins(%[[G]] :
// CHECK: return %{{.*}}, %[[DX]], %[[DW]], %[[DB]]
func.func @main(%x: tensor<4x8xf32>, %w: tensor<8xf32>, %b: tensor<8xf32>) -> tensor<4x8xf32> {
  %out, %mean, %rstd = nn.layer_norm %x weight %w bias %b {eps = 1.0e-5 : f64}
    : tensor<4x8xf32>, tensor<8xf32> bias tensor<8xf32> -> tensor<4x8xf32>, tensor<4xf32>, tensor<4xf32>
  return %out : tensor<4x8xf32>
}

// -----

// A bias alone is not taken for a weight.
// CHECK-LABEL: func.func @main_grad(
// CHECK: %[[DX:.*]] = nn.layer_norm_grad %{{[a-z0-9]*}} stats
// CHECK: %[[DB:.*]] = linalg.generic
// CHECK: return %{{.*}}, %[[DX]], %[[DB]]
func.func @main(%x: tensor<4x8xf32>, %b: tensor<8xf32>) -> tensor<4x8xf32> {
  %out, %mean, %rstd = nn.layer_norm %x bias %b {eps = 1.0e-5 : f64}
    : tensor<4x8xf32> bias tensor<8xf32> -> tensor<4x8xf32>, tensor<4xf32>, tensor<4xf32>
  return %out : tensor<4x8xf32>
}

// -----

// CHECK-LABEL: func.func @main_grad(
// CHECK-SAME: %[[X:.*]]: tensor<2x4x8xf32>, %[[W:.*]]: tensor<8xf32>, %[[G:.*]]: tensor<2x4x8xf32>)
// CHECK: %{{.*}}, %[[RSTD:.*]] = nn.rms_norm
// CHECK: %[[DX:.*]] = nn.rms_norm_grad %[[X]] weight %[[W]] stats %[[RSTD]] grad %[[G]]
// CHECK: %[[DW:.*]] = linalg.generic {{.*}} iterator_types = ["reduction", "reduction", "parallel"]}
// CHECK: return %{{.*}}, %[[DX]], %[[DW]]
func.func @main(%x: tensor<2x4x8xf32>, %w: tensor<8xf32>) -> tensor<2x4x8xf32> {
  %out, %rstd = nn.rms_norm %x weight %w {eps = 1.0e-5 : f64}
    : tensor<2x4x8xf32>, tensor<8xf32> -> tensor<2x4x8xf32>, tensor<2x4xf32>
  return %out : tensor<2x4x8xf32>
}

// -----

// CHECK-LABEL: func.func @main_grad(
// CHECK-SAME: %[[T:.*]]: tensor<10x4xf32>, %[[I:.*]]: tensor<2x3xi64>, %[[G:.*]]: tensor<2x3x4xf32>) -> (tensor<2x3x4xf32>, tensor<10x4xf32>)
// CHECK: nn.embedding_grad %[[G]], %[[I]] {padding_index = 1 : i64}
func.func @main(%t: tensor<10x4xf32>, %i: tensor<2x3xi64>) -> tensor<2x3x4xf32> {
  %e = nn.embedding %t, %i {padding_index = 1 : i64} : tensor<10x4xf32>, tensor<2x3xi64> -> tensor<2x3x4xf32>
  return %e : tensor<2x3x4xf32>
}

// -----

// The count carries no gradient: the mean's gradient for the sum is one over the count.
// CHECK-LABEL: func.func @main_grad(
// CHECK: %[[SUM:.*]], %[[COUNT:.*]], %[[LSE:.*]] = nn.cross_entropy
// CHECK: %[[DSUM:.*]] = linalg.generic {{.*}} ins(%[[COUNT]], %{{.*}} :
// CHECK: arith.divf
// CHECK: %[[DL:.*]] = nn.cross_entropy_grad %{{.*}}, %{{.*}} stats %[[LSE]] grad %[[DSUM]] {ignore_index = -100 : i64}
// CHECK: return %{{.*}}, %[[DL]]
func.func @main(%l: tensor<6x10xf32>, %i: tensor<6xi64>) -> tensor<f32> {
  %sum, %count, %lse = nn.cross_entropy %l, %i {ignore_index = -100 : i64}
    : tensor<6x10xf32>, tensor<6xi64> -> tensor<f32>, tensor<f32>, tensor<6xf32>
  %e = tensor.empty() : tensor<f32>
  %mean = linalg.div ins(%sum, %count : tensor<f32>, tensor<f32>) outs(%e : tensor<f32>) -> tensor<f32>
  return %mean : tensor<f32>
}
