// What does not bound the loops of a reduction is a kernel of its own: inside, a tensor would be left between the two.

// RUN: raddle-opt %s --fuse-outline | FileCheck %s

#full = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
#none = affine_map<(d0, d1) -> ()>

// A lookup by row and the sum over it: the rows are known from the indices, the columns from the table alone.
// CHECK-LABEL: func.func @lookup
// CHECK: %[[LOOKED:.*]] = exec.dispatch @[[LOOKUP:.*]] ins(
// CHECK: exec.dispatch @[[SUM:.*]] ins(%[[LOOKED]] :
func.func @lookup(%table: tensor<7x5xf32>, %rows: tensor<4xi64>) -> tensor<f32> {
  %empty = tensor.empty() : tensor<4x5xf32>
  %looked = linalg.generic {indexing_maps = [#row, #full], iterator_types = ["parallel", "parallel"]}
      ins(%rows : tensor<4xi64>) outs(%empty : tensor<4x5xf32>) {
    ^bb0(%row: i64, %out: f32):
      %i = arith.index_cast %row : i64 to index
      %j = linalg.index 1 : index
      %element = tensor.extract %table[%i, %j] : tensor<7x5xf32>
      linalg.yield %element : f32
    } -> tensor<4x5xf32>
  %zero = arith.constant 0.0 : f32
  %scalar = tensor.empty() : tensor<f32>
  %init = linalg.fill ins(%zero : f32) outs(%scalar : tensor<f32>) -> tensor<f32>
  %sum = linalg.generic {indexing_maps = [#full, #none], iterator_types = ["reduction", "reduction"]}
      ins(%looked : tensor<4x5xf32>) outs(%init : tensor<f32>) {
    ^bb0(%in: f32, %acc: f32):
      %next = arith.addf %acc, %in : f32
      linalg.yield %next : f32
    } -> tensor<f32>
  return %sum : tensor<f32>
}

// An elementwise consumer takes the lookup into its loops.
// CHECK-LABEL: func.func @elementwise
// CHECK-COUNT-1: exec.dispatch
// CHECK-NOT: exec.dispatch
// CHECK: return
func.func @elementwise(%table: tensor<7x5xf32>, %rows: tensor<4xi64>) -> tensor<4x5xf32> {
  %empty = tensor.empty() : tensor<4x5xf32>
  %looked = linalg.generic {indexing_maps = [#row, #full], iterator_types = ["parallel", "parallel"]}
      ins(%rows : tensor<4xi64>) outs(%empty : tensor<4x5xf32>) {
    ^bb0(%row: i64, %out: f32):
      %i = arith.index_cast %row : i64 to index
      %j = linalg.index 1 : index
      %element = tensor.extract %table[%i, %j] : tensor<7x5xf32>
      linalg.yield %element : f32
    } -> tensor<4x5xf32>
  %doubled = linalg.generic {indexing_maps = [#full, #full], iterator_types = ["parallel", "parallel"]}
      ins(%looked : tensor<4x5xf32>) outs(%empty : tensor<4x5xf32>) {
    ^bb0(%in: f32, %out: f32):
      %next = arith.addf %in, %in : f32
      linalg.yield %next : f32
    } -> tensor<4x5xf32>
  return %doubled : tensor<4x5xf32>
}
