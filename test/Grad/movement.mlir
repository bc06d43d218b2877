// Data movement: what moved forward moves back.

// RUN: raddle-opt %s --split-input-file --raddle-grad="with-cotangent" --canonicalize --cse | FileCheck %s

// A slice's gradient stands in zeros.
// CHECK-LABEL: func.func @main_grad(
// CHECK-SAME: %[[X:.*]]: tensor<4x8xf32>, %[[G:.*]]: tensor<2x4xf32>)
// CHECK: %[[ZEROS:.*]] = linalg.fill
// CHECK: %[[DX:.*]] = tensor.insert_slice %[[G]] into %[[ZEROS]][1, 0] [2, 4] [1, 2] : tensor<2x4xf32> into tensor<4x8xf32>
// CHECK: return %{{.*}}, %[[DX]]
func.func @main(%x: tensor<4x8xf32>) -> tensor<2x4xf32> {
  %s = tensor.extract_slice %x[1, 0] [2, 4] [1, 2] : tensor<4x8xf32> to tensor<2x4xf32>
  return %s : tensor<2x4xf32>
}

// -----

// What was overwritten gets zeros, what was written gets its part.
// CHECK-LABEL: func.func @main_grad(
// CHECK-SAME: %[[X:.*]]: tensor<4xf32>, %[[Y:.*]]: tensor<8xf32>, %[[G:.*]]: tensor<8xf32>)
// CHECK-DAG: %[[DX:.*]] = tensor.extract_slice %[[G]][2] [4] [1]
// CHECK-DAG: %[[DY:.*]] = tensor.insert_slice %{{.*}} into %[[G]][2] [4] [1]
// CHECK: return %{{.*}}, %[[DX]], %[[DY]]
func.func @main(%x: tensor<4xf32>, %y: tensor<8xf32>) -> tensor<8xf32> {
  %s = tensor.insert_slice %x into %y[2] [4] [1] : tensor<4xf32> into tensor<8xf32>
  return %s : tensor<8xf32>
}

// -----

// The same value twice in a concatenation gets the sum of both parts.
// CHECK-LABEL: func.func @main_grad(
// CHECK-SAME: %[[X:.*]]: tensor<4x2xf32>, %[[Y:.*]]: tensor<4x3xf32>, %[[G:.*]]: tensor<4x7xf32>)
// CHECK-DAG: %[[FIRST:.*]] = tensor.extract_slice %[[G]][0, 0] [4, 2] [1, 1]
// CHECK-DAG: %[[DY:.*]] = tensor.extract_slice %[[G]][0, 2] [4, 3] [1, 1]
// CHECK-DAG: %[[LAST:.*]] = tensor.extract_slice %[[G]][0, 5] [4, 2] [1, 1]
// CHECK: %[[DX:.*]] = linalg.generic {{.*}} ins(%[[FIRST]], %[[LAST]]
// CHECK: return %{{.*}}, %[[DX]], %[[DY]]
func.func @main(%x: tensor<4x2xf32>, %y: tensor<4x3xf32>) -> tensor<4x7xf32> {
  %c = tensor.concat dim(1) %x, %y, %x : (tensor<4x2xf32>, tensor<4x3xf32>, tensor<4x2xf32>) -> tensor<4x7xf32>
  return %c : tensor<4x7xf32>
}

// -----

// CHECK-LABEL: func.func @main_grad(
// CHECK-SAME: %[[X:.*]]: tensor<2x3xf32>, %[[G:.*]]: tensor<4x6xf32>)
// CHECK: %[[DX:.*]] = tensor.extract_slice %[[G]][1, 0] [2, 3] [1, 1]
// CHECK: return %{{.*}}, %[[DX]]
func.func @main(%x: tensor<2x3xf32>) -> tensor<4x6xf32> {
  %zero = arith.constant 0.0 : f32
  %p = tensor.pad %x low[1, 0] high[1, 3] {
  ^bb0(%i: index, %j: index):
    tensor.yield %zero : f32
  } : tensor<2x3xf32> to tensor<4x6xf32>
  return %p : tensor<4x6xf32>
}

// -----

// CHECK-LABEL: func.func @main_grad(
// CHECK-SAME: %[[X:.*]]: tensor<2x3x4xf32>, %[[Y:.*]]: tensor<24xf32>, %[[G:.*]]: tensor<6x4xf32>)
// CHECK-DAG: %[[DX:.*]] = tensor.expand_shape %[[G]] {{\[}}[0, 1], [2]] output_shape [2, 3, 4]
// CHECK-DAG: %[[DY:.*]] = tensor.collapse_shape %[[G]] {{\[}}[0, 1]] : tensor<6x4xf32> into tensor<24xf32>
// CHECK: return %{{.*}}, %[[DX]], %[[DY]]
func.func @main(%x: tensor<2x3x4xf32>, %y: tensor<24xf32>) -> tensor<6x4xf32> {
  %a = tensor.collapse_shape %x [[0, 1], [2]] : tensor<2x3x4xf32> into tensor<6x4xf32>
  %b = tensor.expand_shape %y [[0, 1]] output_shape [6, 4] : tensor<24xf32> into tensor<6x4xf32>
  %e = tensor.empty() : tensor<6x4xf32>
  %c = linalg.add ins(%a, %b : tensor<6x4xf32>, tensor<6x4xf32>) outs(%e : tensor<6x4xf32>) -> tensor<6x4xf32>
  return %c : tensor<6x4xf32>
}

// -----

// A transposition goes back through its maps, a broadcast is a sum.
// CHECK-LABEL: func.func @main_grad(
// CHECK-SAME: %[[X:.*]]: tensor<3x4xf32>, %[[G:.*]]: tensor<2x4x3xf32>)
// CHECK: %[[SUMMED:.*]] = linalg.generic {{.*}} iterator_types = ["reduction", "parallel", "parallel"]} ins(%[[G]] : tensor<2x4x3xf32>)
// CHECK: linalg.generic {{.*}} ins(%[[SUMMED]] : tensor<4x3xf32>) outs(%{{.*}} : tensor<3x4xf32>)
func.func @main(%x: tensor<3x4xf32>) -> tensor<2x4x3xf32> {
  %e = tensor.empty() : tensor<4x3xf32>
  %t = linalg.transpose ins(%x : tensor<3x4xf32>) outs(%e : tensor<4x3xf32>) permutation = [1, 0]
  %f = tensor.empty() : tensor<2x4x3xf32>
  %b = linalg.broadcast ins(%t : tensor<4x3xf32>) outs(%f : tensor<2x4x3xf32>) dimensions = [0]
  return %b : tensor<2x4x3xf32>
}
