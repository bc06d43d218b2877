// Convolutions and pooling have gradients that stay whole; each is the adjoint of the other.

// RUN: raddle-opt %s --split-input-file --raddle-grad="with-cotangent" --canonicalize --cse | FileCheck %s

// CHECK-LABEL: func.func @main_grad(
// CHECK-SAME: %[[X:.*]]: tensor<2x4x7x7xf32>, %[[W:.*]]: tensor<6x2x3x3xf32>, %[[G:.*]]: tensor<2x6x4x4xf32>)
// CHECK: %[[DX:.*]] = nn.conv_transpose %[[G]], %[[W]] {{{.*}}groups = 2 : i64{{.*}}stride = array<i64: 2, 2>}
// CHECK: %[[DW:.*]] = nn.conv_weight_grad %[[X]], %[[G]] {{{.*}}groups = 2 : i64{{.*}}stride = array<i64: 2, 2>}
// CHECK: return %{{.*}}, %[[DX]], %[[DW]]
func.func @main(%x: tensor<2x4x7x7xf32>, %w: tensor<6x2x3x3xf32>) -> tensor<2x6x4x4xf32> {
  %out = nn.conv %x, %w {stride = array<i64: 2, 2>, padding = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 2 : i64}
    : tensor<2x4x7x7xf32>, tensor<6x2x3x3xf32> -> tensor<2x6x4x4xf32>
  return %out : tensor<2x6x4x4xf32>
}

// -----

// CHECK-LABEL: func.func @main_grad(
// CHECK-SAME: %[[X:.*]]: tensor<2x6x4xf32>, %[[W:.*]]: tensor<6x2x3xf32>, %[[G:.*]]: tensor<2x2x8xf32>)
// CHECK: %[[DX:.*]] = nn.conv %[[G]], %[[W]]
// CHECK: %[[DW:.*]] = nn.conv_weight_grad %[[G]], %[[X]]
// CHECK: return %{{.*}}, %[[DX]], %[[DW]]
func.func @main(%x: tensor<2x6x4xf32>, %w: tensor<6x2x3xf32>) -> tensor<2x2x8xf32> {
  %out = nn.conv_transpose %x, %w {stride = array<i64: 2>, padding = array<i64: 1>, dilation = array<i64: 1>, groups = 1 : i64}
    : tensor<2x6x4xf32>, tensor<6x2x3xf32> -> tensor<2x2x8xf32>
  return %out : tensor<2x2x8xf32>
}

// -----

// CHECK-LABEL: func.func @main_grad(
// CHECK-SAME: %[[X:.*]]: tensor<2x4x7xf32>, %[[Y:.*]]: tensor<2x6x4xf32>, %[[G:.*]]: tensor<6x4x3xf32>)
// CHECK: %[[DX:.*]] = nn.conv_transpose %[[Y]], %[[G]]
// CHECK: %[[DY:.*]] = nn.conv %[[X]], %[[G]]
// CHECK: return %{{.*}}, %[[DX]], %[[DY]]
func.func @main(%x: tensor<2x4x7xf32>, %y: tensor<2x6x4xf32>) -> tensor<6x4x3xf32> {
  %out = nn.conv_weight_grad %x, %y {stride = array<i64: 2>, padding = array<i64: 1>, dilation = array<i64: 1>, groups = 1 : i64}
    : tensor<2x4x7xf32>, tensor<2x6x4xf32> -> tensor<6x4x3xf32>
  return %out : tensor<6x4x3xf32>
}

// -----

// The sum of overlapping windows goes back as windows, and those as a sum.
// CHECK-LABEL: func.func @main_grad(
// CHECK-SAME: %{{.*}}: tensor<2x4x7xf32>, %[[G:.*]]: tensor<2x4x7xf32>)
// CHECK: %[[WINDOWS:.*]] = nn.unfold %[[G]]
// CHECK: %[[DX:.*]] = nn.fold %[[WINDOWS]]
// CHECK: return %{{.*}}, %[[DX]]
func.func @main(%x: tensor<2x4x7xf32>) -> tensor<2x4x7xf32> {
  %windows = nn.unfold %x {stride = array<i64: 1>, padding = array<i64: 1>, dilation = array<i64: 1>}
    : tensor<2x4x7xf32> -> tensor<2x4x3x7xf32>
  %out = nn.fold %windows {stride = array<i64: 1>, padding = array<i64: 1>, dilation = array<i64: 1>}
    : tensor<2x4x3x7xf32> -> tensor<2x4x7xf32>
  return %out : tensor<2x4x7xf32>
}

// -----

// CHECK-LABEL: func.func @main_grad(
// CHECK-SAME: %{{.*}}: tensor<2x4x8xf32>, %[[G:.*]]: tensor<2x4x4xf32>)
// CHECK: %[[OUT:.*]], %[[AT:.*]] = nn.max_pool
// CHECK: %[[DX:.*]] = nn.max_pool_grad %[[G]], %[[AT]]
// CHECK: return %[[OUT]], %[[DX]]
func.func @main(%x: tensor<2x4x8xf32>) -> tensor<2x4x4xf32> {
  %out, %at = nn.max_pool %x {kernel = array<i64: 3>, stride = array<i64: 2>, padding = array<i64: 1>, dilation = array<i64: 1>}
    : tensor<2x4x8xf32> -> tensor<2x4x4xf32>, tensor<2x4x4xi64>
  return %out : tensor<2x4x4xf32>
}

// -----

// CHECK-LABEL: func.func @main_grad(
// CHECK-SAME: %{{.*}}: tensor<2x4x8xf32>, %[[G:.*]]: tensor<2x4x8xf32>)
// CHECK: %[[SUM:.*]] = nn.sum_pool %[[G]]
// CHECK: %[[DX:.*]] = nn.sum_pool_grad %[[SUM]]
// CHECK: return %{{.*}}, %[[DX]]
func.func @main(%x: tensor<2x4x8xf32>) -> tensor<2x4x8xf32> {
  %sum = nn.sum_pool %x {kernel = array<i64: 3>, stride = array<i64: 2>, padding = array<i64: 1>, dilation = array<i64: 1>}
    : tensor<2x4x8xf32> -> tensor<2x4x4xf32>
  %out = nn.sum_pool_grad %sum {kernel = array<i64: 3>, stride = array<i64: 2>, padding = array<i64: 1>, dilation = array<i64: 1>}
    : tensor<2x4x4xf32> -> tensor<2x4x8xf32>
  return %out : tensor<2x4x8xf32>
}
