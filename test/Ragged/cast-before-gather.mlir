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

// A chain is moved up to its narrowest result: scaled, rounded, and cast to eight bits; what widens again stays.
// CHECK-LABEL: @quantises(
// CHECK: %[[SCALED:.*]] = linalg.generic {{.*}} ins(%{{.*}} : tensor<48xf32>)
// CHECK: arith.mulf
// CHECK: %[[INTEGER:.*]] = linalg.generic {{.*}} ins(%[[SCALED]] : tensor<48xf32>)
// CHECK: math.roundeven
// CHECK: arith.fptosi {{.*}} : f32 to i8
// CHECK: %[[FULL:.*]] = ragged.gather %[[INTEGER]] of @b : tensor<48xi8> -> tensor<96xi8>
// CHECK-DAG: %[[W:.*]] = ragged.slot "w" of %[[FULL]] in @b : tensor<96xi8> -> tensor<6x10xi8>
// CHECK-DAG: %[[V:.*]] = ragged.slot "v" of %[[FULL]] in @b : tensor<96xi8> -> tensor<32xi8>
// CHECK: linalg.generic {{.*}} ins(%[[W]] : tensor<6x10xi8>)
// CHECK: arith.sitofp
// CHECK: return %{{.*}}, %[[V]]
func.func @quantises(%slice: tensor<48xf32>) -> (tensor<6x10xf32>, tensor<32xi8>) {
  %full = ragged.gather %slice of @b : tensor<48xf32> -> tensor<96xf32>
  %w = ragged.slot "w" of %full in @b : tensor<96xf32> -> tensor<6x10xf32>
  %v = ragged.slot "v" of %full in @b : tensor<96xf32> -> tensor<32xf32>
  %scale = arith.constant 1.6e+01 : f32
  %e = tensor.empty() : tensor<6x10xf32>
  %e8 = tensor.empty() : tensor<6x10xi8>
  %f = tensor.empty() : tensor<32xf32>
  %f8 = tensor.empty() : tensor<32xi8>
  %ws = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%w : tensor<6x10xf32>) outs(%e : tensor<6x10xf32>) {
  ^bb0(%x: f32, %o: f32):
    %y = arith.mulf %x, %scale : f32
    linalg.yield %y : f32
  } -> tensor<6x10xf32>
  %wi = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%ws : tensor<6x10xf32>) outs(%e8 : tensor<6x10xi8>) {
  ^bb0(%x: f32, %o: i8):
    %r = math.roundeven %x : f32
    %y = arith.fptosi %r : f32 to i8
    linalg.yield %y : i8
  } -> tensor<6x10xi8>
  %wf = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%wi : tensor<6x10xi8>) outs(%e : tensor<6x10xf32>) {
  ^bb0(%x: i8, %o: f32):
    %y = arith.sitofp %x : i8 to f32
    linalg.yield %y : f32
  } -> tensor<6x10xf32>
  %vs = linalg.generic {indexing_maps = [#vector, #vector], iterator_types = ["parallel"]} ins(%v : tensor<32xf32>) outs(%f : tensor<32xf32>) {
  ^bb0(%x: f32, %o: f32):
    %y = arith.mulf %x, %scale : f32
    linalg.yield %y : f32
  } -> tensor<32xf32>
  %vi = linalg.generic {indexing_maps = [#vector, #vector], iterator_types = ["parallel"]} ins(%vs : tensor<32xf32>) outs(%f8 : tensor<32xi8>) {
  ^bb0(%x: f32, %o: i8):
    %r = math.roundeven %x : f32
    %y = arith.fptosi %r : f32 to i8
    linalg.yield %y : i8
  } -> tensor<32xi8>
  return %wf, %vi : tensor<6x10xf32>, tensor<32xi8>
}

// Scales that differ are different chains.
// CHECK-LABEL: @differs(
// CHECK: ragged.gather %{{.*}} of @b : tensor<48xf32> -> tensor<96xf32>
func.func @differs(%slice: tensor<48xf32>) -> (tensor<6x10xbf16>, tensor<32xbf16>) {
  %full = ragged.gather %slice of @b : tensor<48xf32> -> tensor<96xf32>
  %w = ragged.slot "w" of %full in @b : tensor<96xf32> -> tensor<6x10xf32>
  %v = ragged.slot "v" of %full in @b : tensor<96xf32> -> tensor<32xf32>
  %e = tensor.empty() : tensor<6x10xbf16>
  %f = tensor.empty() : tensor<32xbf16>
  %c = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%w : tensor<6x10xf32>) outs(%e : tensor<6x10xbf16>) {
  ^bb0(%x: f32, %o: bf16):
    %two = arith.constant 2.0 : f32
    %s = arith.mulf %x, %two : f32
    %y = arith.truncf %s : f32 to bf16
    linalg.yield %y : bf16
  } -> tensor<6x10xbf16>
  %d = linalg.generic {indexing_maps = [#vector, #vector], iterator_types = ["parallel"]} ins(%v : tensor<32xf32>) outs(%f : tensor<32xbf16>) {
  ^bb0(%x: f32, %o: bf16):
    %three = arith.constant 3.0 : f32
    %s = arith.mulf %x, %three : f32
    %y = arith.truncf %s : f32 to bf16
    linalg.yield %y : bf16
  } -> tensor<32xbf16>
  return %c, %d : tensor<6x10xbf16>, tensor<32xbf16>
}

// Rows of a table that are cast are rows of the cast table.
// CHECK-LABEL: @looks_up(
// CHECK-SAME: %[[SLICE:[a-z0-9]+]]: tensor<48xf32>, %[[I:[a-z0-9]+]]: tensor<3xi64>
// CHECK: %[[CAST:.*]] = linalg.generic {{.*}} ins(%[[SLICE]] : tensor<48xf32>)
// CHECK: %[[FULL:.*]] = ragged.gather %[[CAST]] of @b : tensor<48xbf16> -> tensor<96xbf16>
// CHECK: %[[W:.*]] = ragged.slot "w" of %[[FULL]] in @b : tensor<96xbf16> -> tensor<6x10xbf16>
// CHECK: %[[ROWS:.*]] = nn.embedding %[[W]], %[[I]] {padding_index = 1 : i64} : tensor<6x10xbf16>, tensor<3xi64> -> tensor<3x10xbf16>
// CHECK: return %[[W]], %[[ROWS]]
func.func @looks_up(%slice: tensor<48xf32>, %i: tensor<3xi64>) -> (tensor<6x10xbf16>, tensor<3x10xbf16>) {
  %full = ragged.gather %slice of @b : tensor<48xf32> -> tensor<96xf32>
  %w = ragged.slot "w" of %full in @b : tensor<96xf32> -> tensor<6x10xf32>
  %e = tensor.empty() : tensor<6x10xbf16>
  %c = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%w : tensor<6x10xf32>) outs(%e : tensor<6x10xbf16>) {
  ^bb0(%x: f32, %o: bf16):
    %y = arith.truncf %x : f32 to bf16
    linalg.yield %y : bf16
  } -> tensor<6x10xbf16>
  %r = nn.embedding %w, %i {padding_index = 1 : i64} : tensor<6x10xf32>, tensor<3xi64> -> tensor<3x10xf32>
  %re = tensor.empty() : tensor<3x10xbf16>
  %rn = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%r : tensor<3x10xf32>) outs(%re : tensor<3x10xbf16>) {
  ^bb0(%x: f32, %o: bf16):
    %y = arith.truncf %x : f32 to bf16
    linalg.yield %y : bf16
  } -> tensor<3x10xbf16>
  return %c, %rn : tensor<6x10xbf16>, tensor<3x10xbf16>
}
