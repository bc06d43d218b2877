// What becomes a library's matrix product: products that are summed over one loop, from zeros, in any order of the operands'
// dimensions that rows and columns with a leading dimension describe.

// RUN: raddle-opt %s --fuse-outline --fuse-verify | FileCheck %s

#mn = affine_map<(m, n, k) -> (m, n)>
#nm = affine_map<(m, n, k) -> (n, m)>
#mk = affine_map<(m, n, k) -> (m, k)>
#km = affine_map<(m, n, k) -> (k, m)>
#kn = affine_map<(m, n, k) -> (k, n)>
#nk = affine_map<(m, n, k) -> (n, k)>
#gemm = ["parallel", "parallel", "reduction"]

// CHECK-LABEL: @transposes
// CHECK-SAME: %[[A:[a-z0-9]+]]: tensor<4x8xf32>, %[[AT:[a-z0-9]+]]: tensor<8x4xf32>, %[[B:[a-z0-9]+]]: tensor<8x6xf32>, %[[BT:[a-z0-9]+]]: tensor<6x8xf32>
// CHECK: exec.gemm ins(%[[A]], %[[B]] : tensor<4x8xf32>, tensor<8x6xf32>) m 4 n 6 k 8 ld [8, 6, 6] trans [false, false]
// CHECK: exec.gemm ins(%[[A]], %[[BT]] : tensor<4x8xf32>, tensor<6x8xf32>) m 4 n 6 k 8 ld [8, 8, 6] trans [false, true]
// CHECK: exec.gemm ins(%[[AT]], %[[B]] : tensor<8x4xf32>, tensor<8x6xf32>) m 4 n 6 k 8 ld [4, 6, 6] trans [true, false]
// CHECK: exec.gemm ins(%[[AT]], %[[BT]] : tensor<8x4xf32>, tensor<6x8xf32>) m 4 n 6 k 8 ld [4, 8, 6] trans [true, true]
// A transposed result is the product of the transposed operands in the other order.
// CHECK: exec.gemm ins(%[[B]], %[[A]] : tensor<8x6xf32>, tensor<4x8xf32>) m 6 n 4 k 8 ld [6, 8, 4] trans [true, true] -> tensor<6x4xf32>
func.func @transposes(%a: tensor<4x8xf32>, %at: tensor<8x4xf32>, %b: tensor<8x6xf32>, %bt: tensor<6x8xf32>)
    -> (tensor<4x6xf32>, tensor<4x6xf32>, tensor<4x6xf32>, tensor<4x6xf32>, tensor<6x4xf32>) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x6xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<4x6xf32>) -> tensor<4x6xf32>
  %et = tensor.empty() : tensor<6x4xf32>
  %ft = linalg.fill ins(%zero : f32) outs(%et : tensor<6x4xf32>) -> tensor<6x4xf32>
  %1 = linalg.matmul ins(%a, %b : tensor<4x8xf32>, tensor<8x6xf32>) outs(%f : tensor<4x6xf32>) -> tensor<4x6xf32>
  %2 = linalg.generic {indexing_maps = [#mk, #nk, #mn], iterator_types = #gemm}
      ins(%a, %bt : tensor<4x8xf32>, tensor<6x8xf32>) outs(%f : tensor<4x6xf32>) {
  ^bb0(%x: f32, %y: f32, %acc: f32):
    %p = arith.mulf %y, %x : f32
    %s = arith.addf %p, %acc : f32
    linalg.yield %s : f32
  } -> tensor<4x6xf32>
  %3 = linalg.generic {indexing_maps = [#km, #kn, #mn], iterator_types = #gemm}
      ins(%at, %b : tensor<8x4xf32>, tensor<8x6xf32>) outs(%f : tensor<4x6xf32>) {
  ^bb0(%x: f32, %y: f32, %acc: f32):
    %p = arith.mulf %x, %y : f32
    %s = arith.addf %acc, %p : f32
    linalg.yield %s : f32
  } -> tensor<4x6xf32>
  %4 = linalg.generic {indexing_maps = [#km, #nk, #mn], iterator_types = #gemm}
      ins(%at, %bt : tensor<8x4xf32>, tensor<6x8xf32>) outs(%f : tensor<4x6xf32>) {
  ^bb0(%x: f32, %y: f32, %acc: f32):
    %p = arith.mulf %x, %y : f32
    %s = arith.addf %acc, %p : f32
    linalg.yield %s : f32
  } -> tensor<4x6xf32>
  %5 = linalg.generic {indexing_maps = [#mk, #kn, #nm], iterator_types = #gemm}
      ins(%a, %b : tensor<4x8xf32>, tensor<8x6xf32>) outs(%ft : tensor<6x4xf32>) {
  ^bb0(%x: f32, %y: f32, %acc: f32):
    %p = arith.mulf %x, %y : f32
    %s = arith.addf %acc, %p : f32
    linalg.yield %s : f32
  } -> tensor<6x4xf32>
  return %1, %2, %3, %4, %5 : tensor<4x6xf32>, tensor<4x6xf32>, tensor<4x6xf32>, tensor<4x6xf32>, tensor<6x4xf32>
}

// Dimensions that all operands walk without a jump are one: a linear layer on [2, 4, 8] has 8 rows.
// CHECK-LABEL: @merged
// CHECK: exec.gemm {{.*}} m 8 n 6 k 8 ld [8, 8, 6] trans [false, true] -> tensor<2x4x6xf32>
func.func @merged(%a: tensor<2x4x8xf32>, %w: tensor<6x8xf32>) -> tensor<2x4x6xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x4x6xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %1 = linalg.generic {indexing_maps = [affine_map<(b, m, n, k) -> (b, m, k)>, affine_map<(b, m, n, k) -> (n, k)>, affine_map<(b, m, n, k) -> (b, m, n)>],
                       iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%a, %w : tensor<2x4x8xf32>, tensor<6x8xf32>) outs(%f : tensor<2x4x6xf32>) {
  ^bb0(%x: f32, %y: f32, %acc: f32):
    %p = arith.mulf %x, %y : f32
    %s = arith.addf %acc, %p : f32
    linalg.yield %s : f32
  } -> tensor<2x4x6xf32>
  return %1 : tensor<2x4x6xf32>
}

// Loops that move in all operands are a batch.
// CHECK-LABEL: @batched
// CHECK: exec.gemm {{.*}} m 4 n 6 k 8 ld [8, 6, 6] trans [false, false]
// CHECK-SAME: {batch = array<i64: 3>, stride_a = array<i64: 32>, stride_b = array<i64: 48>, stride_c = array<i64: 24>}
func.func @batched(%a: tensor<3x4x8xf64>, %b: tensor<3x8x6xf64>) -> tensor<3x4x6xf64> {
  %zero = arith.constant 0.0 : f64
  %e = tensor.empty() : tensor<3x4x6xf64>
  %f = linalg.fill ins(%zero : f64) outs(%e : tensor<3x4x6xf64>) -> tensor<3x4x6xf64>
  %1 = linalg.batch_matmul ins(%a, %b : tensor<3x4x8xf64>, tensor<3x8x6xf64>) outs(%f : tensor<3x4x6xf64>) -> tensor<3x4x6xf64>
  return %1 : tensor<3x4x6xf64>
}

// Scores of attention: the four query heads of a key head and their positions are one dimension of 4 * 16 rows; batch and key
// heads are one loop of 4.
// CHECK-LABEL: @grouped_heads
// CHECK: exec.gemm {{.*}} m 64 n 12 k 64 ld [64, 64, 12] trans [false, true]
// CHECK-SAME: {batch = array<i64: 4>, stride_a = array<i64: 4096>, stride_b = array<i64: 768>, stride_c = array<i64: 768>}
func.func @grouped_heads(%q: tensor<2x2x4x16x64xf32>, %k: tensor<2x2x12x64xf32>) -> tensor<2x2x4x16x12xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x2x4x16x12xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<2x2x4x16x12xf32>) -> tensor<2x2x4x16x12xf32>
  %1 = linalg.generic {indexing_maps = [affine_map<(b, g, r, s, t, d) -> (b, g, r, s, d)>, affine_map<(b, g, r, s, t, d) -> (b, g, t, d)>,
                                        affine_map<(b, g, r, s, t, d) -> (b, g, r, s, t)>],
                       iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %k : tensor<2x2x4x16x64xf32>, tensor<2x2x12x64xf32>) outs(%f : tensor<2x2x4x16x12xf32>) {
  ^bb0(%x: f32, %y: f32, %acc: f32):
    %p = arith.mulf %x, %y : f32
    %s = arith.addf %acc, %p : f32
    linalg.yield %s : f32
  } -> tensor<2x2x4x16x12xf32>
  return %1 : tensor<2x2x4x16x12xf32>
}

// A vector is a matrix of one row or column; a dimension of one element has no step of its own. A dot product is a kernel.
// CHECK-LABEL: @vectors
// CHECK: exec.gemm {{.*}} m 4 n 1 k 8
// CHECK: exec.dispatch @kernel_{{[0-9]+}} ins(%arg1 : tensor<8xf32>) -> tensor<f32>
// CHECK: exec.gemm {{.*}} m 1 n 6 k 8
func.func @vectors(%a: tensor<4x8xf32>, %x: tensor<8xf32>, %row: tensor<1x8xf32>, %b: tensor<8x6xf32>)
    -> (tensor<4xf32>, tensor<f32>, tensor<1x6xf32>) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  %e0 = tensor.empty() : tensor<f32>
  %f0 = linalg.fill ins(%zero : f32) outs(%e0 : tensor<f32>) -> tensor<f32>
  %e1 = tensor.empty() : tensor<1x6xf32>
  %f1 = linalg.fill ins(%zero : f32) outs(%e1 : tensor<1x6xf32>) -> tensor<1x6xf32>
  %1 = linalg.matvec ins(%a, %x : tensor<4x8xf32>, tensor<8xf32>) outs(%f : tensor<4xf32>) -> tensor<4xf32>
  %2 = linalg.dot ins(%x, %x : tensor<8xf32>, tensor<8xf32>) outs(%f0 : tensor<f32>) -> tensor<f32>
  %3 = linalg.matmul ins(%row, %b : tensor<1x8xf32>, tensor<8x6xf32>) outs(%f1 : tensor<1x6xf32>) -> tensor<1x6xf32>
  return %1, %2, %3 : tensor<4xf32>, tensor<f32>, tensor<1x6xf32>
}

// Operands of 16 bits are summed in f32 whatever the body says of it; the result has their type or f32.
// CHECK-LABEL: @narrow
// CHECK: exec.gemm {{.*}} -> tensor<4x6xf32>
// CHECK: exec.gemm {{.*}} -> tensor<4x6xf16>
// CHECK: exec.gemm ins(%{{.*}}, %{{.*}} : tensor<4x8xbf16>, tensor<8x6xbf16>) {{.*}} -> tensor<4x6xbf16>
func.func @narrow(%a: tensor<4x8xf16>, %b: tensor<8x6xf16>, %x: tensor<4x8xbf16>, %y: tensor<8x6xbf16>)
    -> (tensor<4x6xf32>, tensor<4x6xf16>, tensor<4x6xbf16>) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x6xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<4x6xf32>) -> tensor<4x6xf32>
  %1 = linalg.matmul ins(%a, %b : tensor<4x8xf16>, tensor<8x6xf16>) outs(%f : tensor<4x6xf32>) -> tensor<4x6xf32>
  %zeroh = arith.constant 0.0 : f16
  %eh = tensor.empty() : tensor<4x6xf16>
  %fh = linalg.fill ins(%zeroh : f16) outs(%eh : tensor<4x6xf16>) -> tensor<4x6xf16>
  %2 = linalg.matmul ins(%a, %b : tensor<4x8xf16>, tensor<8x6xf16>) outs(%fh : tensor<4x6xf16>) -> tensor<4x6xf16>
  %zerob = arith.constant 0.0 : bf16
  %eb = tensor.empty() : tensor<4x6xbf16>
  %fb = linalg.fill ins(%zerob : bf16) outs(%eb : tensor<4x6xbf16>) -> tensor<4x6xbf16>
  %3 = linalg.generic {indexing_maps = [#mk, #kn, #mn], iterator_types = #gemm}
      ins(%x, %y : tensor<4x8xbf16>, tensor<8x6xbf16>) outs(%fb : tensor<4x6xbf16>) {
  ^bb0(%p: bf16, %q: bf16, %acc: bf16):
    %wideP = arith.extf %p : bf16 to f32
    %wideQ = arith.extf %q : bf16 to f32
    %product = arith.mulf %wideP, %wideQ : f32
    %rounded = arith.truncf %product : f32 to bf16
    %sum = arith.addf %acc, %rounded : bf16
    linalg.yield %sum : bf16
  } -> tensor<4x6xbf16>
  return %1, %2, %3 : tensor<4x6xf32>, tensor<4x6xf16>, tensor<4x6xbf16>
}

// An operand that was widened is read as it was before, and a rounding of the result is the product's if nothing else wants
// the sum.
// CHECK-LABEL: @casts
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<4x8xbf16>, %[[Y:[a-z0-9]+]]: tensor<8x6xbf16>
// CHECK-NEXT: %[[ROUNDED:.*]] = exec.gemm ins(%[[X]], %[[Y]] : tensor<4x8xbf16>, tensor<8x6xbf16>) {{.*}} -> tensor<4x6xbf16>
// CHECK-NEXT: %[[SUM:.*]] = exec.gemm ins(%[[X]], %[[Y]] : tensor<4x8xbf16>, tensor<8x6xbf16>) {{.*}} -> tensor<4x6xf32>
// CHECK-NEXT: %[[BOTH:.*]] = exec.dispatch @{{.*}} ins(%[[SUM]] : tensor<4x6xf32>) -> tensor<4x6xbf16>
// CHECK-NEXT: return %[[ROUNDED]], %[[SUM]], %[[BOTH]]
#id = affine_map<(m, n) -> (m, n)>
func.func @casts(%x: tensor<4x8xbf16>, %y: tensor<8x6xbf16>) -> (tensor<4x6xbf16>, tensor<4x6xf32>, tensor<4x6xbf16>) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x6xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<4x6xf32>) -> tensor<4x6xf32>
  %empty = tensor.empty() : tensor<4x8xf32>
  %wide = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<4x8xbf16>) outs(%empty : tensor<4x8xf32>) {
  ^bb0(%in: bf16, %out: f32):
    %w = arith.extf %in : bf16 to f32
    linalg.yield %w : f32
  } -> tensor<4x8xf32>
  %1 = linalg.matmul ins(%x, %y : tensor<4x8xbf16>, tensor<8x6xbf16>) outs(%f : tensor<4x6xf32>) -> tensor<4x6xf32>
  %eb = tensor.empty() : tensor<4x6xbf16>
  %2 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%1 : tensor<4x6xf32>) outs(%eb : tensor<4x6xbf16>) {
  ^bb0(%in: f32, %out: bf16):
    %n = arith.truncf %in : f32 to bf16
    linalg.yield %n : bf16
  } -> tensor<4x6xbf16>
  %3 = linalg.generic {indexing_maps = [#mk, #kn, #mn], iterator_types = #gemm}
      ins(%wide, %y : tensor<4x8xf32>, tensor<8x6xbf16>) outs(%f : tensor<4x6xf32>) {
  ^bb0(%p: f32, %q: bf16, %acc: f32):
    %wideQ = arith.extf %q : bf16 to f32
    %product = arith.mulf %p, %wideQ : f32
    %sum = arith.addf %acc, %product : f32
    linalg.yield %sum : f32
  } -> tensor<4x6xf32>
  %4 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%3 : tensor<4x6xf32>) outs(%eb : tensor<4x6xbf16>) {
  ^bb0(%in: f32, %out: bf16):
    %n = arith.truncf %in : f32 to bf16
    linalg.yield %n : bf16
  } -> tensor<4x6xbf16>
  return %2, %3, %4 : tensor<4x6xbf16>, tensor<4x6xf32>, tensor<4x6xbf16>
}
