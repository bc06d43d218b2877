// Gradients of running sums, products and extrema are such ops again.

// RUN: raddle-opt %s --split-input-file --raddle-grad=with-cotangent | FileCheck %s

// CHECK-LABEL: func.func @main_grad(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<4x3xf32>, %[[G:[a-z0-9]+]]: tensor<4x3xf32>)
// CHECK: %[[OUT:.*]] = nn.logcumsumexp %[[X]]
// CHECK: %[[SUM:.*]] = nn.cumsum %[[G]] {dim = 1 : i64, reverse}
// CHECK: %[[DX:.*]] = nn.logcumsumexp_grad %[[X]] out %[[OUT]] grad %[[SUM]] {dim = 0 : i64}
// CHECK: return %{{.*}}, %[[DX]]
func.func @main(%x: tensor<4x3xf32>) -> tensor<4x3xf32> {
  %l = nn.logcumsumexp %x {dim = 0 : i64} : tensor<4x3xf32> -> tensor<4x3xf32>
  %y = nn.cumsum %l {dim = 1 : i64} : tensor<4x3xf32> -> tensor<4x3xf32>
  return %y : tensor<4x3xf32>
}

// -----

// The factors are read again, not the product: a zero among them is no harm.
// CHECK-LABEL: func.func @main_grad(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<4xf32>, %[[G:[a-z0-9]+]]: tensor<4xf32>)
// CHECK: %[[P:.*]] = nn.cumprod %[[X]]
// CHECK: %{{.*}}, %[[PLACES:.*]] = nn.cummin %[[P]]
// CHECK: %[[DP:.*]] = nn.cumextremum_grad %[[PLACES]] grad %[[G]] {dim = 0 : i64}
// CHECK: nn.cumprod_grad %[[X]] grad %[[DP]] {dim = 0 : i64}
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %p = nn.cumprod %x {dim = 0 : i64} : tensor<4xf32> -> tensor<4xf32>
  %v, %i = nn.cummin %p {dim = 0 : i64} : tensor<4xf32> -> tensor<4xf32>, tensor<4xi64>
  return %v : tensor<4xf32>
}
