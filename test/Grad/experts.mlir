// Gradients of products of groups of rows.

// RUN: raddle-opt %s --split-input-file --raddle-grad=with-cotangent --canonicalize --cse | FileCheck %s

// CHECK-LABEL: func.func @main_grad(
// CHECK-SAME: %[[X:[a-z0-9]*]]: tensor<6x3xf32>, %[[W:[a-z0-9]*]]: tensor<2x5x3xf32>, %[[E:[a-z0-9]*]]: tensor<2xi64>, %[[G:[a-z0-9]*]]: tensor<6x5xf32>)
// CHECK-DAG: %[[DX:.*]] = moe.grouped_matmul %[[G]], %[[W]] at %[[E]] : tensor<6x5xf32>
// CHECK-DAG: %[[DW:.*]] = moe.grouped_outer %[[G]], %[[X]] at %[[E]]
// CHECK: return %{{.*}}, %[[DX]], %[[DW]]
func.func @main(%x: tensor<6x3xf32>, %w: tensor<2x5x3xf32>, %e: tensor<2xi64>) -> tensor<6x5xf32> {
  %y = moe.grouped_matmul %x, %w at %e {transposed}
    : tensor<6x3xf32>, tensor<2x5x3xf32>, tensor<2xi64> -> tensor<6x5xf32>
  return %y : tensor<6x5xf32>
}

// -----

// CHECK-LABEL: func.func @main_grad(
// CHECK-SAME: %[[X:[a-z0-9]*]]: tensor<6x3xf32>, %[[Y:[a-z0-9]*]]: tensor<6x5xf32>, %[[E:[a-z0-9]*]]: tensor<2xi64>, %[[G:[a-z0-9]*]]: tensor<2x3x5xf32>)
// CHECK-DAG: %[[DX:.*]] = moe.grouped_matmul %[[Y]], %[[G]] at %[[E]] {transposed}
// CHECK-DAG: %[[DY:.*]] = moe.grouped_matmul %[[X]], %[[G]] at %[[E]] : tensor<6x3xf32>
// CHECK: return %{{.*}}, %[[DX]], %[[DY]]
func.func @main(%x: tensor<6x3xf32>, %y: tensor<6x5xf32>, %e: tensor<2xi64>) -> tensor<2x3x5xf32> {
  %w = moe.grouped_outer %x, %y at %e : tensor<6x3xf32>, tensor<6x5xf32>, tensor<2xi64> -> tensor<2x3x5xf32>
  return %w : tensor<2x3x5xf32>
}
