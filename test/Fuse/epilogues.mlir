// What a product computes of what follows it, where that is asked for: bias, GELU in the form with tanh, its derivative, sums.

// RUN: raddle-opt %s --fuse-outline=epilogues=true --fuse-verify | FileCheck %s
// RUN: raddle-opt %s --fuse-outline --fuse-verify | FileCheck %s --check-prefix=APART
// APART-NOT: activation
// APART-NOT: bias
// APART-NOT: sum =

#mn = affine_map<(m, n, k) -> (m, n)>
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#km = affine_map<(m, n, k) -> (k, m)>
#kn = affine_map<(m, n, k) -> (k, n)>
#id = affine_map<(m, n) -> (m, n)>
#row = affine_map<(m, n) -> (n)>
#column = affine_map<(m, n) -> (m)>
#product = ["parallel", "parallel", "reduction"]
#map = ["parallel", "parallel"]
#id3 = affine_map<(b, m, n) -> (b, m, n)>

// A linear layer with GELU, read through a view; backward wants what GELU was applied to.
// CHECK-LABEL: @layer
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<8x4xf32>, %[[W:[a-z0-9]+]]: tensor<16x4xf32>, %[[B:[a-z0-9]+]]: tensor<16xf32>
// CHECK-NEXT: %[[GEMM:.*]]:2 = exec.gemm ins(%[[X]], %[[W]], %[[B]] : tensor<8x4xf32>, tensor<16x4xf32>, tensor<16xf32>) m 8 n 16 k 4 ld [4, 4, 16] trans [false, true] {activation = #exec<activation gelu>, bias, kept} -> tensor<2x4x16xf32>, tensor<8x16xf32>
// CHECK-NEXT: return %[[GEMM]]#0, %[[GEMM]]#1
func.func @layer(%x: tensor<8x4xf32>, %w: tensor<16x4xf32>, %b: tensor<16xf32>) -> (tensor<2x4x16xf32>, tensor<8x16xf32>) {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %half = arith.constant 0.5 : f32
  %slope = arith.constant 0.797884583 : f32
  %cubic = arith.constant 4.471500e-02 : f32
  %e = tensor.empty() : tensor<8x16xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<8x16xf32>) -> tensor<8x16xf32>
  %product = linalg.generic {indexing_maps = [#mk, #nk, #mn], iterator_types = #product}
      ins(%x, %w : tensor<8x4xf32>, tensor<16x4xf32>) outs(%f : tensor<8x16xf32>) {
  ^bb0(%p: f32, %q: f32, %acc: f32):
    %m = arith.mulf %p, %q : f32
    %s = arith.addf %acc, %m : f32
    linalg.yield %s : f32
  } -> tensor<8x16xf32>
  %v = linalg.generic {indexing_maps = [#row, #id, #id], iterator_types = #map}
      ins(%b, %product : tensor<16xf32>, tensor<8x16xf32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%bias: f32, %in: f32, %out: f32):
    %s = arith.addf %bias, %in : f32
    linalg.yield %s : f32
  } -> tensor<8x16xf32>
  %view = tensor.expand_shape %v [[0, 1], [2]] output_shape [2, 4, 16] : tensor<8x16xf32> into tensor<2x4x16xf32>
  %e3 = tensor.empty() : tensor<2x4x16xf32>
  %gelu = linalg.generic {indexing_maps = [#id3, #id3], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%view : tensor<2x4x16xf32>) outs(%e3 : tensor<2x4x16xf32>) {
  ^bb0(%in: f32, %out: f32):
    %2 = arith.mulf %in, %in : f32
    %3 = arith.mulf %2, %in : f32
    %4 = arith.mulf %3, %cubic : f32
    %5 = arith.addf %in, %4 : f32
    %6 = arith.mulf %5, %slope : f32
    %7 = math.tanh %6 : f32
    %8 = arith.mulf %in, %half : f32
    %9 = arith.addf %7, %one : f32
    %10 = arith.mulf %8, %9 : f32
    linalg.yield %10 : f32
  } -> tensor<2x4x16xf32>
  return %gelu, %v : tensor<2x4x16xf32>, tensor<8x16xf32>
}

// Backward: the gradient of what GELU was applied to. Rounding to 16 bits between product and activation is left out. Its sum
// over rows is the bias's gradient, which takes a library longer than a kernel with 16 bits.
// CHECK-LABEL: @backward
// CHECK-SAME: %[[G:[a-z0-9]+]]: tensor<8x4xbf16>, %[[W:[a-z0-9]+]]: tensor<4x16xbf16>, %[[V:[a-z0-9]+]]: tensor<8x16xbf16>
// CHECK-NEXT: exec.gemm ins(%[[G]], %[[W]], %[[V]] : tensor<8x4xbf16>, tensor<4x16xbf16>, tensor<8x16xbf16>) m 8 n 16 k 4 ld [4, 16, 16] trans [false, false] {activation = #exec<activation gelu_gradient>} -> tensor<8x16xbf16>
// CHECK-NEXT: exec.dispatch
// CHECK-NEXT: return
func.func @backward(%g: tensor<8x4xbf16>, %w: tensor<4x16xbf16>, %v: tensor<8x16xbf16>) -> (tensor<8x16xbf16>, tensor<16xbf16>) {
  %zero = arith.constant 0.0 : bf16
  %one = arith.constant 1.0 : f32
  %half = arith.constant 0.5 : f32
  %slope = arith.constant 0.797884583 : f32
  %cubic = arith.constant 4.471500e-02 : f32
  %three = arith.constant 3.0 : f32
  %e = tensor.empty() : tensor<8x16xbf16>
  %f = linalg.fill ins(%zero : bf16) outs(%e : tensor<8x16xbf16>) -> tensor<8x16xbf16>
  %product = linalg.matmul ins(%g, %w : tensor<8x4xbf16>, tensor<4x16xbf16>) outs(%f : tensor<8x16xbf16>) -> tensor<8x16xbf16>
  %d = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = #map}
      ins(%v, %product : tensor<8x16xbf16>, tensor<8x16xbf16>) outs(%e : tensor<8x16xbf16>) {
  ^bb0(%narrow: bf16, %dy: bf16, %out: bf16):
    %x = arith.extf %narrow : bf16 to f32
    %grad = arith.extf %dy : bf16 to f32
    %2 = arith.mulf %x, %x : f32
    %3 = arith.mulf %2, %cubic : f32
    %4 = arith.addf %3, %one : f32
    %5 = arith.mulf %4, %x : f32
    %6 = arith.mulf %5, %slope : f32
    %t = math.tanh %6 : f32
    %8 = arith.mulf %t, %t : f32
    %9 = arith.subf %one, %8 : f32
    %10 = arith.mulf %3, %three : f32
    %11 = arith.addf %10, %one : f32
    %12 = arith.mulf %11, %slope : f32
    %13 = arith.mulf %9, %12 : f32
    %14 = arith.mulf %13, %x : f32
    %15 = arith.addf %14, %t : f32
    %16 = arith.addf %15, %one : f32
    %17 = arith.mulf %16, %half : f32
    %18 = arith.mulf %17, %grad : f32
    %19 = arith.truncf %18 : f32 to bf16
    linalg.yield %19 : bf16
  } -> tensor<8x16xbf16>
  %er = tensor.empty() : tensor<16xbf16>
  %fr = linalg.fill ins(%zero : bf16) outs(%er : tensor<16xbf16>) -> tensor<16xbf16>
  %sum = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["reduction", "parallel"]}
      ins(%d : tensor<8x16xbf16>) outs(%fr : tensor<16xbf16>) {
  ^bb0(%in: bf16, %acc: bf16):
    %s = arith.addf %acc, %in : bf16
    linalg.yield %s : bf16
  } -> tensor<16xbf16>
  return %d, %sum : tensor<8x16xbf16>, tensor<16xbf16>
}

// The gradient of a bias is what the product for the weight's gradient sums over, in either order of its operands.
// CHECK-LABEL: @sums
// CHECK: exec.gemm {{.*}} m 4 n 16 k 8 ld [4, 16, 16] trans [true, false] {sum = #exec<sum a>} -> tensor<4x16xf32>, tensor<4xf32>
// CHECK: exec.gemm {{.*}} m 16 n 6 k 8 ld [16, 6, 6] trans [true, false] {sum = #exec<sum b>} -> tensor<16x6xf32>, tensor<6xf32>
// CHECK-NEXT: return
func.func @sums(%g: tensor<8x4xf32>, %x: tensor<8x16xf32>, %h: tensor<8x6xf32>)
    -> (tensor<4x16xf32>, tensor<4xf32>, tensor<16x6xf32>, tensor<6xf32>) {
  %zero = arith.constant 0.0 : f32
  %e0 = tensor.empty() : tensor<4x16xf32>
  %f0 = linalg.fill ins(%zero : f32) outs(%e0 : tensor<4x16xf32>) -> tensor<4x16xf32>
  %e1 = tensor.empty() : tensor<4xf32>
  %f1 = linalg.fill ins(%zero : f32) outs(%e1 : tensor<4xf32>) -> tensor<4xf32>
  %e2 = tensor.empty() : tensor<16x6xf32>
  %f2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<16x6xf32>) -> tensor<16x6xf32>
  %e3 = tensor.empty() : tensor<6xf32>
  %f3 = linalg.fill ins(%zero : f32) outs(%e3 : tensor<6xf32>) -> tensor<6xf32>
  %db = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["reduction", "parallel"]}
      ins(%g : tensor<8x4xf32>) outs(%f1 : tensor<4xf32>) {
  ^bb0(%in: f32, %acc: f32):
    %s = arith.addf %acc, %in : f32
    linalg.yield %s : f32
  } -> tensor<4xf32>
  %dw = linalg.generic {indexing_maps = [#km, #kn, #mn], iterator_types = #product}
      ins(%g, %x : tensor<8x4xf32>, tensor<8x16xf32>) outs(%f0 : tensor<4x16xf32>) {
  ^bb0(%p: f32, %q: f32, %acc: f32):
    %m = arith.mulf %p, %q : f32
    %s = arith.addf %acc, %m : f32
    linalg.yield %s : f32
  } -> tensor<4x16xf32>
  %dv = linalg.generic {indexing_maps = [#km, #kn, #mn], iterator_types = #product}
      ins(%x, %h : tensor<8x16xf32>, tensor<8x6xf32>) outs(%f2 : tensor<16x6xf32>) {
  ^bb0(%p: f32, %q: f32, %acc: f32):
    %m = arith.mulf %p, %q : f32
    %s = arith.addf %acc, %m : f32
    linalg.yield %s : f32
  } -> tensor<16x6xf32>
  %dc = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["reduction", "parallel"]}
      ins(%h : tensor<8x6xf32>) outs(%f3 : tensor<6xf32>) {
  ^bb0(%in: f32, %acc: f32):
    %s = arith.addf %acc, %in : f32
    linalg.yield %s : f32
  } -> tensor<6xf32>
  return %dw, %db, %dv, %dc : tensor<4x16xf32>, tensor<4xf32>, tensor<16x6xf32>, tensor<6xf32>
}

// Dot products, of which nothing is used twice, are a kernel.
// CHECK-LABEL: @dots
// CHECK-NOT: exec.gemm
// CHECK: return
// APART-LABEL: @dots
// APART-NOT: exec.gemm
// APART: return
func.func @dots(%x: tensor<8x16xf32>, %y: tensor<8x16xf32>) -> tensor<8xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<8xf32>) -> tensor<8xf32>
  %1 = linalg.generic {indexing_maps = [#id, #id, #column], iterator_types = ["parallel", "reduction"]}
      ins(%x, %y : tensor<8x16xf32>, tensor<8x16xf32>) outs(%f : tensor<8xf32>) {
  ^bb0(%p: f32, %q: f32, %acc: f32):
    %m = arith.mulf %p, %q : f32
    %s = arith.addf %acc, %m : f32
    linalg.yield %s : f32
  } -> tensor<8xf32>
  return %1 : tensor<8xf32>
}

// A column is no bias, nor is one that is added to what something else reads; GELU with another constant is another function.
// CHECK-LABEL: @apart
// CHECK: exec.gemm {{.*}} trans [false, true] -> tensor<8x16xf32>
// CHECK: exec.gemm {{.*}} trans [false, true] -> tensor<8x16xf32>
// CHECK: exec.gemm {{.*}} trans [false, true] -> tensor<8x16xf32>
func.func @apart(%x: tensor<8x4xf32>, %w: tensor<16x4xf32>, %c: tensor<8xf32>, %b: tensor<16xf32>)
    -> (tensor<8x16xf32>, tensor<8x16xf32>, tensor<8x16xf32>, tensor<8x16xf32>) {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %half = arith.constant 0.5 : f32
  %slope = arith.constant 0.797884583 : f32
  %cubic = arith.constant 4.4e-02 : f32
  %e = tensor.empty() : tensor<8x16xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<8x16xf32>) -> tensor<8x16xf32>
  %0 = linalg.generic {indexing_maps = [#mk, #nk, #mn], iterator_types = #product}
      ins(%x, %w : tensor<8x4xf32>, tensor<16x4xf32>) outs(%f : tensor<8x16xf32>) {
  ^bb0(%p: f32, %q: f32, %acc: f32):
    %m = arith.mulf %p, %q : f32
    %s = arith.addf %acc, %m : f32
    linalg.yield %s : f32
  } -> tensor<8x16xf32>
  %1 = linalg.generic {indexing_maps = [#mk, #nk, #mn], iterator_types = #product}
      ins(%x, %w : tensor<8x4xf32>, tensor<16x4xf32>) outs(%f : tensor<8x16xf32>) {
  ^bb0(%p: f32, %q: f32, %acc: f32):
    %m = arith.mulf %p, %q : f32
    %s = arith.addf %acc, %m : f32
    linalg.yield %s : f32
  } -> tensor<8x16xf32>
  %2 = linalg.generic {indexing_maps = [#mk, #nk, #mn], iterator_types = #product}
      ins(%x, %w : tensor<8x4xf32>, tensor<16x4xf32>) outs(%f : tensor<8x16xf32>) {
  ^bb0(%p: f32, %q: f32, %acc: f32):
    %m = arith.mulf %p, %q : f32
    %s = arith.addf %acc, %m : f32
    linalg.yield %s : f32
  } -> tensor<8x16xf32>
  %column = linalg.generic {indexing_maps = [#id, #column, #id], iterator_types = #map}
      ins(%0, %c : tensor<8x16xf32>, tensor<8xf32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%in: f32, %bias: f32, %out: f32):
    %s = arith.addf %bias, %in : f32
    linalg.yield %s : f32
  } -> tensor<8x16xf32>
  %shared = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = #map}
      ins(%1, %b : tensor<8x16xf32>, tensor<16xf32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%in: f32, %bias: f32, %out: f32):
    %s = arith.addf %bias, %in : f32
    linalg.yield %s : f32
  } -> tensor<8x16xf32>
  %other = linalg.generic {indexing_maps = [#id, #id], iterator_types = #map}
      ins(%2 : tensor<8x16xf32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%in: f32, %out: f32):
    %3 = arith.mulf %in, %in : f32
    %4 = arith.mulf %3, %in : f32
    %5 = arith.mulf %4, %cubic : f32
    %6 = arith.addf %in, %5 : f32
    %7 = arith.mulf %6, %slope : f32
    %8 = math.tanh %7 : f32
    %9 = arith.mulf %in, %half : f32
    %10 = arith.addf %8, %one : f32
    %11 = arith.mulf %9, %10 : f32
    linalg.yield %11 : f32
  } -> tensor<8x16xf32>
  return %column, %shared, %1, %other : tensor<8x16xf32>, tensor<8x16xf32>, tensor<8x16xf32>, tensor<8x16xf32>
}
