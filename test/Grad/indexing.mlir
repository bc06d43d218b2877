// Gradients of rows that are read and written by index.

// RUN: raddle-opt %s --split-input-file --raddle-grad=with-cotangent --canonicalize --cse | FileCheck %s

// A row that is read twice gets both gradients.
// CHECK-LABEL: func.func @main_grad(
// CHECK-SAME: %{{.*}}: tensor<8x4xf32>, %[[I:.*]]: tensor<3xi64>, %[[G:.*]]: tensor<3x4xf32>)
// CHECK: %[[ZEROS:.*]] = linalg.fill
// CHECK: nn.scatter_rows add %[[G]] into %[[ZEROS]] at %[[I]]
func.func @main(%t: tensor<8x4xf32>, %i: tensor<3xi64>) -> tensor<3x4xf32> {
  %r = nn.gather_rows %t at %i : tensor<8x4xf32>, tensor<3xi64> -> tensor<3x4xf32>
  return %r : tensor<3x4xf32>
}

// -----

// What is overwritten gets nothing.
// CHECK-LABEL: func.func @main_grad(
// CHECK-SAME: %[[I:[a-z0-9]*]]: tensor<3xi64>, %[[G:[a-z0-9]*]]: tensor<8x4xf32>)
// CHECK: %[[ZEROS:.*]] = linalg.fill {{.*}} -> tensor<3x4xf32>
// CHECK-DAG: %[[DT:.*]] = nn.scatter_rows set %[[ZEROS]] into %[[G]] at %[[I]]
// CHECK-DAG: %[[DU:.*]] = nn.gather_rows %[[G]] at %[[I]]
// CHECK: return %{{.*}}, %[[DT]], %[[DU]]
func.func @main(%t: tensor<8x4xf32>, %u: tensor<3x4xf32>, %i: tensor<3xi64>) -> tensor<8x4xf32> {
  %r = nn.scatter_rows set %u into %t at %i : tensor<3x4xf32>, tensor<8x4xf32>, tensor<3xi64>
  return %r : tensor<8x4xf32>
}

// -----

// CHECK-LABEL: func.func @main_grad(
// CHECK-SAME: %[[I:[a-z0-9]*]]: tensor<3xi64>, %[[G:[a-z0-9]*]]: tensor<8x4xf32>)
// CHECK: %[[DU:.*]] = nn.gather_rows %[[G]] at %[[I]]
// CHECK: return %{{.*}}, %[[G]], %[[DU]]
func.func @main(%t: tensor<8x4xf32>, %u: tensor<3x4xf32>, %i: tensor<3xi64>) -> tensor<8x4xf32> {
  %r = nn.scatter_rows add %u into %t at %i : tensor<3x4xf32>, tensor<8x4xf32>, tensor<3xi64>
  return %r : tensor<8x4xf32>
}

// -----

// All that equal the greatest share: they are counted.
// CHECK-LABEL: func.func @main_grad(
// CHECK: %[[OUT:.*]] = nn.scatter_rows max
// CHECK: nn.gather_rows %[[OUT]]
// CHECK: %[[COUNT:.*]] = nn.scatter_rows add
// CHECK: %[[SHARE:.*]] = linalg.generic {{.*}} ins(%{{.*}}, %[[COUNT]]
// CHECK: arith.divf
// CHECK: nn.gather_rows %[[SHARE]]
func.func @main(%t: tensor<8x4xf32>, %u: tensor<3x4xf32>, %i: tensor<3xi64>) -> tensor<8x4xf32> {
  %r = nn.scatter_rows max %u into %t at %i : tensor<3x4xf32>, tensor<8x4xf32>, tensor<3xi64>
  return %r : tensor<8x4xf32>
}
