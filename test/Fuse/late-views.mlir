// Groups that share an input are one kernel where the first is needed; views that the second reads go there too.

// RUN: raddle-opt %s --fuse-outline | FileCheck %s

#rows = affine_map<(d0, d1) -> (d0)>
#all = affine_map<(d0, d1) -> (d0, d1)>

// CHECK-LABEL: func.func @late_view(
// CHECK-SAME: %[[X:.*]]: tensor<64x8xf32>, %[[Y:.*]]: tensor<8x8x8xf32>
// CHECK: %[[V:.*]] = tensor.collapse_shape %[[Y]]
// CHECK: %[[R:.*]]:2 = exec.dispatch @{{.*}} ins(%[[X]], %[[V]]
// CHECK: ragged.all_reduce <sum> %[[R]]#0
func.func @late_view(%x: tensor<64x8xf32>, %y: tensor<8x8x8xf32>) -> (tensor<64xf32>, tensor<64x8xf32>) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<64xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<64xf32>) -> tensor<64xf32>
  %sum = linalg.generic {indexing_maps = [#all, #rows], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<64x8xf32>) outs(%f : tensor<64xf32>) {
  ^bb0(%a: f32, %o: f32):
    %s = arith.addf %o, %a : f32
    linalg.yield %s : f32
  } -> tensor<64xf32>
  %all = ragged.all_reduce <sum> %sum over 2 : tensor<64xf32>
  %v = tensor.collapse_shape %y [[0, 1], [2]] : tensor<8x8x8xf32> into tensor<64x8xf32>
  %g = tensor.empty() : tensor<64x8xf32>
  %product = linalg.generic {indexing_maps = [#all, #all, #all], iterator_types = ["parallel", "parallel"]}
      ins(%x, %v : tensor<64x8xf32>, tensor<64x8xf32>) outs(%g : tensor<64x8xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %m = arith.mulf %a, %b : f32
    linalg.yield %m : f32
  } -> tensor<64x8xf32>
  return %all, %product : tensor<64xf32>, tensor<64x8xf32>
}
