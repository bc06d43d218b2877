// Maximum and minimum: of a reduction with one result ties share the gradient, as torch.amax has it; with the index as a second
// result the element at the index gets all of it, as torch.max has it. Between two operands ties share.

// RUN: raddle-opt %s --split-input-file --raddle-grad="with-cotangent" --canonicalize --cse | FileCheck %s

// CHECK-LABEL: func.func @main_grad(
// CHECK-SAME: %[[X:.*]]: tensor<4x6xf32>, %[[G:.*]]: tensor<4xf32>) -> (tensor<4xf32>, tensor<4x6xf32>)
// CHECK: %[[MAX:.*]] = linalg.generic
// CHECK: arith.maximumf
// CHECK: %[[TIES:.*]] = linalg.generic {{.*}} ins(%[[X]], %[[MAX]] :
// CHECK: arith.cmpf oeq
// CHECK: %[[DX:.*]] = linalg.generic {{.*}} ins(%[[X]], %[[G]], %[[MAX]], %[[TIES]] :
// CHECK: %[[SHARE:.*]] = arith.divf
// CHECK: arith.select %{{.*}}, %[[SHARE]], %{{.*}} : f32
// CHECK: return %[[MAX]], %[[DX]]
func.func @main(%x: tensor<4x6xf32>) -> tensor<4xf32> {
  %lowest = arith.constant dense<0xFF800000> : tensor<4xf32>
  %max = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>],
                         iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<4x6xf32>) outs(%lowest : tensor<4xf32>) {
  ^bb0(%a: f32, %acc: f32):
    %m = arith.maximumf %acc, %a : f32
    linalg.yield %m : f32
  } -> tensor<4xf32>
  return %max : tensor<4xf32>
}

// -----

// CHECK-LABEL: func.func @main_grad(
// CHECK: %[[FOUND:.*]]:2 = linalg.generic
// CHECK: %[[DX:.*]] = linalg.generic {{.*}} ins(%{{.*}}, %[[FOUND]]#1 :
// CHECK: %[[LOOP:.*]] = linalg.index 1
// CHECK: %[[HERE:.*]] = arith.index_cast %[[LOOP]] : index to i64
// CHECK: %[[CHOSEN:.*]] = arith.cmpi eq, %[[HERE]]
// CHECK: arith.select %[[CHOSEN]]
// CHECK: return %[[FOUND]]#0, %[[FOUND]]#1, %[[DX]]
func.func @main(%x: tensor<4x6xf32>) -> (tensor<4xf32>, tensor<4xi64>) {
  %lowest = arith.constant dense<0xFF800000> : tensor<4xf32>
  %zero = arith.constant dense<0> : tensor<4xi64>
  %max:2 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i)>],
                           iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<4x6xf32>) outs(%lowest, %zero : tensor<4xf32>, tensor<4xi64>) {
  ^bb0(%a: f32, %acc: f32, %at: i64):
    %j = linalg.index 1 : index
    %here = arith.index_cast %j : index to i64
    %m = arith.maximumf %a, %acc : f32
    %new = arith.cmpf ogt, %a, %acc : f32
    %i = arith.select %new, %here, %at : i64
    linalg.yield %m, %i : f32, i64
  } -> (tensor<4xf32>, tensor<4xi64>)
  return %max#0, %max#1 : tensor<4xf32>, tensor<4xi64>
}

// -----

// CHECK-LABEL: func.func @main_grad(
// CHECK: arith.minimumf
// CHECK: %[[TIED:.*]] = arith.cmpf oeq, %[[A:.*]], %[[B:.*]] : f32
// CHECK: %[[HALF:.*]] = arith.mulf %{{.*}}, %{{.*}} : f32
// CHECK: arith.select %[[TIED]], %[[HALF]]
func.func @main(%x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xf32> {
  %e = tensor.empty() : tensor<4xf32>
  %min = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>, affine_map<(i) -> (i)>],
                         iterator_types = ["parallel"]}
      ins(%x, %y : tensor<4xf32>, tensor<4xf32>) outs(%e : tensor<4xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %m = arith.minimumf %a, %b : f32
    linalg.yield %m : f32
  } -> tensor<4xf32>
  return %min : tensor<4xf32>
}
