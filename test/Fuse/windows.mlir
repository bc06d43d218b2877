// One window of two elements among three: its loop keeps its own extent where the loop over windows, of one pass, goes.

// RUN: raddle-opt %s --fuse-outline | FileCheck %s

#read = affine_map<(d0, d1, d2) -> (d0, d1 * 2 + d2)>
#window = affine_map<(d0, d1, d2) -> (d2)>
#write = affine_map<(d0, d1, d2) -> (d0, d1)>

// CHECK-LABEL: func.func @slack(
// CHECK: func.func private @
// CHECK-SAME: tensor<4x3xf32>
// CHECK: linalg.generic
// CHECK-SAME: tensor<4x3xf32>, tensor<2xi8>
func.func @slack(%x: tensor<4x3xf32>, %bounds: tensor<2xi8>) -> tensor<4x1xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x1xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<4x1xf32>) -> tensor<4x1xf32>
  %s = linalg.generic {indexing_maps = [#read, #window, #write], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %bounds : tensor<4x3xf32>, tensor<2xi8>) outs(%f : tensor<4x1xf32>) {
  ^bb0(%a: f32, %bound: i8, %sum: f32):
    %t = arith.addf %sum, %a : f32
    linalg.yield %t : f32
  } -> tensor<4x1xf32>
  return %s : tensor<4x1xf32>
}
