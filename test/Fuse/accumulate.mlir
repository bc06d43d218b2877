// Sums of products become products that add to what is in their result's memory.

// RUN: raddle-opt %s --fuse-outline --fuse-verify --split-input-file | FileCheck %s
// RUN: raddle-opt %s --fuse-outline=epilogues=true --fuse-verify --split-input-file | FileCheck %s --check-prefix=BIAS
// RUN: raddle-opt %s --fuse-outline --split-input-file -o /dev/null --remark-policy=all --remark-format=emitRemark --remarks-filter=fuse-outline 2>&1 | FileCheck %s --check-prefix=REMARK

// The gradient of what three linear layers read: in one memory, in the order of the program, whatever that of the sums.
// CHECK-LABEL: @three
// CHECK: %[[Q:.*]] = exec.gemm ins(%{{.*}}, %{{.*}} : tensor<8x4xf32>, tensor<4x16xf32>) m 8 n 16 k 4 ld [4, 16, 16] trans [false, false] -> tensor<8x16xf32>
// CHECK-NEXT: %[[K:.*]] = exec.gemm ins(%{{.*}}, %{{.*}}, %[[Q]] : tensor<8x4xf32>, tensor<4x16xf32>, tensor<8x16xf32>) {{.*}} {accumulate} -> tensor<8x16xf32>
// CHECK-NEXT: %[[V:.*]] = exec.gemm ins(%{{.*}}, %{{.*}}, %[[K]] : tensor<8x4xf32>, tensor<4x16xf32>, tensor<8x16xf32>) {{.*}} {accumulate} -> tensor<8x16xf32>
// CHECK-NEXT: return %[[V]]
func.func @three(%dq: tensor<8x4xf32>, %dk: tensor<8x4xf32>, %dv: tensor<8x4xf32>, %w: tensor<4x16xf32>) -> tensor<8x16xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8x16xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<8x16xf32>) -> tensor<8x16xf32>
  %q = linalg.matmul ins(%dq, %w : tensor<8x4xf32>, tensor<4x16xf32>) outs(%f : tensor<8x16xf32>) -> tensor<8x16xf32>
  %k = linalg.matmul ins(%dk, %w : tensor<8x4xf32>, tensor<4x16xf32>) outs(%f : tensor<8x16xf32>) -> tensor<8x16xf32>
  %v = linalg.matmul ins(%dv, %w : tensor<8x4xf32>, tensor<4x16xf32>) outs(%f : tensor<8x16xf32>) -> tensor<8x16xf32>
  %kv = linalg.add ins(%v, %k : tensor<8x16xf32>, tensor<8x16xf32>) outs(%e : tensor<8x16xf32>) -> tensor<8x16xf32>
  %qkv = linalg.add ins(%kv, %q : tensor<8x16xf32>, tensor<8x16xf32>) outs(%e : tensor<8x16xf32>) -> tensor<8x16xf32>
  return %qkv : tensor<8x16xf32>
}

// -----

// Views between do not matter. What is left is added by a kernel.
// CHECK-LABEL: @views
// CHECK: %[[P:.*]] = exec.gemm ins(%{{.*}}, %{{.*}} : tensor<8x4xf32>, tensor<4x16xf32>)
// CHECK: %[[Q:.*]] = exec.gemm ins(%{{.*}}, %{{.*}}, %[[P]] : tensor<8x4xf32>, tensor<4x16xf32>, tensor<8x16xf32>) {{.*}} {accumulate} -> tensor<2x4x16xf32>
// CHECK-NEXT: %[[SUM:.*]] = exec.dispatch @{{.*}} ins(%[[Q]], %{{.*}} : tensor<2x4x16xf32>, tensor<2x4x16xf32>) -> tensor<2x4x16xf32>
// CHECK-NEXT: return %[[SUM]]
func.func @views(%a: tensor<8x4xf32>, %b: tensor<8x4xf32>, %w: tensor<4x16xf32>, %x: tensor<2x4x16xf32>) -> tensor<2x4x16xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8x16xf32>
  %e3 = tensor.empty() : tensor<2x4x16xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<8x16xf32>) -> tensor<8x16xf32>
  %p = linalg.matmul ins(%a, %w : tensor<8x4xf32>, tensor<4x16xf32>) outs(%f : tensor<8x16xf32>) -> tensor<8x16xf32>
  %q = linalg.matmul ins(%b, %w : tensor<8x4xf32>, tensor<4x16xf32>) outs(%f : tensor<8x16xf32>) -> tensor<8x16xf32>
  %p3 = tensor.expand_shape %p [[0, 1], [2]] output_shape [2, 4, 16] : tensor<8x16xf32> into tensor<2x4x16xf32>
  %q3 = tensor.expand_shape %q [[0, 1], [2]] output_shape [2, 4, 16] : tensor<8x16xf32> into tensor<2x4x16xf32>
  %px = linalg.add ins(%p3, %x : tensor<2x4x16xf32>, tensor<2x4x16xf32>) outs(%e3 : tensor<2x4x16xf32>) -> tensor<2x4x16xf32>
  %pqx = linalg.add ins(%px, %q3 : tensor<2x4x16xf32>, tensor<2x4x16xf32>) outs(%e3 : tensor<2x4x16xf32>) -> tensor<2x4x16xf32>
  return %pqx : tensor<2x4x16xf32>
}

// -----

// A residual connection: nothing reads x after the second product.
// CHECK-LABEL: @residual
// CHECK: %[[X:.*]] = exec.gemm
// CHECK: %[[H:.*]] = exec.dispatch @{{.*}} ins(%[[X]]
// CHECK: %[[Y:.*]] = exec.gemm ins(%[[H]], %{{.*}}, %[[X]] : tensor<8x8xf32>, tensor<8x8xf32>, tensor<8x8xf32>) {{.*}} {accumulate}
// CHECK-NEXT: return %[[Y]]
func.func @residual(%a: tensor<8x8xf32>, %w: tensor<8x8xf32>) -> tensor<8x8xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8x8xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %x = linalg.matmul ins(%a, %w : tensor<8x8xf32>, tensor<8x8xf32>) outs(%f : tensor<8x8xf32>) -> tensor<8x8xf32>
  %h = linalg.exp ins(%x : tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %p = linalg.matmul ins(%h, %w : tensor<8x8xf32>, tensor<8x8xf32>) outs(%f : tensor<8x8xf32>) -> tensor<8x8xf32>
  %y = linalg.add ins(%x, %p : tensor<8x8xf32>, tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  return %y : tensor<8x8xf32>
}

// -----

// The product reads x itself, or x is read later, is the caller's, or is computed together with the sum.
// CHECK-LABEL: @alive
// CHECK-NOT: accumulate
// CHECK: return
// REMARK-DAG: Remark="is not added to another value where that lies: ", Remark="what it is added to is read later"
// REMARK-DAG: Remark="is not added to another value where that lies: ", Remark="what it is added to is read later"
// REMARK-DAG: Remark="is not added to another value where that lies: ", Remark="what it is added to is not the program's own memory"
// REMARK-DAG: Remark="is not added to another value where that lies: ", Remark="a kernel computes what it is added to together with the sum"
// REMARK-DAG: Remark="is not added to another value where that lies: ", Remark="the sum or what it is added to has another type"
func.func @alive(%a: tensor<8x8xf32>, %w: tensor<8x8xf32>)
    -> (tensor<8x8xf32>, tensor<8x8xf32>, tensor<8x8xf32>, tensor<8x8xf32>, tensor<8x8xf32>, tensor<8x8xf32>) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8x8xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %x = linalg.exp ins(%a : tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %p = linalg.matmul ins(%x, %w : tensor<8x8xf32>, tensor<8x8xf32>) outs(%f : tensor<8x8xf32>) -> tensor<8x8xf32>
  %reads_itself = linalg.add ins(%x, %p : tensor<8x8xf32>, tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %y = linalg.sqrt ins(%a : tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %q = linalg.matmul ins(%a, %w : tensor<8x8xf32>, tensor<8x8xf32>) outs(%f : tensor<8x8xf32>) -> tensor<8x8xf32>
  %read_later = linalg.add ins(%q, %y : tensor<8x8xf32>, tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %r = linalg.matmul ins(%w, %w : tensor<8x8xf32>, tensor<8x8xf32>) outs(%f : tensor<8x8xf32>) -> tensor<8x8xf32>
  %callers = linalg.add ins(%r, %a : tensor<8x8xf32>, tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %z = linalg.log ins(%a : tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %s = linalg.matmul ins(%w, %a : tensor<8x8xf32>, tensor<8x8xf32>) outs(%f : tensor<8x8xf32>) -> tensor<8x8xf32>
  %together = linalg.add ins(%s, %z : tensor<8x8xf32>, tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  return %reads_itself, %read_later, %callers, %together, %x, %y
      : tensor<8x8xf32>, tensor<8x8xf32>, tensor<8x8xf32>, tensor<8x8xf32>, tensor<8x8xf32>, tensor<8x8xf32>
}

// -----

// A product that something else reads stays as it is; so does one whose sum is wider than it. Twice one product is no sum of
// two.
// CHECK-LABEL: @apart
// CHECK-NOT: accumulate
// CHECK: return
#mn = affine_map<(m, n) -> (m, n)>
func.func @apart(%a: tensor<8x8xbf16>, %w: tensor<8x8xbf16>, %v: tensor<8x8xf32>) -> (tensor<8x8xf32>, tensor<8x8xf32>, tensor<8x8xf32>) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8x8xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %zero16 = arith.constant 0.0 : bf16
  %e16 = tensor.empty() : tensor<8x8xbf16>
  %f16 = linalg.fill ins(%zero16 : bf16) outs(%e16 : tensor<8x8xbf16>) -> tensor<8x8xbf16>
  %p = linalg.matmul ins(%a, %w : tensor<8x8xbf16>, tensor<8x8xbf16>) outs(%f16 : tensor<8x8xbf16>) -> tensor<8x8xbf16>
  %q = linalg.matmul ins(%w, %a : tensor<8x8xbf16>, tensor<8x8xbf16>) outs(%f16 : tensor<8x8xbf16>) -> tensor<8x8xbf16>
  %wide = linalg.generic {indexing_maps = [#mn, #mn, #mn], iterator_types = ["parallel", "parallel"]}
      ins(%p, %q : tensor<8x8xbf16>, tensor<8x8xbf16>) outs(%e : tensor<8x8xf32>) {
  ^bb0(%x: bf16, %y: bf16, %out: f32):
    %0 = arith.extf %x : bf16 to f32
    %1 = arith.extf %y : bf16 to f32
    %2 = arith.addf %0, %1 : f32
    linalg.yield %2 : f32
  } -> tensor<8x8xf32>
  %r = linalg.matmul ins(%v, %v : tensor<8x8xf32>, tensor<8x8xf32>) outs(%f : tensor<8x8xf32>) -> tensor<8x8xf32>
  %twice = linalg.add ins(%r, %r : tensor<8x8xf32>, tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  return %wide, %r, %twice : tensor<8x8xf32>, tensor<8x8xf32>, tensor<8x8xf32>
}

// -----

// 16 bits: a sum that is rounded is rounded once instead of twice.
// CHECK-LABEL: @narrow
// CHECK: %[[P:.*]] = exec.gemm {{.*}} -> tensor<8x8xbf16>
// CHECK: %[[Q:.*]] = exec.gemm ins(%{{.*}}, %{{.*}}, %[[P]] : tensor<8x8xbf16>, tensor<8x8xbf16>, tensor<8x8xbf16>) {{.*}} {accumulate} -> tensor<8x8xbf16>
// CHECK-NEXT: return %[[Q]]
#mn = affine_map<(m, n) -> (m, n)>
func.func @narrow(%a: tensor<8x8xbf16>, %w: tensor<8x8xbf16>) -> tensor<8x8xbf16> {
  %zero = arith.constant 0.0 : bf16
  %e = tensor.empty() : tensor<8x8xbf16>
  %f = linalg.fill ins(%zero : bf16) outs(%e : tensor<8x8xbf16>) -> tensor<8x8xbf16>
  %p = linalg.matmul ins(%a, %w : tensor<8x8xbf16>, tensor<8x8xbf16>) outs(%f : tensor<8x8xbf16>) -> tensor<8x8xbf16>
  %q = linalg.matmul ins(%w, %a : tensor<8x8xbf16>, tensor<8x8xbf16>) outs(%f : tensor<8x8xbf16>) -> tensor<8x8xbf16>
  %sum = linalg.generic {indexing_maps = [#mn, #mn, #mn], iterator_types = ["parallel", "parallel"]}
      ins(%p, %q : tensor<8x8xbf16>, tensor<8x8xbf16>) outs(%e : tensor<8x8xbf16>) {
  ^bb0(%x: bf16, %y: bf16, %out: bf16):
    %0 = arith.extf %x : bf16 to f32
    %1 = arith.extf %y : bf16 to f32
    %2 = arith.addf %0, %1 : f32
    %3 = arith.truncf %2 : f32 to bf16
    linalg.yield %3 : bf16
  } -> tensor<8x8xbf16>
  return %sum : tensor<8x8xbf16>
}

// -----

// A GPU's library adds a bias as well. On the CPU a kernel adds it, and the sum with it.
// BIAS: %[[X:.*]] = exec.gemm ins(%arg0, %arg1 :
// BIAS: %[[H:.*]] = exec.dispatch @{{.*}} ins(%[[X]]
// BIAS: exec.gemm ins(%[[H]], %arg1, %arg2, %[[X]] : {{.*}} {accumulate, bias} -> tensor<8x8xf32>
// CHECK-LABEL: @bias
// CHECK-NOT: accumulate
#row = affine_map<(m, n) -> (n)>
#mn = affine_map<(m, n) -> (m, n)>
func.func @bias(%a: tensor<8x8xf32>, %w: tensor<8x8xf32>, %b: tensor<8xf32>) -> tensor<8x8xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8x8xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %x = linalg.matmul ins(%a, %w : tensor<8x8xf32>, tensor<8x8xf32>) outs(%f : tensor<8x8xf32>) -> tensor<8x8xf32>
  %h = linalg.exp ins(%x : tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %p = linalg.matmul ins(%h, %w : tensor<8x8xf32>, tensor<8x8xf32>) outs(%f : tensor<8x8xf32>) -> tensor<8x8xf32>
  %pb = linalg.generic {indexing_maps = [#mn, #row, #mn], iterator_types = ["parallel", "parallel"]}
      ins(%p, %b : tensor<8x8xf32>, tensor<8xf32>) outs(%e : tensor<8x8xf32>) {
  ^bb0(%i: f32, %j: f32, %out: f32):
    %0 = arith.addf %i, %j : f32
    linalg.yield %0 : f32
  } -> tensor<8x8xf32>
  %y = linalg.add ins(%x, %pb : tensor<8x8xf32>, tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  return %y : tensor<8x8xf32>
}
