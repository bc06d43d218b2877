// Indices are checked before they are used, one check for equal checks of one value.

// RUN: raddle-opt %s --fuse-check-indices | FileCheck %s

// CHECK-LABEL: func.func @lookups(
// CHECK-SAME: %[[IDS:[a-z0-9]+]]: tensor<2x3xi64>, %[[LABELS:[a-z0-9]+]]: tensor<6xi32>
// CHECK: exec.check_index %[[IDS]] in 10 for "row of an embedding" : tensor<2x3xi64>
// CHECK: nn.embedding
// CHECK-NOT: exec.check_index
// CHECK: nn.embedding
// The same indices select from a smaller table.
// CHECK: exec.check_index %[[IDS]] in 5 for "row of an embedding"
// CHECK: nn.embedding
// CHECK: exec.check_index %[[LABELS]] in 7 for "class of a cross-entropy" {ignore = -100 : i64} : tensor<6xi32>
// CHECK: nn.cross_entropy
// CHECK-NOT: exec.check_index
// CHECK: nn.cross_entropy
// CHECK: exec.check_index %[[LABELS]] in 7 for "class of a cross-entropy" {ignore = 0 : i64} : tensor<6xi32>
// CHECK: nn.cross_entropy
func.func @lookups(%ids: tensor<2x3xi64>, %labels: tensor<6xi32>, %t: tensor<10x4xf32>, %u: tensor<10x4xf32>, %s: tensor<5x4xf32>,
                   %l: tensor<6x7xf32>) {
  %a = nn.embedding %t, %ids : tensor<10x4xf32>, tensor<2x3xi64> -> tensor<2x3x4xf32>
  %b = nn.embedding %u, %ids {padding_index = 1 : i64} : tensor<10x4xf32>, tensor<2x3xi64> -> tensor<2x3x4xf32>
  %c = nn.embedding %s, %ids : tensor<5x4xf32>, tensor<2x3xi64> -> tensor<2x3x4xf32>
  %d:3 = nn.cross_entropy %l, %labels {ignore_index = -100 : i64} : tensor<6x7xf32>, tensor<6xi32> -> tensor<f32>, tensor<f32>, tensor<6xf32>
  %e:3 = nn.cross_entropy %l, %labels {ignore_index = -100 : i64} : tensor<6x7xf32>, tensor<6xi32> -> tensor<f32>, tensor<f32>, tensor<6xf32>
  %f:3 = nn.cross_entropy %l, %labels {ignore_index = 0 : i64} : tensor<6x7xf32>, tensor<6xi32> -> tensor<f32>, tensor<f32>, tensor<6xf32>
  return
}

// What counts from the end may be negative.
// CHECK-LABEL: func.func @checked(
// CHECK: exec.check_index %{{.*}} in 10 for "index of aten.index" {lowest = -10 : i64} : tensor<3xi32>
// CHECK: exec.check_index %{{.*}} in 10 for "index of aten.gather" : tensor<3xi32>
// CHECK: exec.check_index %{{.*}} in 10 for "class of a loss" {ignore = -7 : i64} : tensor<3xi32>
func.func @checked(%i: tensor<3xi32>) {
  %a = nn.checked_index %i in 10 for "index of aten.index" {from_end} : tensor<3xi32> -> tensor<3xi64>
  %b = nn.checked_index %i in 10 for "index of aten.gather" : tensor<3xi32> -> tensor<3xi64>
  %c = nn.checked_index %i in 10 for "class of a loss" {ignore_index = -7 : i64} : tensor<3xi32> -> tensor<3xi64>
  return
}

// A check is of one function's value.
// CHECK-LABEL: func.func @other(
// CHECK: exec.check_index
func.func @other(%ids: tensor<2x3xi64>, %t: tensor<10x4xf32>) {
  %a = nn.embedding %t, %ids : tensor<10x4xf32>, tensor<2x3xi64> -> tensor<2x3x4xf32>
  return
}
