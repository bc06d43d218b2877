// Attention of 16-bit vectors becomes a call of cuDNN; boolean masks become additive; what cuDNN lacks is decomposed.

// RUN: raddle-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(fuse-attention{cudnn},cse))' | FileCheck %s
// RUN: raddle-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(fuse-attention{cudnn unordered},cse))' \
// RUN:   | FileCheck %s --check-prefix=UNORDERED
// RUN: raddle-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(fuse-attention{cudnn}))' \
// RUN:   --remarks-filter="fuse-attention" 2>&1 | FileCheck %s --check-prefix=REMARK

// Forward and backward read one mask, in which a hidden key has −inf.
// CHECK: #[[ID:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
// CHECK-LABEL: @masked
// CHECK-SAME: %[[Q:.*]]: tensor<2x3x4x8xbf16>, %[[MASK:.*]]: tensor<2x1x1x4xi1>, %[[G:.*]]: tensor<2x3x4x8xbf16>
func.func @masked(%q: tensor<2x3x4x8xbf16>, %mask: tensor<2x1x1x4xi1>, %g: tensor<2x3x4x8xbf16>)
    -> (tensor<2x3x4x8xbf16>, tensor<2x3x4x8xbf16>) {
  // CHECK: %[[ADDED:.*]] = linalg.generic {indexing_maps = [#[[ID]], #[[ID]]]
  // CHECK-SAME: ins(%[[MASK]] : tensor<2x1x1x4xi1>) outs(%{{.*}} : tensor<2x1x1x4xbf16>)
  // CHECK-DAG: %[[HIDDEN:.*]] = arith.constant 0xFF80 : bf16
  // CHECK-DAG: %[[ZERO:.*]] = arith.constant 0.000000e+00 : bf16
  // CHECK: arith.select %{{.*}}, %[[ZERO]], %[[HIDDEN]] : bf16
  // CHECK-NOT: linalg.generic
  // CHECK: %[[CALL:.*]]:2 = exec.attention ins(%[[Q]], %[[Q]], %[[Q]], %[[ADDED]] :
  // CHECK-SAME: strides [96, 32, 8, 1, 96, 32, 8, 1, 96, 32, 8, 1, 4, 0, 0, 1, 96, 32, 8, 1, 12, 4, 1, 1]
  // CHECK-SAME: {masked} -> tensor<2x3x4x8xbf16>, tensor<2x3x4xf32>
  %out, %lse = nn.attention %q, %q, %q mask %mask {scale = 1.0 : f64}
    : tensor<2x3x4x8xbf16>, tensor<2x3x4x8xbf16>, tensor<2x3x4x8xbf16> mask tensor<2x1x1x4xi1>
    -> tensor<2x3x4x8xbf16>, tensor<2x3x4xf32>
  // CHECK: exec.attention ins(%[[Q]], %[[Q]], %[[Q]], %[[ADDED]], %[[CALL]]#0, %[[CALL]]#1, %[[G]] :
  // CHECK-SAME: {backward, masked}
  // UNORDERED: exec.attention
  // UNORDERED-SAME: {masked}
  // UNORDERED: exec.attention
  // UNORDERED-SAME: {backward, masked, unordered}
  %dq, %dk, %dv = nn.attention_grad %q, %q, %q mask %mask out %out, %lse grad %g {scale = 1.0 : f64}
    : tensor<2x3x4x8xbf16>, tensor<2x3x4x8xbf16>, tensor<2x3x4x8xbf16> mask tensor<2x1x1x4xi1>, tensor<2x3x4x8xbf16>,
    tensor<2x3x4xf32>, tensor<2x3x4x8xbf16> -> tensor<2x3x4x8xbf16>, tensor<2x3x4x8xbf16>, tensor<2x3x4x8xbf16>
  return %out, %dq : tensor<2x3x4x8xbf16>, tensor<2x3x4x8xbf16>
}

// -----

// A mask that is added stays what it is.
// CHECK-LABEL: @biased
// CHECK-SAME: %[[Q:.*]]: tensor<1x4x5x16xf16>, %[[K:.*]]: tensor<1x2x7x16xf16>, %[[BIAS:.*]]: tensor<1x4x5x7xf32>
func.func @biased(%q: tensor<1x4x5x16xf16>, %k: tensor<1x2x7x16xf16>, %bias: tensor<1x4x5x7xf32>) -> tensor<1x4x5x16xf16> {
  // CHECK-NEXT: exec.attention ins(%[[Q]], %[[K]], %[[K]], %[[BIAS]] :
  // CHECK-SAME: extents [1, 2, 2, 5, 7, 16, 16]
  // CHECK-SAME: {causal, masked}
  %out, %lse = nn.attention %q, %k, %k mask %bias {scale = 0.25 : f64, causal}
    : tensor<1x4x5x16xf16>, tensor<1x2x7x16xf16>, tensor<1x2x7x16xf16> mask tensor<1x4x5x7xf32>
    -> tensor<1x4x5x16xf16>, tensor<1x4x5xf32>
  return %out : tensor<1x4x5x16xf16>
}

// -----

// REMARK: cuDNN has f16 and bf16 only
// CHECK-LABEL: @single
func.func @single(%q: tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32> {
  // CHECK: nn.attention
  %out, %lse = nn.attention %q, %q, %q {scale = 1.0 : f64}
    : tensor<2x3x4x8xf32>, tensor<2x3x4x8xf32>, tensor<2x3x4x8xf32> -> tensor<2x3x4x8xf32>, tensor<2x3x4xf32>
  return %out : tensor<2x3x4x8xf32>
}

// -----

// REMARK: cuDNN has vectors of 8 to 256 elements, in steps of 8
// CHECK-LABEL: @odd
func.func @odd(%q: tensor<2x3x4x12xbf16>) -> tensor<2x3x4x12xbf16> {
  // CHECK: nn.attention
  %out, %lse = nn.attention %q, %q, %q {scale = 1.0 : f64}
    : tensor<2x3x4x12xbf16>, tensor<2x3x4x12xbf16>, tensor<2x3x4x12xbf16> -> tensor<2x3x4x12xbf16>, tensor<2x3x4xf32>
  return %out : tensor<2x3x4x12xbf16>
}

// -----

// REMARK: cuDNN has no gradient of one query and one key
// CHECK-LABEL: @alone
func.func @alone(%q: tensor<2x3x1x8xbf16>) -> tensor<2x3x1x8xbf16> {
  // CHECK: nn.attention
  %out, %lse = nn.attention %q, %q, %q {scale = 1.0 : f64}
    : tensor<2x3x1x8xbf16>, tensor<2x3x1x8xbf16>, tensor<2x3x1x8xbf16> -> tensor<2x3x1x8xbf16>, tensor<2x3x1xf32>
  return %out : tensor<2x3x1x8xbf16>
}

// -----

// REMARK: cuDNN has masks with a number for each key only
// CHECK-LABEL: @same_for_keys
func.func @same_for_keys(%q: tensor<2x3x4x8xbf16>, %bias: tensor<1x1x4x1xbf16>) -> tensor<2x3x4x8xbf16> {
  // CHECK: nn.attention
  %out, %lse = nn.attention %q, %q, %q mask %bias {scale = 1.0 : f64}
    : tensor<2x3x4x8xbf16>, tensor<2x3x4x8xbf16>, tensor<2x3x4x8xbf16> mask tensor<1x1x4x1xbf16>
    -> tensor<2x3x4x8xbf16>, tensor<2x3x4xf32>
  return %out : tensor<2x3x4x8xbf16>
}

// -----

// The gradient of a mask reads the log-sum-exp of decomposed attention, and all scores: forward and backward go with it.
// REMARK-COUNT-2: something else reads the log-sum-exp, as the gradient of a mask does
// CHECK-LABEL: @trained_mask
func.func @trained_mask(%q: tensor<2x3x4x8xbf16>, %bias: tensor<1x1x4x4xbf16>, %g: tensor<2x3x4x8xbf16>)
    -> (tensor<2x3x4x8xbf16>, tensor<1x1x4x4xbf16>) {
  // CHECK-NOT: exec.attention
  %out, %lse = nn.attention %q, %q, %q mask %bias {scale = 1.0 : f64}
    : tensor<2x3x4x8xbf16>, tensor<2x3x4x8xbf16>, tensor<2x3x4x8xbf16> mask tensor<1x1x4x4xbf16>
    -> tensor<2x3x4x8xbf16>, tensor<2x3x4xf32>
  %dq, %dk, %dv = nn.attention_grad %q, %q, %q mask %bias out %out, %lse grad %g {scale = 1.0 : f64}
    : tensor<2x3x4x8xbf16>, tensor<2x3x4x8xbf16>, tensor<2x3x4x8xbf16> mask tensor<1x1x4x4xbf16>, tensor<2x3x4x8xbf16>,
    tensor<2x3x4xf32>, tensor<2x3x4x8xbf16> -> tensor<2x3x4x8xbf16>, tensor<2x3x4x8xbf16>, tensor<2x3x4x8xbf16>
  %db = nn.attention_mask_grad %q, %q, %q mask %bias out %out, %lse grad %g {scale = 1.0 : f64}
    : tensor<2x3x4x8xbf16>, tensor<2x3x4x8xbf16>, tensor<2x3x4x8xbf16> mask tensor<1x1x4x4xbf16>, tensor<2x3x4x8xbf16>,
    tensor<2x3x4xf32>, tensor<2x3x4x8xbf16> -> tensor<1x1x4x4xbf16>
  return %dq, %db : tensor<2x3x4x8xbf16>, tensor<1x1x4x4xbf16>
}
