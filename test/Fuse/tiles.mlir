// Kernels for a generator that writes functions on tiles.
//
// RUN: raddle-opt %s --split-input-file --fuse-outline=tiles=true --fuse-verify | FileCheck %s

// A long sum over rows into few columns is sums of parts, and the sum of these.
// CHECK-LABEL: func.func @columns(
// CHECK-SAME: %[[X:.*]]: tensor<4096x96xf32>
// CHECK: %[[PARTS:.*]] = exec.dispatch @[[FIRST:.*]] ins(%[[X]] : tensor<4096x96xf32>) -> tensor<64x96xf32>
// CHECK: exec.dispatch @[[SECOND:.*]] ins(%[[PARTS]] : tensor<64x96xf32>) -> tensor<96xf32>
// CHECK: func.func private @[[FIRST]]
// CHECK: tensor.expand_shape {{.*}} : tensor<4096x96xf32> into tensor<64x64x96xf32>
func.func @columns(%x: tensor<4096x96xf32>) -> tensor<96xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<96xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<96xf32>) -> tensor<96xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (j, i)>, affine_map<(i, j) -> (i)>],
                       iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<4096x96xf32>) outs(%f : tensor<96xf32>) {
  ^bb0(%u: f32, %o: f32):
    %s = arith.addf %o, %u : f32
    linalg.yield %s : f32
  } -> tensor<96xf32>
  return %r : tensor<96xf32>
}

// -----

// What one kernel alone reads, through slices, is computed there: the halves are swapped and one is negated.
// CHECK-LABEL: func.func @rotate(
// CHECK-COUNT-1: exec.dispatch
// CHECK-NOT: exec.dispatch
// CHECK: return
func.func @rotate(%x: tensor<64x128xf32>) -> tensor<64x128xf32> {
  %h = tensor.empty() : tensor<64x64xf32>
  %e = tensor.empty() : tensor<64x128xf32>
  %first = tensor.extract_slice %x[0, 0] [64, 64] [1, 1] : tensor<64x128xf32> to tensor<64x64xf32>
  %second = tensor.extract_slice %x[0, 64] [64, 64] [1, 1] : tensor<64x128xf32> to tensor<64x64xf32>
  %n = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>],
                       iterator_types = ["parallel", "parallel"]}
      ins(%second : tensor<64x64xf32>) outs(%h : tensor<64x64xf32>) {
  ^bb0(%u: f32, %o: f32):
    %s = arith.negf %u : f32
    linalg.yield %s : f32
  } -> tensor<64x64xf32>
  %c = tensor.concat dim(1) %n, %first : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x128xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>,
                                        affine_map<(i, j) -> (i, j)>],
                       iterator_types = ["parallel", "parallel"]}
      ins(%x, %c : tensor<64x128xf32>, tensor<64x128xf32>) outs(%e : tensor<64x128xf32>) {
  ^bb0(%u: f32, %v: f32, %o: f32):
    %s = arith.addf %u, %v : f32
    linalg.yield %s : f32
  } -> tensor<64x128xf32>
  return %r : tensor<64x128xf32>
}

// -----

// Weights of one shape in one bucket that backward reads again are rounded by one kernel, where the first of them is;
// another shape is a kernel of its own, and so is a weight that is not in memory any more where the next one is rounded.
ragged.bucket @b ranks 1 shard 12288 : f32 {
  slots = [#ragged.slot<"q" at 0 shape [64, 64] unit 1>, #ragged.slot<"k" at 4096 shape [64, 64] unit 1>,
           #ragged.slot<"up" at 8192 shape [32, 64] unit 1>, #ragged.slot<"head" at 10240 shape [32, 64] unit 1>]
}
// CHECK-LABEL: func.func @round(
// CHECK-DAG: %[[Q:.*]] = ragged.slot "q"
// CHECK-DAG: %[[K:.*]] = ragged.slot "k"
// CHECK: %[[BOTH:.*]]:2 = exec.dispatch @{{.*}} ins(%[[Q]], %[[K]] : {{.*}} -> tensor<64x64xbf16>, tensor<64x64xbf16>
// CHECK-NEXT: exec.gemm ins(%{{.*}}, %[[BOTH]]#0
// CHECK-NEXT: exec.gemm ins(%{{.*}}, %[[BOTH]]#1
// CHECK: %[[UP:.*]] = exec.dispatch @[[ONE:.*]] ins(%{{.*}} : tensor<32x64xf32>) -> tensor<32x64xbf16>
// CHECK-NEXT: exec.gemm
// CHECK: exec.dispatch @[[ONE]] ins(%{{.*}} : tensor<32x64xf32>) -> tensor<32x64xbf16>
// CHECK-NEXT: exec.gemm
// CHECK-NEXT: exec.gemm ins(%{{.*}}, %[[BOTH]]#1
// CHECK-NEXT: exec.gemm ins(%{{.*}}, %[[BOTH]]#0
#same = affine_map<(i, j) -> (i, j)>
#left = affine_map<(i, j, k) -> (i, k)>
#right = affine_map<(i, j, k) -> (j, k)>
#out = affine_map<(i, j, k) -> (i, j)>
func.func @round(%x: tensor<64x64xbf16>,
                 %s: tensor<12288xf32> {ragged.state = "b.param", ragged.bucket = @b, ragged.role = "param"})
    -> (tensor<64x64xf32>, tensor<64x64xf32>, tensor<64x32xf32>, tensor<64x32xf32>, tensor<64x64xf32>,
        tensor<64x64xf32>) {
  %zero = arith.constant 0.0 : f32
  %narrow = tensor.empty() : tensor<64x64xbf16>
  %short = tensor.empty() : tensor<32x64xbf16>
  %e = tensor.empty() : tensor<64x64xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<64x64xf32>) -> tensor<64x64xf32>
  %e2 = tensor.empty() : tensor<64x32xf32>
  %z2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<64x32xf32>) -> tensor<64x32xf32>
  %qw = ragged.slot "q" of %s in @b : tensor<12288xf32> -> tensor<64x64xf32>
  %kw = ragged.slot "k" of %s in @b : tensor<12288xf32> -> tensor<64x64xf32>
  %uw = ragged.slot "up" of %s in @b : tensor<12288xf32> -> tensor<32x64xf32>
  %hw = ragged.slot "head" of %s in @b : tensor<12288xf32> -> tensor<32x64xf32>
  %q = linalg.generic {indexing_maps = [#same, #same], iterator_types = ["parallel", "parallel"]}
      ins(%qw : tensor<64x64xf32>) outs(%narrow : tensor<64x64xbf16>) {
  ^bb0(%u: f32, %o: bf16):
    %t = arith.truncf %u : f32 to bf16
    linalg.yield %t : bf16
  } -> tensor<64x64xbf16>
  %a = linalg.generic {indexing_maps = [#left, #right, #out],
                            iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %q : tensor<64x64xbf16>, tensor<64x64xbf16>) outs(%z : tensor<64x64xf32>) {
  ^bb0(%u: bf16, %v: bf16, %o: f32):
    %l = arith.extf %u : bf16 to f32
    %r = arith.extf %v : bf16 to f32
    %m = arith.mulf %l, %r : f32
    %p = arith.addf %o, %m : f32
    linalg.yield %p : f32
  } -> tensor<64x64xf32>
  %k = linalg.generic {indexing_maps = [#same, #same], iterator_types = ["parallel", "parallel"]}
      ins(%kw : tensor<64x64xf32>) outs(%narrow : tensor<64x64xbf16>) {
  ^bb0(%u: f32, %o: bf16):
    %t = arith.truncf %u : f32 to bf16
    linalg.yield %t : bf16
  } -> tensor<64x64xbf16>
  %b = linalg.generic {indexing_maps = [#left, #right, #out],
                            iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %k : tensor<64x64xbf16>, tensor<64x64xbf16>) outs(%z : tensor<64x64xf32>) {
  ^bb0(%u: bf16, %v: bf16, %o: f32):
    %l = arith.extf %u : bf16 to f32
    %r = arith.extf %v : bf16 to f32
    %m = arith.mulf %l, %r : f32
    %p = arith.addf %o, %m : f32
    linalg.yield %p : f32
  } -> tensor<64x64xf32>
  %up = linalg.generic {indexing_maps = [#same, #same], iterator_types = ["parallel", "parallel"]}
      ins(%uw : tensor<32x64xf32>) outs(%short : tensor<32x64xbf16>) {
  ^bb0(%u: f32, %o: bf16):
    %t = arith.truncf %u : f32 to bf16
    linalg.yield %t : bf16
  } -> tensor<32x64xbf16>
  %c = linalg.generic {indexing_maps = [#left, #right, #out],
                            iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %up : tensor<64x64xbf16>, tensor<32x64xbf16>) outs(%z2 : tensor<64x32xf32>) {
  ^bb0(%u: bf16, %v: bf16, %o: f32):
    %l = arith.extf %u : bf16 to f32
    %r = arith.extf %v : bf16 to f32
    %m = arith.mulf %l, %r : f32
    %p = arith.addf %o, %m : f32
    linalg.yield %p : f32
  } -> tensor<64x32xf32>
  %head = linalg.generic {indexing_maps = [#same, #same], iterator_types = ["parallel", "parallel"]}
      ins(%hw : tensor<32x64xf32>) outs(%short : tensor<32x64xbf16>) {
  ^bb0(%u: f32, %o: bf16):
    %t = arith.truncf %u : f32 to bf16
    linalg.yield %t : bf16
  } -> tensor<32x64xbf16>
  %d = linalg.generic {indexing_maps = [#left, #right, #out],
                            iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %head : tensor<64x64xbf16>, tensor<32x64xbf16>) outs(%z2 : tensor<64x32xf32>) {
  ^bb0(%u: bf16, %v: bf16, %o: f32):
    %l = arith.extf %u : bf16 to f32
    %r = arith.extf %v : bf16 to f32
    %m = arith.mulf %l, %r : f32
    %p = arith.addf %o, %m : f32
    linalg.yield %p : f32
  } -> tensor<64x32xf32>
  %g = linalg.generic {indexing_maps = [#left, #right, #out],
                            iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %k : tensor<64x64xbf16>, tensor<64x64xbf16>) outs(%z : tensor<64x64xf32>) {
  ^bb0(%u: bf16, %v: bf16, %o: f32):
    %l = arith.extf %u : bf16 to f32
    %r = arith.extf %v : bf16 to f32
    %m = arith.mulf %l, %r : f32
    %p = arith.addf %o, %m : f32
    linalg.yield %p : f32
  } -> tensor<64x64xf32>
  %h = linalg.generic {indexing_maps = [#left, #right, #out],
                            iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %q : tensor<64x64xbf16>, tensor<64x64xbf16>) outs(%z : tensor<64x64xf32>) {
  ^bb0(%u: bf16, %v: bf16, %o: f32):
    %l = arith.extf %u : bf16 to f32
    %r = arith.extf %v : bf16 to f32
    %m = arith.mulf %l, %r : f32
    %p = arith.addf %o, %m : f32
    linalg.yield %p : f32
  } -> tensor<64x64xf32>
  return %a, %b, %c, %d, %g, %h
      : tensor<64x64xf32>, tensor<64x64xf32>, tensor<64x32xf32>, tensor<64x32xf32>, tensor<64x64xf32>, tensor<64x64xf32>
}

// -----

// What gives rows takes the sums over the same rows along, as parts of 256 stripes of eight rows.
// CHECK-LABEL: func.func @stripes(
// CHECK-SAME: %[[X:[^:]*]]: tensor<2x1024x128xf32>, %[[Y:[^:]*]]: tensor<2x1024x128xf32>
// CHECK: %[[BOTH:.*]]:2 = exec.dispatch @[[FIRST:.*]] ins(%[[X]], %[[Y]] : {{.*}}) -> tensor<2x1024x128xf32>, tensor<256x128xf32>
// CHECK: %[[SUM:.*]] = exec.dispatch @[[SECOND:.*]] ins(%[[BOTH]]#1 : tensor<256x128xf32>) -> tensor<128xf32>
// CHECK-NOT: exec.dispatch
// CHECK: return %[[SUM]], %[[BOTH]]#0
// CHECK: func.func private @[[FIRST]]
// CHECK: tensor.expand_shape {{.*}} : tensor<2x1024x128xf32> into tensor<2x256x4x128xf32>
func.func @stripes(%x: tensor<2x1024x128xf32>, %y: tensor<2x1024x128xf32>)
    -> (tensor<128xf32>, tensor<2x1024x128xf32>) {
  %zero = arith.constant 0.0 : f32
  %c = tensor.empty() : tensor<128xf32>
  %cf = linalg.fill ins(%zero : f32) outs(%c : tensor<128xf32>) -> tensor<128xf32>
  %columns = linalg.generic {indexing_maps = [affine_map<(b, t, j) -> (b, t, j)>, affine_map<(b, t, j) -> (b, t, j)>,
                                              affine_map<(b, t, j) -> (j)>],
                             iterator_types = ["reduction", "reduction", "parallel"]}
      ins(%x, %y : tensor<2x1024x128xf32>, tensor<2x1024x128xf32>) outs(%cf : tensor<128xf32>) {
  ^bb0(%u: f32, %v: f32, %o: f32):
    %p = arith.mulf %u, %v : f32
    %s = arith.addf %o, %p : f32
    linalg.yield %s : f32
  } -> tensor<128xf32>
  %r = tensor.empty() : tensor<2x1024xf32>
  %rf = linalg.fill ins(%zero : f32) outs(%r : tensor<2x1024xf32>) -> tensor<2x1024xf32>
  %rows = linalg.generic {indexing_maps = [affine_map<(b, t, j) -> (b, t, j)>, affine_map<(b, t, j) -> (b, t)>],
                          iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x : tensor<2x1024x128xf32>) outs(%rf : tensor<2x1024xf32>) {
  ^bb0(%u: f32, %o: f32):
    %s = arith.addf %o, %u : f32
    linalg.yield %s : f32
  } -> tensor<2x1024xf32>
  %e = tensor.empty() : tensor<2x1024x128xf32>
  %scaled = linalg.generic {indexing_maps = [affine_map<(b, t, j) -> (b, t, j)>, affine_map<(b, t, j) -> (b, t)>,
                                             affine_map<(b, t, j) -> (b, t, j)>],
                            iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%y, %rows : tensor<2x1024x128xf32>, tensor<2x1024xf32>) outs(%e : tensor<2x1024x128xf32>) {
  ^bb0(%u: f32, %v: f32, %o: f32):
    %s = arith.mulf %u, %v : f32
    linalg.yield %s : f32
  } -> tensor<2x1024x128xf32>
  return %columns, %scaled : tensor<128xf32>, tensor<2x1024x128xf32>
}

// -----

// Elementwise work wants more threads than stripes have: it stays a kernel of its own.
// CHECK-LABEL: func.func @elements(
// CHECK-COUNT-3: exec.dispatch
// CHECK-NOT: exec.dispatch
// CHECK: return
func.func @elements(%x: tensor<2048x128xf32>, %y: tensor<2048x128xf32>) -> (tensor<128xf32>, tensor<2048x128xf32>) {
  %zero = arith.constant 0.0 : f32
  %c = tensor.empty() : tensor<128xf32>
  %cf = linalg.fill ins(%zero : f32) outs(%c : tensor<128xf32>) -> tensor<128xf32>
  %columns = linalg.generic {indexing_maps = [affine_map<(t, j) -> (t, j)>, affine_map<(t, j) -> (j)>],
                             iterator_types = ["reduction", "parallel"]}
      ins(%x : tensor<2048x128xf32>) outs(%cf : tensor<128xf32>) {
  ^bb0(%u: f32, %o: f32):
    %s = arith.addf %o, %u : f32
    linalg.yield %s : f32
  } -> tensor<128xf32>
  %e = tensor.empty() : tensor<2048x128xf32>
  %product = linalg.generic {indexing_maps = [affine_map<(t, j) -> (t, j)>, affine_map<(t, j) -> (t, j)>,
                                              affine_map<(t, j) -> (t, j)>],
                             iterator_types = ["parallel", "parallel"]}
      ins(%x, %y : tensor<2048x128xf32>, tensor<2048x128xf32>) outs(%e : tensor<2048x128xf32>) {
  ^bb0(%u: f32, %v: f32, %o: f32):
    %s = arith.mulf %u, %v : f32
    linalg.yield %s : f32
  } -> tensor<2048x128xf32>
  return %columns, %product : tensor<128xf32>, tensor<2048x128xf32>
}
