// What reads a widened tensor widens its elements itself: no kernel writes the wide tensor.

// RUN: raddle-opt %s --fuse-outline | FileCheck %s

#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>
#flat = affine_map<(i) -> (i)>

// A reduction, an elementwise op on a view and a lookup read the tensor of bf16.
// CHECK-LABEL: func.func @main(
// CHECK-SAME: %[[X:.*]]: tensor<4x8xbf16>, %[[I:.*]]: tensor<5xi64>
// CHECK-DAG: %[[V:.*]] = tensor.collapse_shape %[[X]] {{.*}} : tensor<4x8xbf16> into tensor<32xbf16>
// CHECK-DAG: exec.dispatch @{{.*}} ins(%[[X]] : tensor<4x8xbf16>) -> tensor<4xf32>
// CHECK-DAG: exec.dispatch @{{.*}} ins(%[[V]] : tensor<32xbf16>) -> tensor<32xf32>
// CHECK-DAG: exec.dispatch @{{.*}} ins(%[[I]], %[[V]] : tensor<5xi64>, tensor<32xbf16>) -> tensor<5xf32>
// CHECK: return
// CHECK-NOT: -> tensor<4x8xf32>
func.func @main(%x: tensor<4x8xbf16>, %i: tensor<5xi64>) -> (tensor<4xf32>, tensor<32xf32>, tensor<5xf32>) {
  %e = tensor.empty() : tensor<4x8xf32>
  %w = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<4x8xbf16>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%a: bf16, %o: f32):
    %y = arith.extf %a : bf16 to f32
    linalg.yield %y : f32
  } -> tensor<4x8xf32>
  %zero = arith.constant 0.0 : f32
  %se = tensor.empty() : tensor<4xf32>
  %sf = linalg.fill ins(%zero : f32) outs(%se : tensor<4xf32>) -> tensor<4xf32>
  %s = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]} ins(%w : tensor<4x8xf32>) outs(%sf : tensor<4xf32>) {
  ^bb0(%a: f32, %acc: f32):
    %y = arith.addf %acc, %a : f32
    linalg.yield %y : f32
  } -> tensor<4xf32>
  %v = tensor.collapse_shape %w [[0, 1]] : tensor<4x8xf32> into tensor<32xf32>
  %ve = tensor.empty() : tensor<32xf32>
  %n = linalg.generic {indexing_maps = [#flat, #flat], iterator_types = ["parallel"]} ins(%v : tensor<32xf32>) outs(%ve : tensor<32xf32>) {
  ^bb0(%a: f32, %o: f32):
    %y = arith.negf %a : f32
    linalg.yield %y : f32
  } -> tensor<32xf32>
  %le = tensor.empty() : tensor<5xf32>
  %l = linalg.generic {indexing_maps = [#flat, #flat], iterator_types = ["parallel"]} ins(%i : tensor<5xi64>) outs(%le : tensor<5xf32>) {
  ^bb0(%a: i64, %o: f32):
    %at = arith.index_cast %a : i64 to index
    %y = tensor.extract %v[%at] : tensor<32xf32>
    linalg.yield %y : f32
  } -> tensor<5xf32>
  return %s, %n, %l : tensor<4xf32>, tensor<32xf32>, tensor<5xf32>
}
