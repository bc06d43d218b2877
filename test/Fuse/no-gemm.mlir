// What a library does not compute stays a kernel.

// RUN: raddle-opt %s --fuse-outline --fuse-verify | FileCheck %s
// CHECK-NOT: exec.gemm

#mn = affine_map<(m, n, k) -> (m, n)>
#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#gemm = ["parallel", "parallel", "reduction"]

// Another body: the sum of squares of products.
func.func @body(%a: tensor<4x8xf32>, %b: tensor<8x6xf32>) -> tensor<4x6xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x6xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<4x6xf32>) -> tensor<4x6xf32>
  %1 = linalg.generic {indexing_maps = [#mk, #kn, #mn], iterator_types = #gemm}
      ins(%a, %b : tensor<4x8xf32>, tensor<8x6xf32>) outs(%f : tensor<4x6xf32>) {
  ^bb0(%x: f32, %y: f32, %acc: f32):
    %p = arith.mulf %x, %y : f32
    %q = arith.mulf %p, %p : f32
    %s = arith.addf %acc, %q : f32
    linalg.yield %s : f32
  } -> tensor<4x6xf32>
  return %1 : tensor<4x6xf32>
}

// The same operand twice: x * x, not x * y.
func.func @square(%a: tensor<4x8xf32>, %b: tensor<8x6xf32>) -> tensor<4x6xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x6xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<4x6xf32>) -> tensor<4x6xf32>
  %1 = linalg.generic {indexing_maps = [#mk, #kn, #mn], iterator_types = #gemm}
      ins(%a, %b : tensor<4x8xf32>, tensor<8x6xf32>) outs(%f : tensor<4x6xf32>) {
  ^bb0(%x: f32, %y: f32, %acc: f32):
    %p = arith.mulf %x, %x : f32
    %s = arith.addf %acc, %p : f32
    linalg.yield %s : f32
  } -> tensor<4x6xf32>
  return %1 : tensor<4x6xf32>
}

// A sum that starts from ones, or from a value.
func.func @start(%a: tensor<4x8xf32>, %b: tensor<8x6xf32>, %c: tensor<4x6xf32>) -> (tensor<4x6xf32>, tensor<4x6xf32>) {
  %one = arith.constant 1.0 : f32
  %e = tensor.empty() : tensor<4x6xf32>
  %f = linalg.fill ins(%one : f32) outs(%e : tensor<4x6xf32>) -> tensor<4x6xf32>
  %1 = linalg.matmul ins(%a, %b : tensor<4x8xf32>, tensor<8x6xf32>) outs(%f : tensor<4x6xf32>) -> tensor<4x6xf32>
  %2 = linalg.matmul ins(%a, %b : tensor<4x8xf32>, tensor<8x6xf32>) outs(%c : tensor<4x6xf32>) -> tensor<4x6xf32>
  return %1, %2 : tensor<4x6xf32>, tensor<4x6xf32>
}

// Integers, operands of two types, a result that is wider or narrower than operands of single precision, and operands that
// are rounded in the body.
func.func @types(%a: tensor<4x8xf16>, %b: tensor<8x6xf32>, %w: tensor<4x8xf32>, %i: tensor<4x8xi32>, %j: tensor<8x6xi32>)
    -> (tensor<4x6xf32>, tensor<4x6xf64>, tensor<4x6xf16>, tensor<4x6xf32>, tensor<4x6xi32>) {
  %zerof = arith.constant 0.0 : f32
  %ef = tensor.empty() : tensor<4x6xf32>
  %ff = linalg.fill ins(%zerof : f32) outs(%ef : tensor<4x6xf32>) -> tensor<4x6xf32>
  %1 = linalg.matmul ins(%a, %b : tensor<4x8xf16>, tensor<8x6xf32>) outs(%ff : tensor<4x6xf32>) -> tensor<4x6xf32>
  %zerod = arith.constant 0.0 : f64
  %ed = tensor.empty() : tensor<4x6xf64>
  %fd = linalg.fill ins(%zerod : f64) outs(%ed : tensor<4x6xf64>) -> tensor<4x6xf64>
  %2 = linalg.matmul ins(%w, %b : tensor<4x8xf32>, tensor<8x6xf32>) outs(%fd : tensor<4x6xf64>) -> tensor<4x6xf64>
  %zeroh = arith.constant 0.0 : f16
  %eh = tensor.empty() : tensor<4x6xf16>
  %fh = linalg.fill ins(%zeroh : f16) outs(%eh : tensor<4x6xf16>) -> tensor<4x6xf16>
  %4 = linalg.matmul ins(%w, %b : tensor<4x8xf32>, tensor<8x6xf32>) outs(%fh : tensor<4x6xf16>) -> tensor<4x6xf16>
  %5 = linalg.generic {indexing_maps = [#mk, #kn, #mn], iterator_types = #gemm}
      ins(%w, %b : tensor<4x8xf32>, tensor<8x6xf32>) outs(%ff : tensor<4x6xf32>) {
  ^bb0(%x: f32, %y: f32, %acc: f32):
    %n = arith.truncf %x : f32 to bf16
    %r = arith.extf %n : bf16 to f32
    %p = arith.mulf %r, %y : f32
    %s = arith.addf %acc, %p : f32
    linalg.yield %s : f32
  } -> tensor<4x6xf32>
  %zeroi = arith.constant 0 : i32
  %ei = tensor.empty() : tensor<4x6xi32>
  %fi = linalg.fill ins(%zeroi : i32) outs(%ei : tensor<4x6xi32>) -> tensor<4x6xi32>
  %3 = linalg.matmul ins(%i, %j : tensor<4x8xi32>, tensor<8x6xi32>) outs(%fi : tensor<4x6xi32>) -> tensor<4x6xi32>
  return %1, %2, %4, %5, %3 : tensor<4x6xf32>, tensor<4x6xf64>, tensor<4x6xf16>, tensor<4x6xf32>, tensor<4x6xi32>
}

// Two loops to sum over with a jump between them, and a diagonal.
func.func @loops(%a: tensor<2x4x8xf32>, %b: tensor<8x2x6xf32>, %d: tensor<4x4xf32>, %v: tensor<4xf32>) -> (tensor<4x6xf32>, tensor<f32>) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x6xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<4x6xf32>) -> tensor<4x6xf32>
  %1 = linalg.generic {indexing_maps = [affine_map<(m, n, j, k) -> (j, m, k)>, affine_map<(m, n, j, k) -> (k, j, n)>, affine_map<(m, n, j, k) -> (m, n)>],
                       iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
      ins(%a, %b : tensor<2x4x8xf32>, tensor<8x2x6xf32>) outs(%f : tensor<4x6xf32>) {
  ^bb0(%x: f32, %y: f32, %acc: f32):
    %p = arith.mulf %x, %y : f32
    %s = arith.addf %acc, %p : f32
    linalg.yield %s : f32
  } -> tensor<4x6xf32>
  %e0 = tensor.empty() : tensor<f32>
  %f0 = linalg.fill ins(%zero : f32) outs(%e0 : tensor<f32>) -> tensor<f32>
  %2 = linalg.generic {indexing_maps = [affine_map<(k) -> (k, k)>, affine_map<(k) -> (k)>, affine_map<(k) -> ()>], iterator_types = ["reduction"]}
      ins(%d, %v : tensor<4x4xf32>, tensor<4xf32>) outs(%f0 : tensor<f32>) {
  ^bb0(%x: f32, %y: f32, %acc: f32):
    %p = arith.mulf %x, %y : f32
    %s = arith.addf %acc, %p : f32
    linalg.yield %s : f32
  } -> tensor<f32>
  return %1, %2 : tensor<4x6xf32>, tensor<f32>
}

// Sums of products of vectors, of the columns and of the rows of two matrices, and of everything.
func.func @dots(%a: tensor<6x4xf32>, %b: tensor<6x4xf32>) -> (tensor<4xf32>, tensor<6xf32>, tensor<f32>) {
  %zero = arith.constant 0.0 : f32
  %e4 = tensor.empty() : tensor<4xf32>
  %f4 = linalg.fill ins(%zero : f32) outs(%e4 : tensor<4xf32>) -> tensor<4xf32>
  %1 = linalg.generic {indexing_maps = [affine_map<(k, i) -> (k, i)>, affine_map<(k, i) -> (k, i)>, affine_map<(k, i) -> (i)>],
                       iterator_types = ["reduction", "parallel"]}
      ins(%a, %b : tensor<6x4xf32>, tensor<6x4xf32>) outs(%f4 : tensor<4xf32>) {
  ^bb0(%x: f32, %y: f32, %acc: f32):
    %p = arith.mulf %x, %y : f32
    %s = arith.addf %acc, %p : f32
    linalg.yield %s : f32
  } -> tensor<4xf32>
  %e6 = tensor.empty() : tensor<6xf32>
  %f6 = linalg.fill ins(%zero : f32) outs(%e6 : tensor<6xf32>) -> tensor<6xf32>
  %2 = linalg.generic {indexing_maps = [affine_map<(i, k) -> (i, k)>, affine_map<(i, k) -> (i, k)>, affine_map<(i, k) -> (i)>],
                       iterator_types = ["parallel", "reduction"]}
      ins(%a, %b : tensor<6x4xf32>, tensor<6x4xf32>) outs(%f6 : tensor<6xf32>) {
  ^bb0(%x: f32, %y: f32, %acc: f32):
    %p = arith.mulf %x, %y : f32
    %s = arith.addf %acc, %p : f32
    linalg.yield %s : f32
  } -> tensor<6xf32>
  %e0 = tensor.empty() : tensor<f32>
  %f0 = linalg.fill ins(%zero : f32) outs(%e0 : tensor<f32>) -> tensor<f32>
  %3 = linalg.generic {indexing_maps = [affine_map<(i, k) -> (i, k)>, affine_map<(i, k) -> (i, k)>, affine_map<(i, k) -> ()>],
                       iterator_types = ["reduction", "reduction"]}
      ins(%a, %b : tensor<6x4xf32>, tensor<6x4xf32>) outs(%f0 : tensor<f32>) {
  ^bb0(%x: f32, %y: f32, %acc: f32):
    %p = arith.mulf %x, %y : f32
    %s = arith.addf %acc, %p : f32
    linalg.yield %s : f32
  } -> tensor<f32>
  return %1, %2, %3 : tensor<4xf32>, tensor<6xf32>, tensor<f32>
}
