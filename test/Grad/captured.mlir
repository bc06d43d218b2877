// A tensor that an elementwise body reads by computed indices: its gradient is added up one element after the other, in one
// order, so that equal indices give the same sum with any number of threads.

// RUN: raddle-opt %s --split-input-file --verify-diagnostics --raddle-grad=with-cotangent --canonicalize --cse | FileCheck %s

// CHECK-LABEL: func.func @main_grad(
// CHECK-SAME: %[[X:.*]]: tensor<8x4xf32>, %[[ROWS:.*]]: tensor<3xi64>, %[[G:.*]]: tensor<3x4xf32>) -> (tensor<3x4xf32>, tensor<8x4xf32>)
// CHECK-DAG: %[[ELEMENTS:.*]] = arith.constant 12 : index
// CHECK: %[[ZEROS:.*]] = linalg.fill
// CHECK: %[[DX:.*]] = scf.for %{{.*}} = %{{.*}} to %[[ELEMENTS]] step %{{.*}} iter_args(%[[SUM:.*]] = %[[ZEROS]])
// CHECK: %[[ROW:.*]] = arith.index_cast
// CHECK: %[[GRAD:.*]] = tensor.extract %[[G]]
// CHECK: %[[OLD:.*]] = tensor.extract %[[SUM]][%[[ROW]], %[[COLUMN:.*]]]
// CHECK: %[[NEW:.*]] = arith.addf %[[OLD]]
// CHECK: tensor.insert %[[NEW]] into %[[SUM]][%[[ROW]], %[[COLUMN]]]
// CHECK: return %{{.*}}, %[[DX]]
func.func @main(%x: tensor<8x4xf32>, %rows: tensor<3xi64>) -> tensor<3x4xf32> {
  %e = tensor.empty() : tensor<3x4xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(n, c) -> (n)>, affine_map<(n, c) -> (n, c)>],
                       iterator_types = ["parallel", "parallel"]}
      ins(%rows : tensor<3xi64>) outs(%e : tensor<3x4xf32>) {
  ^bb0(%a: i64, %o: f32):
    %row = arith.index_cast %a : i64 to index
    %column = linalg.index 1 : index
    %v = tensor.extract %x[%row, %column] : tensor<8x4xf32>
    %two = arith.constant 2.0 : f32
    %s = arith.mulf %v, %two : f32
    linalg.yield %s : f32
  } -> tensor<3x4xf32>
  return %r : tensor<3x4xf32>
}

// -----

// expected-error @+1 {{cannot differentiate 'main': 1 ops on the way have no gradient}}
func.func @main(%x: tensor<8xf32>) -> tensor<3xf32> {
  %e = tensor.empty() : tensor<3xf32>
  // expected-note @+1 {{it uses a differentiated tensor in its body by other means than 'tensor.extract'}}
  %r = linalg.generic {indexing_maps = [affine_map<(n) -> (n)>], iterator_types = ["parallel"]} outs(%e : tensor<3xf32>) {
  ^bb0(%o: f32):
    %n = linalg.index 0 : index
    %s = tensor.extract_slice %x[%n] [1] [1] : tensor<8xf32> to tensor<1xf32>
    %c = arith.constant 0 : index
    %v = tensor.extract %s[%c] : tensor<1xf32>
    linalg.yield %v : f32
  } -> tensor<3xf32>
  return %r : tensor<3xf32>
}
