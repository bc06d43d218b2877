// Attention becomes a library call that follows transposes; what the library lacks is left to decomposition.

// RUN: raddle-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(fuse-attention),cse)' | FileCheck %s
// RUN: raddle-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(fuse-attention))' --remarks-filter="fuse-attention" 2>&1 \
// RUN:   | FileCheck %s --check-prefix=REMARK

// CHECK-LABEL: @as_stored
// CHECK-SAME: %[[Q:.*]]: tensor<2x6x4x8xf32>, %[[K:.*]]: tensor<2x2x7x8xf32>, %[[V:.*]]: tensor<2x2x7x3xf32>
func.func @as_stored(%q: tensor<2x6x4x8xf32>, %k: tensor<2x2x7x8xf32>, %v: tensor<2x2x7x3xf32>)
    -> (tensor<2x6x4x3xf32>, tensor<2x6x4xf32>) {
  // CHECK: %[[CALL:.*]]:2 = exec.attention ins(%[[Q]], %[[K]], %[[V]] :
  // CHECK-SAME: extents [2, 2, 3, 4, 7, 8, 3] strides [192, 32, 8, 1, 112, 56, 8, 1, 42, 21, 3, 1, 72, 12, 3, 1, 24, 4, 1, 1]
  // CHECK-SAME: scale 5.000000e-01 {causal} -> tensor<2x6x4x3xf32>, tensor<2x6x4xf32>
  // CHECK: return %[[CALL]]#0, %[[CALL]]#1
  %out, %lse = nn.attention %q, %k, %v {scale = 0.5 : f64, causal}
    : tensor<2x6x4x8xf32>, tensor<2x2x7x8xf32>, tensor<2x2x7x3xf32> -> tensor<2x6x4x3xf32>, tensor<2x6x4xf32>
  return %out, %lse : tensor<2x6x4x3xf32>, tensor<2x6x4xf32>
}

// -----

// The query is read, and the result written, as the model's linear layers have them; the gradient reads them there.
// CHECK-LABEL: @transposed
// CHECK-SAME: %[[X:.*]]: tensor<1x4x2x8xf32>, %[[K:.*]]: tensor<1x2x4x8xf32>, %[[G:.*]]: tensor<1x4x2x8xf32>
func.func @transposed(%x: tensor<1x4x2x8xf32>, %k: tensor<1x2x4x8xf32>, %g: tensor<1x4x2x8xf32>)
    -> (tensor<1x4x2x8xf32>, tensor<1x4x2x8xf32>, tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>) {
  %heads = tensor.empty() : tensor<1x2x4x8xf32>
  %tokens = tensor.empty() : tensor<1x4x2x8xf32>
  %q = linalg.transpose ins(%x : tensor<1x4x2x8xf32>) outs(%heads : tensor<1x2x4x8xf32>) permutation = [0, 2, 1, 3]
  // CHECK: %[[CALL:.*]]:2 = exec.attention ins(%[[X]], %[[K]], %[[K]] :
  // CHECK-SAME: strides [64, 8, 16, 1, 64, 32, 8, 1, 64, 32, 8, 1, 64, 8, 16, 1, 8, 4, 1, 1]
  // CHECK-SAME: -> tensor<1x4x2x8xf32>, tensor<1x2x4xf32>
  %out, %lse = nn.attention %q, %k, %k {scale = 0.5 : f64}
    : tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32> -> tensor<1x2x4x8xf32>, tensor<1x2x4xf32>
  %y = linalg.transpose ins(%out : tensor<1x2x4x8xf32>) outs(%tokens : tensor<1x4x2x8xf32>) permutation = [0, 2, 1, 3]
  %gh = linalg.generic {indexing_maps = [affine_map<(b, s, h, d) -> (b, s, h, d)>, affine_map<(b, s, h, d) -> (b, h, s, d)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%g : tensor<1x4x2x8xf32>) outs(%heads : tensor<1x2x4x8xf32>) {
  ^bb0(%in: f32, %old: f32):
    linalg.yield %in : f32
  } -> tensor<1x2x4x8xf32>
  // CHECK: %[[GRAD:.*]]:3 = exec.attention ins(%[[X]], %[[K]], %[[K]], %[[CALL]]#0, %[[CALL]]#1, %[[G]] :
  // CHECK-SAME: {backward} -> tensor<1x4x2x8xf32>, tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>
  %dq, %dk, %dv = nn.attention_grad %q, %k, %k out %out, %lse grad %gh {scale = 0.5 : f64}
    : tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>, tensor<1x2x4xf32>,
    tensor<1x2x4x8xf32> -> tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>
  %dx = linalg.transpose ins(%dq : tensor<1x2x4x8xf32>) outs(%tokens : tensor<1x4x2x8xf32>) permutation = [0, 2, 1, 3]
  // CHECK-NOT: nn.attention_grad
  // CHECK: return %[[CALL]]#0, %[[GRAD]]#0, %[[GRAD]]#1, %[[GRAD]]#2
  return %y, %dx, %dk, %dv : tensor<1x4x2x8xf32>, tensor<1x4x2x8xf32>, tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>
}

// -----

// A mask repeats where it has one element.
// CHECK-LABEL: @masked
func.func @masked(%q: tensor<2x3x4x8xf32>, %mask: tensor<2x1x1x4xi1>) -> tensor<2x3x4x8xf32> {
  // CHECK: strides [96, 32, 8, 1, 96, 32, 8, 1, 96, 32, 8, 1, 4, 0, 0, 1, 96, 32, 8, 1, 12, 4, 1, 1]
  // CHECK-SAME: {masked}
  %out, %lse = nn.attention %q, %q, %q mask %mask {scale = 1.0 : f64}
    : tensor<2x3x4x8xf32>, tensor<2x3x4x8xf32>, tensor<2x3x4x8xf32> mask tensor<2x1x1x4xi1>
    -> tensor<2x3x4x8xf32>, tensor<2x3x4xf32>
  return %out : tensor<2x3x4x8xf32>
}

// -----

// CHECK-LABEL: @double
// REMARK: decomposed
// REMARK-SAME: libraries have f32, f16 and bf16 only
func.func @double(%q: tensor<2x3x4x8xf64>) -> tensor<2x3x4x8xf64> {
  // CHECK: nn.attention
  %out, %lse = nn.attention %q, %q, %q {scale = 1.0 : f64}
    : tensor<2x3x4x8xf64>, tensor<2x3x4x8xf64>, tensor<2x3x4x8xf64> -> tensor<2x3x4x8xf64>, tensor<2x3x4xf64>
  return %out : tensor<2x3x4x8xf64>
}
