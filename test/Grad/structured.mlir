// The rule for structured ops: differentiate the body, read the incoming gradient through the result's map, sum over the
// loops that an operand's map lacks.

// RUN: raddle-opt %s --split-input-file --raddle-grad --canonicalize --cse | FileCheck %s

// For C = A B: dA = dC Bᵀ sums over n, dB = Aᵀ dC over m. The gradient of a sum is ones everywhere.
// CHECK-DAG: #[[MN:.*]] = affine_map<(d0, d1, d2) -> (d0, d1)>
// CHECK-DAG: #[[MK:.*]] = affine_map<(d0, d1, d2) -> (d0, d2)>
// CHECK-DAG: #[[KN:.*]] = affine_map<(d0, d1, d2) -> (d2, d1)>
// CHECK-LABEL: func.func @main(
// CHECK-LABEL: func.func @main_grad(
// CHECK-SAME: %[[A:.*]]: tensor<4x8xf32>, %[[B:.*]]: tensor<8x6xf32>) -> (tensor<f32>, tensor<4x8xf32>, tensor<8x6xf32>)
// CHECK: linalg.matmul
// CHECK: %[[SUM:.*]] = linalg.generic
// CHECK: %[[DC:.*]] = linalg.generic {{.*}}"parallel", "parallel"]{{.*}} outs(%{{.*}} : tensor<4x6xf32>)
// CHECK: %[[DA:.*]] = linalg.generic {indexing_maps = [#[[KN]], #[[MN]], #[[MK]]], iterator_types = ["parallel", "reduction", "parallel"]}
// CHECK-SAME: ins(%[[B]], %[[DC]] :
// CHECK: %[[DB:.*]] = linalg.generic {indexing_maps = [#[[MK]], #[[MN]], #[[KN]]], iterator_types = ["reduction", "parallel", "parallel"]}
// CHECK-SAME: ins(%[[A]], %[[DC]] :
// CHECK: return %[[SUM]], %[[DA]], %[[DB]]
func.func @main(%a: tensor<4x8xf32>, %b: tensor<8x6xf32>) -> tensor<f32> {
  %zero = arith.constant dense<0.0> : tensor<f32>
  %zeros = arith.constant dense<0.0> : tensor<4x6xf32>
  %c = linalg.matmul ins(%a, %b : tensor<4x8xf32>, tensor<8x6xf32>) outs(%zeros : tensor<4x6xf32>) -> tensor<4x6xf32>
  %sum = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> ()>],
                         iterator_types = ["reduction", "reduction"]}
      ins(%c : tensor<4x6xf32>) outs(%zero : tensor<f32>) {
  ^bb0(%x: f32, %acc: f32):
    %next = arith.addf %acc, %x : f32
    linalg.yield %next : f32
  } -> tensor<f32>
  return %sum : tensor<f32>
}

// -----

// A bias is read by all rows: its gradient sums over them.
// CHECK-LABEL: func.func @main_grad(
// CHECK: %[[DB:.*]] = linalg.generic {{.*}} iterator_types = ["reduction", "parallel"]}{{.*}} outs(%{{.*}} : tensor<6xf32>)
// CHECK: math.tanh
// CHECK: arith.addf %out
// CHECK: return %{{.*}}, %{{.*}}, %[[DB]] : tensor<f32>, tensor<4x6xf32>, tensor<6xf32>
func.func @main(%x: tensor<4x6xf32>, %b: tensor<6xf32>) -> tensor<f32> {
  %zero = arith.constant dense<0.0> : tensor<f32>
  %e = tensor.empty() : tensor<4x6xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>, affine_map<(i, j) -> (i, j)>],
                       iterator_types = ["parallel", "parallel"]}
      ins(%x, %b : tensor<4x6xf32>, tensor<6xf32>) outs(%e : tensor<4x6xf32>) {
  ^bb0(%a: f32, %c: f32, %o: f32):
    %s = arith.addf %a, %c : f32
    %t = math.tanh %s : f32
    linalg.yield %t : f32
  } -> tensor<4x6xf32>
  %sum = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> ()>],
                         iterator_types = ["reduction", "reduction"]}
      ins(%y : tensor<4x6xf32>) outs(%zero : tensor<f32>) {
  ^bb0(%a: f32, %acc: f32):
    %next = arith.addf %a, %acc : f32
    linalg.yield %next : f32
  } -> tensor<f32>
  return %sum : tensor<f32>
}

// -----

// A row of shape [4, 1] is read at (i, 0): its gradient has a sum over j, and the unit dimension put back.
// CHECK-LABEL: func.func @main_grad(
// CHECK: %[[D:.*]] = linalg.generic {{.*}} iterator_types = ["parallel", "reduction"]}{{.*}} outs(%{{.*}} : tensor<4xf32>)
// CHECK: %[[DROW:.*]] = tensor.expand_shape %[[D]] {{\[}}[0, 1]] output_shape [4, 1] : tensor<4xf32> into tensor<4x1xf32>
// CHECK: return %{{.*}}, %{{.*}}, %[[DROW]]
func.func @main(%x: tensor<4x6xf32>, %row: tensor<4x1xf32>) -> tensor<1xf32> {
  %zeros = arith.constant dense<0.0> : tensor<1xf32>
  %sum = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, 0)>, affine_map<(i, j) -> (0)>],
                         iterator_types = ["reduction", "reduction"]}
      ins(%x, %row : tensor<4x6xf32>, tensor<4x1xf32>) outs(%zeros : tensor<1xf32>) {
  ^bb0(%a: f32, %b: f32, %acc: f32):
    %p = arith.mulf %a, %b : f32
    %next = arith.addf %acc, %p : f32
    linalg.yield %next : f32
  } -> tensor<1xf32>
  return %sum : tensor<1xf32>
}

// -----

// What a sum starts from gets the incoming gradient as it is; a value that is used twice gets the sum of both.
// CHECK-LABEL: func.func @main_grad(%arg0: tensor<4xf32>, %arg1: tensor<f32>) -> (tensor<f32>, tensor<4xf32>, tensor<f32>)
// CHECK: %[[SUM:.*]] = linalg.generic {{.*}} outs(%arg1 : tensor<f32>)
// CHECK: %[[ONE:.*]] = linalg.fill
// CHECK: %[[PART:.*]] = linalg.generic {{.*}} ins(%arg0, %[[ONE]] :
// CHECK: %[[DX:.*]] = linalg.generic {{.*}} ins(%[[PART]], %[[PART]] :
// CHECK: return %[[SUM]], %[[DX]], %[[ONE]]
func.func @main(%x: tensor<4xf32>, %start: tensor<f32>) -> tensor<f32> {
  %sum = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>, affine_map<(i) -> ()>],
                         iterator_types = ["reduction"]}
      ins(%x, %x : tensor<4xf32>, tensor<4xf32>) outs(%start : tensor<f32>) {
  ^bb0(%a: f32, %b: f32, %acc: f32):
    %p = arith.mulf %a, %b : f32
    %next = arith.addf %acc, %p : f32
    linalg.yield %next : f32
  } -> tensor<f32>
  return %sum : tensor<f32>
}

// -----

// An elementwise op that reads its init differentiates it too, and an argument that nothing reads gets zeros.
// CHECK-LABEL: func.func @main_grad(
// CHECK-SAME: -> (tensor<f32>, tensor<f32>, tensor<f32>, tensor<3xf64>)
// CHECK: %[[ZERO:.*]] = arith.constant {{.*}} : f64
// CHECK: %[[ZEROS:.*]] = linalg.fill ins(%[[ZERO]] : f64) outs(%{{.*}} : tensor<3xf64>)
// CHECK: return %{{.*}}, %{{.*}}, %{{.*}}, %[[ZEROS]]
func.func @main(%x: tensor<f32>, %y: tensor<f32>, %unused: tensor<3xf64>, %labels: tensor<3xi64>) -> tensor<f32> {
  %p = linalg.generic {indexing_maps = [affine_map<() -> ()>, affine_map<() -> ()>], iterator_types = []}
      ins(%x : tensor<f32>) outs(%y : tensor<f32>) {
  ^bb0(%a: f32, %b: f32):
    %m = arith.mulf %a, %b : f32
    linalg.yield %m : f32
  } -> tensor<f32>
  return %p : tensor<f32>
}
