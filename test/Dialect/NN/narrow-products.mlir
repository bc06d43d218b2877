// Products of matrices take bf16; what is computed of them is f32.

// RUN: raddle-opt %s --split-input-file --nn-narrow-products --canonicalize --cse | FileCheck %s

#rows = affine_map<(m, n, k) -> (m, k)>
#columns = affine_map<(m, n, k) -> (n, k)>
#out = affine_map<(m, n, k) -> (m, n)>
#id = affine_map<(i, j) -> (i, j)>

// What several read of a product is rounded; the last product only becomes a result, and is not.
// CHECK-LABEL: @layers(
// CHECK-SAME: %[[X:.*]]: tensor<4x8xf32>, %[[W:.*]]: tensor<6x8xf32>
// CHECK: %[[XN:.*]] = linalg.generic {{.*}} ins(%[[X]] : tensor<4x8xf32>) outs(%{{.*}} : tensor<4x8xbf16>)
// CHECK: arith.truncf
// CHECK: %[[WN:.*]] = linalg.generic {{.*}} ins(%[[W]] : tensor<6x8xf32>) outs(%{{.*}} : tensor<6x8xbf16>)
// CHECK: %[[SUMS:.*]] = linalg.generic {{.*}} ins(%[[XN]], %[[WN]] : tensor<4x8xbf16>, tensor<6x8xbf16>) outs(%{{.*}} : tensor<4x6xf32>)
// CHECK: arith.extf
// CHECK: %[[YN:.*]] = linalg.generic {{.*}} ins(%[[SUMS]] : tensor<4x6xf32>) outs(%{{.*}} : tensor<4x6xbf16>)
// CHECK: %[[Y:.*]] = linalg.generic {{.*}} ins(%[[YN]] : tensor<4x6xbf16>) outs(%{{.*}} : tensor<4x6xf32>)
// CHECK: %[[E:.*]] = linalg.generic {{.*}} ins(%[[Y]] : tensor<4x6xf32>)
// CHECK: math.tanh
// CHECK: %[[EN:.*]] = linalg.generic {{.*}} ins(%[[E]] : tensor<4x6xf32>) outs(%{{.*}} : tensor<4x6xbf16>)
// CHECK: %[[Z:.*]] = linalg.generic {{.*}} ins(%[[EN]], %{{.*}} : tensor<4x6xbf16>, tensor<5x6xbf16>) outs(%{{.*}} : tensor<4x5xf32>)
// CHECK: return %[[Z]]
func.func @layers(%x: tensor<4x8xf32>, %w: tensor<6x8xf32>, %v: tensor<5x6xf32>) -> tensor<4x5xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x6xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<4x6xf32>) -> tensor<4x6xf32>
  %y = linalg.generic {indexing_maps = [#rows, #columns, #out], iterator_types = ["parallel", "parallel", "reduction"]} ins(%x, %w : tensor<4x8xf32>, tensor<6x8xf32>) outs(%f : tensor<4x6xf32>) {
  ^bb0(%a: f32, %b: f32, %acc: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %acc, %p : f32
    linalg.yield %s : f32
  } -> tensor<4x6xf32>
  %t = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%y : tensor<4x6xf32>) outs(%e : tensor<4x6xf32>) {
  ^bb0(%a: f32, %o: f32):
    %r = math.tanh %a : f32
    linalg.yield %r : f32
  } -> tensor<4x6xf32>
  %e5 = tensor.empty() : tensor<4x5xf32>
  %f5 = linalg.fill ins(%zero : f32) outs(%e5 : tensor<4x5xf32>) -> tensor<4x5xf32>
  %z = linalg.generic {indexing_maps = [#rows, #columns, #out], iterator_types = ["parallel", "parallel", "reduction"]} ins(%t, %v : tensor<4x6xf32>, tensor<5x6xf32>) outs(%f5 : tensor<4x5xf32>) {
  ^bb0(%a: f32, %b: f32, %acc: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %acc, %p : f32
    linalg.yield %s : f32
  } -> tensor<4x5xf32>
  return %z : tensor<4x5xf32>
}

// -----

#rows = affine_map<(m, n, k) -> (m, k)>
#columns = affine_map<(m, n, k) -> (n, k)>
#out = affine_map<(m, n, k) -> (m, n)>

// Angles are products of a single number each: nothing is added, and positions would lose their last bits. A matrix of
// constants is as exact as it is.
// CHECK-LABEL: @stays(
// CHECK-NOT: bf16
// CHECK: return
func.func @stays(%p: tensor<4x1xf32>, %f: tensor<3x1xf32>, %x: tensor<4x2xf32>) -> (tensor<4x3xf32>, tensor<4x3xf32>) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x3xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<4x3xf32>) -> tensor<4x3xf32>
  %angles = linalg.generic {indexing_maps = [#rows, #columns, #out], iterator_types = ["parallel", "parallel", "reduction"]} ins(%p, %f : tensor<4x1xf32>, tensor<3x1xf32>) outs(%i : tensor<4x3xf32>) {
  ^bb0(%a: f32, %b: f32, %acc: f32):
    %m = arith.mulf %a, %b : f32
    %s = arith.addf %acc, %m : f32
    linalg.yield %s : f32
  } -> tensor<4x3xf32>
  %c = arith.constant dense<[[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]]> : tensor<3x2xf32>
  %y = linalg.generic {indexing_maps = [#rows, #columns, #out], iterator_types = ["parallel", "parallel", "reduction"]} ins(%x, %c : tensor<4x2xf32>, tensor<3x2xf32>) outs(%i : tensor<4x3xf32>) {
  ^bb0(%a: f32, %b: f32, %acc: f32):
    %m = arith.mulf %a, %b : f32
    %s = arith.addf %acc, %m : f32
    linalg.yield %s : f32
  } -> tensor<4x3xf32>
  return %angles, %y : tensor<4x3xf32>, tensor<4x3xf32>
}

// -----

// A weight's transpose is made of the rounded weight, so that all that reads the weight begins with one cast.
// CHECK-LABEL: @moves(
// CHECK-SAME: %[[X:.*]]: tensor<4x8xf32>, %[[W:.*]]: tensor<6x8xf32>
// CHECK: %[[WN:.*]] = linalg.generic {{.*}} ins(%[[W]] : tensor<6x8xf32>) outs(%{{.*}} : tensor<6x8xbf16>)
// CHECK: linalg.transpose ins(%[[WN]] : tensor<6x8xbf16>)
func.func @moves(%x: tensor<4x8xf32>, %w: tensor<6x8xf32>) -> tensor<4x6xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x6xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<4x6xf32>) -> tensor<4x6xf32>
  %et = tensor.empty() : tensor<8x6xf32>
  %t = linalg.transpose ins(%w : tensor<6x8xf32>) outs(%et : tensor<8x6xf32>) permutation = [1, 0]
  %y = linalg.matmul ins(%x, %t : tensor<4x8xf32>, tensor<8x6xf32>) outs(%f : tensor<4x6xf32>) -> tensor<4x6xf32>
  return %y : tensor<4x6xf32>
}

// -----

// Attention takes and gives bf16, its statistics are f32; its gradient reads what forward made.
// CHECK-LABEL: @attention(
// CHECK: %[[OUT:.*]], %[[LSE:.*]] = nn.attention %[[Q:.*]], %[[K:.*]], %[[V:.*]] {scale = 5.000000e-01 : f64} : tensor<1x2x4x8xbf16>, tensor<1x2x4x8xbf16>, tensor<1x2x4x8xbf16> -> tensor<1x2x4x8xbf16>, tensor<1x2x4xf32>
// CHECK: nn.attention_grad %[[Q]], %[[K]], %[[V]] out %[[OUT]], %[[LSE]] grad %{{.*}} {{.*}} tensor<1x2x4xf32>, tensor<1x2x4x8xbf16>
func.func @attention(%q: tensor<1x2x4x8xf32>, %k: tensor<1x2x4x8xf32>, %v: tensor<1x2x4x8xf32>, %g: tensor<1x2x4x8xf32>) -> (tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>) {
  %out, %lse = nn.attention %q, %k, %v {scale = 0.5 : f64} : tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32> -> tensor<1x2x4x8xf32>, tensor<1x2x4xf32>
  %dq, %dk, %dv = nn.attention_grad %q, %k, %v out %out, %lse grad %g {scale = 0.5 : f64} : tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>, tensor<1x2x4xf32>, tensor<1x2x4x8xf32> -> tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>
  return %out, %dq : tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>
}

// -----

// The gradient of a kernel keeps its sums; rows of a parameter are rounded behind the lookup.
// CHECK-LABEL: @keeps(
// CHECK: %[[ROWS:.*]] = nn.embedding %{{.*}} tensor<7x3xf32>
// CHECK: linalg.generic {{.*}} ins(%[[ROWS]] : tensor<2x3xf32>) outs(%{{.*}} : tensor<2x3xbf16>)
// CHECK: nn.conv_weight_grad {{.*}} : tensor<2x3x8x8xbf16>, tensor<2x4x6x6xbf16> -> tensor<4x3x3x3xf32>
func.func @keeps(%t: tensor<7x3xf32> {nn.param = "table"}, %i: tensor<2xi64>, %x: tensor<2x3x8x8xf32>, %g: tensor<2x4x6x6xf32>) -> (tensor<2x3xf32>, tensor<4x3x3x3xf32>) {
  %r = nn.embedding %t, %i : tensor<7x3xf32>, tensor<2xi64> -> tensor<2x3xf32>
  %d = nn.conv_weight_grad %x, %g {stride = array<i64: 1, 1>, padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64} : tensor<2x3x8x8xf32>, tensor<2x4x6x6xf32> -> tensor<4x3x3x3xf32>
  return %r, %d : tensor<2x3xf32>, tensor<4x3x3x3xf32>
}
