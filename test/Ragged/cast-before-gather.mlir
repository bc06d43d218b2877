// A cast of everything that is gathered commutes with the gather.

// RUN: raddle-opt %s --ragged-cast-before-gather | FileCheck %s

#map = affine_map<(i, j) -> (i, j)>
#vector = affine_map<(i) -> (i)>
ragged.bucket @b ranks 2 shard 48 : f32 {
  slots = [#ragged.slot<"w" at 0 shape [6, 10] unit 1>, #ragged.slot<"v" at 64 shape [32] unit 1>]
}

// CHECK-LABEL: @narrows(
// CHECK-SAME: %[[SLICE:[a-z0-9]+]]: tensor<48xf32>
// CHECK: %[[CAST:.*]] = linalg.generic {{.*}} ins(%[[SLICE]] : tensor<48xf32>)
// CHECK: arith.truncf {{.*}} : f32 to bf16
// CHECK: %[[FULL:.*]] = ragged.gather %[[CAST]] of @b : tensor<48xbf16> -> tensor<96xbf16>
// CHECK: %[[W:.*]] = ragged.slot "w" of %[[FULL]] in @b : tensor<96xbf16> -> tensor<6x10xbf16>
// CHECK: return %[[W]]
func.func @narrows(%slice: tensor<48xf32>) -> tensor<6x10xbf16> {
  %full = ragged.gather %slice of @b : tensor<48xf32> -> tensor<96xf32>
  %w = ragged.slot "w" of %full in @b : tensor<96xf32> -> tensor<6x10xf32>
  %e = tensor.empty() : tensor<6x10xbf16>
  %c = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%w : tensor<6x10xf32>) outs(%e : tensor<6x10xbf16>) {
  ^bb0(%x: f32, %o: bf16):
    %y = arith.truncf %x : f32 to bf16
    linalg.yield %y : bf16
  } -> tensor<6x10xbf16>
  return %c : tensor<6x10xbf16>
}

// Somebody reads the wide value, too.
// CHECK-LABEL: @keeps(
// CHECK: ragged.gather %{{.*}} of @b : tensor<48xf32> -> tensor<96xf32>
func.func @keeps(%slice: tensor<48xf32>) -> (tensor<6x10xbf16>, tensor<32xf32>) {
  %full = ragged.gather %slice of @b : tensor<48xf32> -> tensor<96xf32>
  %w = ragged.slot "w" of %full in @b : tensor<96xf32> -> tensor<6x10xf32>
  %v = ragged.slot "v" of %full in @b : tensor<96xf32> -> tensor<32xf32>
  %e = tensor.empty() : tensor<6x10xbf16>
  %c = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%w : tensor<6x10xf32>) outs(%e : tensor<6x10xbf16>) {
  ^bb0(%x: f32, %o: bf16):
    %y = arith.truncf %x : f32 to bf16
    linalg.yield %y : bf16
  } -> tensor<6x10xbf16>
  %d = linalg.generic {indexing_maps = [#vector, #vector], iterator_types = ["parallel"]} ins(%v : tensor<32xf32>) outs(%v : tensor<32xf32>) {
  ^bb0(%x: f32, %o: f32):
    %y = arith.negf %x : f32
    linalg.yield %y : f32
  } -> tensor<32xf32>
  return %c, %d : tensor<6x10xbf16>, tensor<32xf32>
}
