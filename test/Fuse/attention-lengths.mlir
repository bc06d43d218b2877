// Masks that compare positions become lengths and causality; others stay, and remarks say why where they nearly did.

// RUN: raddle-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(fuse-attention,canonicalize,cse))' | FileCheck %s
// RUN: raddle-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(fuse-attention))' \
// RUN:   --remarks-filter="fuse-attention" 2>&1 >/dev/null | FileCheck %s --check-prefix=REMARK
// RUN: raddle-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(fuse-attention{cudnn},canonicalize,cse))' \
// RUN:   | FileCheck %s --check-prefix=CUDNN

// Forward and backward take the lengths; nothing computes the mask. The order of `>` is the other way round.
// CHECK-LABEL: @forward_and_backward
// CHECK-SAME: %[[Q:.*]]: tensor<2x3x4x8xbf16>, %[[N:.*]]: tensor<2xi64>, %[[G:.*]]: tensor<2x3x4x8xbf16>
// CHECK-NEXT: %[[CALL:.*]]:2 = exec.attention ins(%[[Q]], %[[Q]], %[[Q]], %[[N]] :
// CHECK-SAME: strides [96, 32, 8, 1, 96, 32, 8, 1, 96, 32, 8, 1, 1, 0, 0, 0, 96, 32, 8, 1, 12, 4, 1, 1]
// CHECK-SAME: {lengths} -> tensor<2x3x4x8xbf16>, tensor<2x3x4xf32>
// CHECK-NEXT: exec.attention ins(%[[Q]], %[[Q]], %[[Q]], %[[N]], %[[CALL]]#0, %[[CALL]]#1, %[[G]] :
// CHECK-SAME: {backward, lengths}
// CUDNN-LABEL: @forward_and_backward
// CUDNN-SAME: %[[Q:.*]]: tensor<2x3x4x8xbf16>, %[[N:.*]]: tensor<2xi64>
// CUDNN: %[[ADDED:.*]] = linalg.generic {indexing_maps = [#[[BATCH:.*]], #[[ALL:.*]]],
// CUDNN-SAME: ins(%[[N]] : tensor<2xi64>) outs(%{{.*}} : tensor<2x1x1x4xbf16>)
// CUDNN: linalg.index 3
// CUDNN: arith.cmpi slt
// CUDNN: arith.select
// CUDNN-NOT: linalg.generic
// CUDNN: exec.attention ins(%[[Q]], %[[Q]], %[[Q]], %[[ADDED]] :
// CUDNN-SAME: 4, 0, 0, 1,
// CUDNN-SAME: {masked}
// CUDNN: exec.attention ins(%[[Q]], %[[Q]], %[[Q]], %[[ADDED]],
// CUDNN-SAME: {backward, masked}
func.func @forward_and_backward(%q: tensor<2x3x4x8xbf16>, %lengths: tensor<2xi64>, %g: tensor<2x3x4x8xbf16>)
    -> tensor<2x3x4x8xbf16> {
  %positions = tensor.empty() : tensor<4xi64>
  %range = linalg.generic {indexing_maps = [affine_map<(t) -> (t)>],
      iterator_types = ["parallel"]} outs(%positions : tensor<4xi64>) {
  ^bb0(%old: i64):
    %i = linalg.index 0 : index
    %p = arith.index_cast %i : index to i64
    linalg.yield %p : i64
  } -> tensor<4xi64>
  %shorter.empty = tensor.empty() : tensor<2x4xi1>
  %shorter = linalg.generic {indexing_maps = [affine_map<(b, t) -> (t)>, affine_map<(b, t) -> (b)>,
      affine_map<(b, t) -> (b, t)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%range, %lengths : tensor<4xi64>, tensor<2xi64>) outs(%shorter.empty : tensor<2x4xi1>) {
  ^bb0(%a: i64, %b: i64, %old: i1):
    %c = arith.cmpi sgt, %b, %a : i64
    linalg.yield %c : i1
  } -> tensor<2x4xi1>
  %mask = tensor.expand_shape %shorter [[0], [1, 2, 3]] output_shape [2, 1, 1, 4] : tensor<2x4xi1> into tensor<2x1x1x4xi1>
  %out, %lse = nn.attention %q, %q, %q mask %mask {scale = 1.0 : f64}
    : tensor<2x3x4x8xbf16>, tensor<2x3x4x8xbf16>, tensor<2x3x4x8xbf16> mask tensor<2x1x1x4xi1>
    -> tensor<2x3x4x8xbf16>, tensor<2x3x4xf32>
  %dq, %dk, %dv = nn.attention_grad %q, %q, %q mask %mask out %out, %lse grad %g {scale = 1.0 : f64}
    : tensor<2x3x4x8xbf16>, tensor<2x3x4x8xbf16>, tensor<2x3x4x8xbf16> mask tensor<2x1x1x4xi1>, tensor<2x3x4x8xbf16>,
    tensor<2x3x4xf32>, tensor<2x3x4x8xbf16>
    -> tensor<2x3x4x8xbf16>, tensor<2x3x4x8xbf16>, tensor<2x3x4x8xbf16>
  return %dq : tensor<2x3x4x8xbf16>
}

// -----

// Both, of lengths of i32, for each query: a GPU's mask has no dimension of queries.
// CHECK-LABEL: @with_causality
// CHECK-SAME: %[[Q:.*]]: tensor<2x3x4x8xbf16>, %[[N:.*]]: tensor<2xi32>
// CHECK-NEXT: exec.attention ins(%[[Q]], %[[Q]], %[[Q]], %[[N]] :
// CHECK-SAME: {causal, lengths}
// CUDNN-LABEL: @with_causality
// CUDNN: exec.attention
// CUDNN-SAME: 4, 0, 0, 1,
// CUDNN-SAME: {causal, masked}
func.func @with_causality(%q: tensor<2x3x4x8xbf16>, %lengths: tensor<2xi32>) -> tensor<2x3x4x8xbf16> {
  %positions = tensor.empty() : tensor<4xi64>
  %range = linalg.generic {indexing_maps = [affine_map<(t) -> (t)>],
      iterator_types = ["parallel"]} outs(%positions : tensor<4xi64>) {
  ^bb0(%old: i64):
    %i = linalg.index 0 : index
    %p = arith.index_cast %i : index to i64
    linalg.yield %p : i64
  } -> tensor<4xi64>
  %shorter.empty = tensor.empty() : tensor<2x4xi1>
  %shorter = linalg.generic {indexing_maps = [affine_map<(b, t) -> (t)>, affine_map<(b, t) -> (b)>,
      affine_map<(b, t) -> (b, t)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%range, %lengths : tensor<4xi64>, tensor<2xi32>) outs(%shorter.empty : tensor<2x4xi1>) {
  ^bb0(%a: i64, %b: i32, %old: i1):
    %wide = arith.extsi %b : i32 to i64
    %c = arith.cmpi slt, %a, %wide : i64
    linalg.yield %c : i1
  } -> tensor<2x4xi1>
  %tril.empty = tensor.empty() : tensor<4x4xi1>
  %tril = linalg.generic {indexing_maps = [affine_map<(s, t) -> (t)>, affine_map<(s, t) -> (s)>,
      affine_map<(s, t) -> (s, t)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%range, %range : tensor<4xi64>, tensor<4xi64>) outs(%tril.empty : tensor<4x4xi1>) {
  ^bb0(%a: i64, %b: i64, %old: i1):
    %c = arith.cmpi sle, %a, %b : i64
    linalg.yield %c : i1
  } -> tensor<4x4xi1>
  %mask.empty = tensor.empty() : tensor<2x1x4x4xi1>
  %mask = linalg.generic {indexing_maps = [affine_map<(b, h, s, t) -> (b, t)>,
      affine_map<(b, h, s, t) -> (s, t)>, affine_map<(b, h, s, t) -> (b, h, s, t)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%shorter, %tril : tensor<2x4xi1>, tensor<4x4xi1>) outs(%mask.empty : tensor<2x1x4x4xi1>) {
  ^bb0(%a: i1, %b: i1, %old: i1):
    %c = arith.andi %a, %b : i1
    linalg.yield %c : i1
  } -> tensor<2x1x4x4xi1>
  %out, %lse = nn.attention %q, %q, %q mask %mask {scale = 1.0 : f64}
    : tensor<2x3x4x8xbf16>, tensor<2x3x4x8xbf16>, tensor<2x3x4x8xbf16> mask tensor<2x1x4x4xi1>
    -> tensor<2x3x4x8xbf16>, tensor<2x3x4xf32>
  return %out : tensor<2x3x4x8xbf16>
}

// -----

// A GPU's library takes causality as well. This one says where keys are hidden, from the next position on, by −inf.
// CHECK-LABEL: @causality
// CHECK: exec.attention ins(%{{[^,]*}}, %{{[^,]*}}, %{{[^,]*}} :
// CHECK-SAME: scale 1.000000e+00 {causal}
// CUDNN-LABEL: @causality
// CUDNN: exec.attention ins(%{{[^,]*}}, %{{[^,]*}}, %{{[^,]*}} :
// CUDNN-SAME: scale 1.000000e+00 {causal}
func.func @causality(%q: tensor<2x3x4x8xbf16>) -> tensor<2x3x4x8xbf16> {
  %hidden = arith.constant dense<0xFF800000> : tensor<4x4xf32>
  %one = arith.constant 1 : i64
  %zero = arith.constant 0.0 : f32
  %triu.empty = tensor.empty() : tensor<4x4xf32>
  %triu = linalg.generic {indexing_maps = [affine_map<(s, t) -> (s, t)>, affine_map<(s, t) -> (s, t)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%hidden : tensor<4x4xf32>) outs(%triu.empty : tensor<4x4xf32>) {
  ^bb0(%a: f32, %old: f32):
    %i = linalg.index 0 : index
    %s = arith.index_cast %i : index to i64
    %j = linalg.index 1 : index
    %t = arith.index_cast %j : index to i64
    %next = arith.addi %s, %one : i64
    %c = arith.cmpi sge, %t, %next : i64
    %v = arith.select %c, %a, %zero : f32
    linalg.yield %v : f32
  } -> tensor<4x4xf32>
  %mask = tensor.expand_shape %triu [[0, 1, 2], [3]] output_shape [1, 1, 4, 4] : tensor<4x4xf32> into tensor<1x1x4x4xf32>
  %out, %lse = nn.attention %q, %q, %q mask %mask {scale = 1.0 : f64}
    : tensor<2x3x4x8xbf16>, tensor<2x3x4x8xbf16>, tensor<2x3x4x8xbf16> mask tensor<1x1x4x4xf32>
    -> tensor<2x3x4x8xbf16>, tensor<2x3x4xf32>
  return %out : tensor<2x3x4x8xbf16>
}

// -----

// What is hidden is told by its negation, and −inf is put there.
// CHECK-LABEL: @added
// CHECK-SAME: %[[Q:.*]]: tensor<2x3x4x8xbf16>, %[[N:.*]]: tensor<2xi64>
// CHECK-NEXT: exec.attention ins(%[[Q]], %[[Q]], %[[Q]], %[[N]] :
// CHECK-SAME: {lengths}
func.func @added(%q: tensor<2x3x4x8xbf16>, %lengths: tensor<2xi64>) -> tensor<2x3x4x8xbf16> {
  %true = arith.constant true
  %zero = arith.constant 0.0 : f32
  %infinity = arith.constant 0xFF800000 : f32
  %zeros.empty = tensor.empty() : tensor<2x1x4x4xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%zeros.empty : tensor<2x1x4x4xf32>) -> tensor<2x1x4x4xf32>
  %positions = tensor.empty() : tensor<4xi64>
  %range = linalg.generic {indexing_maps = [affine_map<(t) -> (t)>],
      iterator_types = ["parallel"]} outs(%positions : tensor<4xi64>) {
  ^bb0(%old: i64):
    %i = linalg.index 0 : index
    %p = arith.index_cast %i : index to i64
    linalg.yield %p : i64
  } -> tensor<4xi64>
  %shorter.empty = tensor.empty() : tensor<2x4xi1>
  %shorter = linalg.generic {indexing_maps = [affine_map<(b, t) -> (t)>, affine_map<(b, t) -> (b)>,
      affine_map<(b, t) -> (b, t)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%range, %lengths : tensor<4xi64>, tensor<2xi64>) outs(%shorter.empty : tensor<2x4xi1>) {
  ^bb0(%a: i64, %b: i64, %old: i1):
    %c = arith.cmpi slt, %a, %b : i64
    linalg.yield %c : i1
  } -> tensor<2x4xi1>
  %beyond.empty = tensor.empty() : tensor<2x4xi1>
  %beyond = linalg.generic {indexing_maps = [affine_map<(b, t) -> (b, t)>, affine_map<(b, t) -> (b, t)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%shorter : tensor<2x4xi1>) outs(%beyond.empty : tensor<2x4xi1>) {
  ^bb0(%a: i1, %old: i1):
    %c = arith.xori %a, %true : i1
    linalg.yield %c : i1
  } -> tensor<2x4xi1>
  %mask.empty = tensor.empty() : tensor<2x1x4x4xf32>
  %mask = linalg.generic {indexing_maps = [affine_map<(b, h, s, t) -> (b, t)>,
      affine_map<(b, h, s, t) -> (b, h, s, t)>, affine_map<(b, h, s, t) -> (b, h, s, t)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%beyond, %zeros : tensor<2x4xi1>, tensor<2x1x4x4xf32>) outs(%mask.empty : tensor<2x1x4x4xf32>) {
  ^bb0(%a: i1, %b: f32, %old: f32):
    %c = arith.select %a, %infinity, %b : f32
    linalg.yield %c : f32
  } -> tensor<2x1x4x4xf32>
  %out, %lse = nn.attention %q, %q, %q mask %mask {scale = 1.0 : f64}
    : tensor<2x3x4x8xbf16>, tensor<2x3x4x8xbf16>, tensor<2x3x4x8xbf16> mask tensor<2x1x4x4xf32>
    -> tensor<2x3x4x8xbf16>, tensor<2x3x4xf32>
  return %out : tensor<2x3x4x8xbf16>
}

// -----

// Every index is at least zero: nothing is hidden.
// CHECK-LABEL: @always
// CHECK: exec.attention ins(%{{[^,]*}}, %{{[^,]*}}, %{{[^,]*}} :
// CHECK-SAME: scale 1.000000e+00 ->
func.func @always(%q: tensor<2x3x4x8xbf16>) -> tensor<2x3x4x8xbf16> {
  %zero = arith.constant 0 : i64
  %empty = tensor.empty() : tensor<1x1x4x1xi1>
  %mask = linalg.generic {indexing_maps = [affine_map<(b, h, s, t) -> (b, h, s, t)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel"]} outs(%empty : tensor<1x1x4x1xi1>) {
  ^bb0(%old: i1):
    %i = linalg.index 2 : index
    %s = arith.index_cast %i : index to i64
    %c = arith.cmpi sge, %s, %zero : i64
    linalg.yield %c : i1
  } -> tensor<1x1x4x1xi1>
  %out, %lse = nn.attention %q, %q, %q mask %mask {scale = 1.0 : f64}
    : tensor<2x3x4x8xbf16>, tensor<2x3x4x8xbf16>, tensor<2x3x4x8xbf16> mask tensor<1x1x4x1xi1>
    -> tensor<2x3x4x8xbf16>, tensor<2x3x4xf32>
  return %out : tensor<2x3x4x8xbf16>
}

// -----

// Something else reads the mask: it is still there, but not for the call.
// CHECK-LABEL: @otherwise_used
// CHECK: %[[MASK:.*]] = tensor.expand_shape
// CHECK: exec.attention
// CHECK-SAME: {lengths}
// CHECK: return %{{.*}}, %[[MASK]]
func.func @otherwise_used(%q: tensor<2x3x4x8xbf16>, %lengths: tensor<2xi64>) -> (tensor<2x3x4x8xbf16>, tensor<2x1x1x4xi1>) {
  %positions = tensor.empty() : tensor<4xi64>
  %range = linalg.generic {indexing_maps = [affine_map<(t) -> (t)>],
      iterator_types = ["parallel"]} outs(%positions : tensor<4xi64>) {
  ^bb0(%old: i64):
    %i = linalg.index 0 : index
    %p = arith.index_cast %i : index to i64
    linalg.yield %p : i64
  } -> tensor<4xi64>
  %shorter.empty = tensor.empty() : tensor<2x4xi1>
  %shorter = linalg.generic {indexing_maps = [affine_map<(b, t) -> (t)>, affine_map<(b, t) -> (b)>,
      affine_map<(b, t) -> (b, t)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%range, %lengths : tensor<4xi64>, tensor<2xi64>) outs(%shorter.empty : tensor<2x4xi1>) {
  ^bb0(%a: i64, %b: i64, %old: i1):
    %c = arith.cmpi slt, %a, %b : i64
    linalg.yield %c : i1
  } -> tensor<2x4xi1>
  %mask = tensor.expand_shape %shorter [[0], [1, 2, 3]] output_shape [2, 1, 1, 4] : tensor<2x4xi1> into tensor<2x1x1x4xi1>
  %out, %lse = nn.attention %q, %q, %q mask %mask {scale = 1.0 : f64}
    : tensor<2x3x4x8xbf16>, tensor<2x3x4x8xbf16>, tensor<2x3x4x8xbf16> mask tensor<2x1x1x4xi1>
    -> tensor<2x3x4x8xbf16>, tensor<2x3x4xf32>
  return %out, %mask : tensor<2x3x4x8xbf16>, tensor<2x1x1x4xi1>
}

// -----

// Every second element is a length.
// CHECK-LABEL: @column
// CHECK: exec.attention
// CHECK-SAME: strides [96, 32, 8, 1, 96, 32, 8, 1, 96, 32, 8, 1, 2, 0, 0, 0, 96, 32, 8, 1, 12, 4, 1, 1]
// CHECK-SAME: {lengths}
// CUDNN-LABEL: @column
// CUDNN: tensor.expand_shape
// CUDNN: exec.attention
// CUDNN-SAME: {masked}
func.func @column(%q: tensor<2x3x4x8xbf16>, %lengths: tensor<2x2xi64>) -> tensor<2x3x4x8xbf16> {
  %positions = tensor.empty() : tensor<4xi64>
  %range = linalg.generic {indexing_maps = [affine_map<(t) -> (t)>],
      iterator_types = ["parallel"]} outs(%positions : tensor<4xi64>) {
  ^bb0(%old: i64):
    %i = linalg.index 0 : index
    %p = arith.index_cast %i : index to i64
    linalg.yield %p : i64
  } -> tensor<4xi64>
  %shorter.empty = tensor.empty() : tensor<2x4xi1>
  %shorter = linalg.generic {indexing_maps = [affine_map<(b, t) -> (t)>, affine_map<(b, t) -> (b, 0)>,
      affine_map<(b, t) -> (b, t)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%range, %lengths : tensor<4xi64>, tensor<2x2xi64>) outs(%shorter.empty : tensor<2x4xi1>) {
  ^bb0(%a: i64, %b: i64, %old: i1):
    %c = arith.cmpi slt, %a, %b : i64
    linalg.yield %c : i1
  } -> tensor<2x4xi1>
  %mask = tensor.expand_shape %shorter [[0], [1, 2, 3]] output_shape [2, 1, 1, 4] : tensor<2x4xi1> into tensor<2x1x1x4xi1>
  %out, %lse = nn.attention %q, %q, %q mask %mask {scale = 1.0 : f64}
    : tensor<2x3x4x8xbf16>, tensor<2x3x4x8xbf16>, tensor<2x3x4x8xbf16> mask tensor<2x1x1x4xi1>
    -> tensor<2x3x4x8xbf16>, tensor<2x3x4xf32>
  return %out : tensor<2x3x4x8xbf16>
}

// -----

// The whole batch has one length.
// CHECK-LABEL: @one_for_all
// CHECK: exec.attention
// CHECK-SAME: strides [96, 32, 8, 1, 96, 32, 8, 1, 96, 32, 8, 1, 0, 0, 0, 0, 96, 32, 8, 1, 12, 4, 1, 1]
// CHECK-SAME: {lengths}
// CUDNN-LABEL: @one_for_all
// CUDNN: exec.attention
// CUDNN-SAME: 0, 0, 0, 1,
// CUDNN-SAME: {masked}
func.func @one_for_all(%q: tensor<2x3x4x8xbf16>, %length: tensor<i64>) -> tensor<2x3x4x8xbf16> {
  %positions = tensor.empty() : tensor<4xi64>
  %range = linalg.generic {indexing_maps = [affine_map<(t) -> (t)>],
      iterator_types = ["parallel"]} outs(%positions : tensor<4xi64>) {
  ^bb0(%old: i64):
    %i = linalg.index 0 : index
    %p = arith.index_cast %i : index to i64
    linalg.yield %p : i64
  } -> tensor<4xi64>
  %shorter.empty = tensor.empty() : tensor<4xi1>
  %shorter = linalg.generic {indexing_maps = [affine_map<(t) -> (t)>, affine_map<(t) -> ()>, affine_map<(t) -> (t)>],
      iterator_types = ["parallel"]}
      ins(%range, %length : tensor<4xi64>, tensor<i64>) outs(%shorter.empty : tensor<4xi1>) {
  ^bb0(%a: i64, %b: i64, %old: i1):
    %c = arith.cmpi slt, %a, %b : i64
    linalg.yield %c : i1
  } -> tensor<4xi1>
  %mask = tensor.expand_shape %shorter [[0, 1, 2, 3]] output_shape [1, 1, 1, 4] : tensor<4xi1> into tensor<1x1x1x4xi1>
  %out, %lse = nn.attention %q, %q, %q mask %mask {scale = 1.0 : f64}
    : tensor<2x3x4x8xbf16>, tensor<2x3x4x8xbf16>, tensor<2x3x4x8xbf16> mask tensor<1x1x1x4xi1>
    -> tensor<2x3x4x8xbf16>, tensor<2x3x4xf32>
  return %out : tensor<2x3x4x8xbf16>
}

// -----

// REMARK: it compares a position with something else than the length of its element of the batch
// CHECK-LABEL: @inclusive
// CHECK: exec.attention
// CHECK-SAME: {masked}
func.func @inclusive(%q: tensor<2x3x4x8xbf16>, %lengths: tensor<2xi64>) -> tensor<2x3x4x8xbf16> {
  %positions = tensor.empty() : tensor<4xi64>
  %range = linalg.generic {indexing_maps = [affine_map<(t) -> (t)>],
      iterator_types = ["parallel"]} outs(%positions : tensor<4xi64>) {
  ^bb0(%old: i64):
    %i = linalg.index 0 : index
    %p = arith.index_cast %i : index to i64
    linalg.yield %p : i64
  } -> tensor<4xi64>
  %shorter.empty = tensor.empty() : tensor<2x4xi1>
  %shorter = linalg.generic {indexing_maps = [affine_map<(b, t) -> (t)>, affine_map<(b, t) -> (b)>,
      affine_map<(b, t) -> (b, t)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%range, %lengths : tensor<4xi64>, tensor<2xi64>) outs(%shorter.empty : tensor<2x4xi1>) {
  ^bb0(%a: i64, %b: i64, %old: i1):
    %c = arith.cmpi sle, %a, %b : i64
    linalg.yield %c : i1
  } -> tensor<2x4xi1>
  %mask = tensor.expand_shape %shorter [[0], [1, 2, 3]] output_shape [2, 1, 1, 4] : tensor<2x4xi1> into tensor<2x1x1x4xi1>
  %out, %lse = nn.attention %q, %q, %q mask %mask {scale = 1.0 : f64}
    : tensor<2x3x4x8xbf16>, tensor<2x3x4x8xbf16>, tensor<2x3x4x8xbf16> mask tensor<2x1x1x4xi1>
    -> tensor<2x3x4x8xbf16>, tensor<2x3x4xf32>
  return %out : tensor<2x3x4x8xbf16>
}

// -----

// Lengths of queries.
// REMARK: it compares a position with something else than the length of its element of the batch
// CHECK-LABEL: @of_queries
// CHECK: exec.attention
// CHECK-SAME: {masked}
func.func @of_queries(%q: tensor<2x3x4x8xbf16>, %lengths: tensor<4xi64>) -> tensor<2x3x4x8xbf16> {
  %positions = tensor.empty() : tensor<4xi64>
  %range = linalg.generic {indexing_maps = [affine_map<(t) -> (t)>],
      iterator_types = ["parallel"]} outs(%positions : tensor<4xi64>) {
  ^bb0(%old: i64):
    %i = linalg.index 0 : index
    %p = arith.index_cast %i : index to i64
    linalg.yield %p : i64
  } -> tensor<4xi64>
  %shorter.empty = tensor.empty() : tensor<4x4xi1>
  %shorter = linalg.generic {indexing_maps = [affine_map<(s, t) -> (t)>, affine_map<(s, t) -> (s)>,
      affine_map<(s, t) -> (s, t)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%range, %lengths : tensor<4xi64>, tensor<4xi64>) outs(%shorter.empty : tensor<4x4xi1>) {
  ^bb0(%a: i64, %b: i64, %old: i1):
    %c = arith.cmpi slt, %a, %b : i64
    linalg.yield %c : i1
  } -> tensor<4x4xi1>
  %mask = tensor.expand_shape %shorter [[0, 1, 2], [3]] output_shape [1, 1, 4, 4] : tensor<4x4xi1> into tensor<1x1x4x4xi1>
  %out, %lse = nn.attention %q, %q, %q mask %mask {scale = 1.0 : f64}
    : tensor<2x3x4x8xbf16>, tensor<2x3x4x8xbf16>, tensor<2x3x4x8xbf16> mask tensor<1x1x4x4xi1>
    -> tensor<2x3x4x8xbf16>, tensor<2x3x4xf32>
  return %out : tensor<2x3x4x8xbf16>
}

// -----

// Queries have lengths, not keys.
// REMARK: it compares a position with something else than the length of its element of the batch
// CHECK-LABEL: @hidden_queries
// CHECK: exec.attention
// CHECK-SAME: {masked}
func.func @hidden_queries(%q: tensor<2x3x4x8xbf16>, %lengths: tensor<2xi64>) -> tensor<2x3x4x8xbf16> {
  %positions = tensor.empty() : tensor<4xi64>
  %range = linalg.generic {indexing_maps = [affine_map<(t) -> (t)>],
      iterator_types = ["parallel"]} outs(%positions : tensor<4xi64>) {
  ^bb0(%old: i64):
    %i = linalg.index 0 : index
    %p = arith.index_cast %i : index to i64
    linalg.yield %p : i64
  } -> tensor<4xi64>
  %shorter.empty = tensor.empty() : tensor<2x4xi1>
  %shorter = linalg.generic {indexing_maps = [affine_map<(b, t) -> (t)>, affine_map<(b, t) -> (b)>,
      affine_map<(b, t) -> (b, t)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%range, %lengths : tensor<4xi64>, tensor<2xi64>) outs(%shorter.empty : tensor<2x4xi1>) {
  ^bb0(%a: i64, %b: i64, %old: i1):
    %c = arith.cmpi slt, %a, %b : i64
    linalg.yield %c : i1
  } -> tensor<2x4xi1>
  %mask = tensor.expand_shape %shorter [[0, 1], [2, 3]] output_shape [2, 1, 4, 1] : tensor<2x4xi1> into tensor<2x1x4x1xi1>
  %out, %lse = nn.attention %q, %q, %q mask %mask {scale = 1.0 : f64}
    : tensor<2x3x4x8xbf16>, tensor<2x3x4x8xbf16>, tensor<2x3x4x8xbf16> mask tensor<2x1x4x1xi1>
    -> tensor<2x3x4x8xbf16>, tensor<2x3x4xf32>
  return %out : tensor<2x3x4x8xbf16>
}

// -----

// Two conditions of which one suffices, and a number that hides less than −inf does.
// CHECK-LABEL: @either
// CHECK: exec.attention
// CHECK-SAME: {masked}
func.func @either(%q: tensor<2x3x4x8xbf16>, %lengths: tensor<2xi64>) -> tensor<2x3x4x8xbf16> {
  %positions = tensor.empty() : tensor<4xi64>
  %range = linalg.generic {indexing_maps = [affine_map<(t) -> (t)>],
      iterator_types = ["parallel"]} outs(%positions : tensor<4xi64>) {
  ^bb0(%old: i64):
    %i = linalg.index 0 : index
    %p = arith.index_cast %i : index to i64
    linalg.yield %p : i64
  } -> tensor<4xi64>
  %shorter.empty = tensor.empty() : tensor<2x4xi1>
  %shorter = linalg.generic {indexing_maps = [affine_map<(b, t) -> (t)>, affine_map<(b, t) -> (b)>,
      affine_map<(b, t) -> (b, t)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%range, %lengths : tensor<4xi64>, tensor<2xi64>) outs(%shorter.empty : tensor<2x4xi1>) {
  ^bb0(%a: i64, %b: i64, %old: i1):
    %c = arith.cmpi slt, %a, %b : i64
    linalg.yield %c : i1
  } -> tensor<2x4xi1>
  %tril.empty = tensor.empty() : tensor<4x4xi1>
  %tril = linalg.generic {indexing_maps = [affine_map<(s, t) -> (t)>, affine_map<(s, t) -> (s)>,
      affine_map<(s, t) -> (s, t)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%range, %range : tensor<4xi64>, tensor<4xi64>) outs(%tril.empty : tensor<4x4xi1>) {
  ^bb0(%a: i64, %b: i64, %old: i1):
    %c = arith.cmpi sle, %a, %b : i64
    linalg.yield %c : i1
  } -> tensor<4x4xi1>
  %mask.empty = tensor.empty() : tensor<2x1x4x4xi1>
  %mask = linalg.generic {indexing_maps = [affine_map<(b, h, s, t) -> (b, t)>,
      affine_map<(b, h, s, t) -> (s, t)>, affine_map<(b, h, s, t) -> (b, h, s, t)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%shorter, %tril : tensor<2x4xi1>, tensor<4x4xi1>) outs(%mask.empty : tensor<2x1x4x4xi1>) {
  ^bb0(%a: i1, %b: i1, %old: i1):
    %c = arith.ori %a, %b : i1
    linalg.yield %c : i1
  } -> tensor<2x1x4x4xi1>
  %out, %lse = nn.attention %q, %q, %q mask %mask {scale = 1.0 : f64}
    : tensor<2x3x4x8xbf16>, tensor<2x3x4x8xbf16>, tensor<2x3x4x8xbf16> mask tensor<2x1x4x4xi1>
    -> tensor<2x3x4x8xbf16>, tensor<2x3x4xf32>
  return %out : tensor<2x3x4x8xbf16>
}

// CHECK-LABEL: @finite
// CHECK: exec.attention
// CHECK-SAME: {masked}
func.func @finite(%q: tensor<2x3x4x8xbf16>, %lengths: tensor<2xi64>) -> tensor<2x3x4x8xbf16> {
  %zero = arith.constant 0.0 : f32
  %lowest = arith.constant 0xFF7FFFFF : f32
  %positions = tensor.empty() : tensor<4xi64>
  %range = linalg.generic {indexing_maps = [affine_map<(t) -> (t)>],
      iterator_types = ["parallel"]} outs(%positions : tensor<4xi64>) {
  ^bb0(%old: i64):
    %i = linalg.index 0 : index
    %p = arith.index_cast %i : index to i64
    linalg.yield %p : i64
  } -> tensor<4xi64>
  %shorter.empty = tensor.empty() : tensor<2x4xi1>
  %shorter = linalg.generic {indexing_maps = [affine_map<(b, t) -> (t)>, affine_map<(b, t) -> (b)>,
      affine_map<(b, t) -> (b, t)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%range, %lengths : tensor<4xi64>, tensor<2xi64>) outs(%shorter.empty : tensor<2x4xi1>) {
  ^bb0(%a: i64, %b: i64, %old: i1):
    %c = arith.cmpi slt, %a, %b : i64
    linalg.yield %c : i1
  } -> tensor<2x4xi1>
  %mask.empty = tensor.empty() : tensor<2x1x1x4xf32>
  %mask = linalg.generic {indexing_maps = [affine_map<(b, h, s, t) -> (b, t)>, affine_map<(b, h, s, t) -> (b, h, s, t)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%shorter : tensor<2x4xi1>) outs(%mask.empty : tensor<2x1x1x4xf32>) {
  ^bb0(%a: i1, %old: f32):
    %c = arith.select %a, %zero, %lowest : f32
    linalg.yield %c : f32
  } -> tensor<2x1x1x4xf32>
  %out, %lse = nn.attention %q, %q, %q mask %mask {scale = 1.0 : f64}
    : tensor<2x3x4x8xbf16>, tensor<2x3x4x8xbf16>, tensor<2x3x4x8xbf16> mask tensor<2x1x1x4xf32>
    -> tensor<2x3x4x8xbf16>, tensor<2x3x4xf32>
  return %out : tensor<2x3x4x8xbf16>
}

// -----

// Causality from the last query back, as where keys were computed before.
// REMARK: it compares a position with something else than the length of its element of the batch
// CHECK-LABEL: @from_the_end
// CHECK: exec.attention
// CHECK-SAME: {masked}
func.func @from_the_end(%q: tensor<2x3x4x8xbf16>) -> tensor<2x3x4x8xbf16> {
  %one = arith.constant 1 : i64
  %positions = tensor.empty() : tensor<4xi64>
  %range = linalg.generic {indexing_maps = [affine_map<(t) -> (t)>],
      iterator_types = ["parallel"]} outs(%positions : tensor<4xi64>) {
  ^bb0(%old: i64):
    %i = linalg.index 0 : index
    %p = arith.index_cast %i : index to i64
    linalg.yield %p : i64
  } -> tensor<4xi64>
  %tril.empty = tensor.empty() : tensor<4x4xi1>
  %tril = linalg.generic {indexing_maps = [affine_map<(s, t) -> (t)>, affine_map<(s, t) -> (s)>,
      affine_map<(s, t) -> (s, t)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%range, %range : tensor<4xi64>, tensor<4xi64>) outs(%tril.empty : tensor<4x4xi1>) {
  ^bb0(%a: i64, %b: i64, %old: i1):
    %last = arith.addi %b, %one : i64
    %c = arith.cmpi sle, %a, %last : i64
    linalg.yield %c : i1
  } -> tensor<4x4xi1>
  %mask = tensor.expand_shape %tril [[0, 1, 2], [3]] output_shape [1, 1, 4, 4] : tensor<4x4xi1> into tensor<1x1x4x4xi1>
  %out, %lse = nn.attention %q, %q, %q mask %mask {scale = 1.0 : f64}
    : tensor<2x3x4x8xbf16>, tensor<2x3x4x8xbf16>, tensor<2x3x4x8xbf16> mask tensor<1x1x4x4xi1>
    -> tensor<2x3x4x8xbf16>, tensor<2x3x4xf32>
  return %out : tensor<2x3x4x8xbf16>
}
