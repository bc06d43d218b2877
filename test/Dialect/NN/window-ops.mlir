// Convolutions and pooling in their written form, and what they mean.

// RUN: raddle-opt %s --verify-roundtrip | raddle-opt | FileCheck %s
// RUN: raddle-opt %s --nn-decompose | FileCheck %s --check-prefix=DECOMPOSED
// RUN: raddle-opt %s --nn-decompose --mlir-print-op-generic | FileCheck %s --check-prefix=LEFT
// LEFT-NOT: "nn.

// DECOMPOSED-DAG: #[[WINDOW:.*]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d1, d4 * 2 + d2, d5 * 2 + d3 * 3)>
// DECOMPOSED-DAG: #[[ALL:.*]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d1, d2, d3, d4, d5)>
// DECOMPOSED-DAG: #[[KERNEL:.*]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d1, d2, d3)>
// DECOMPOSED-DAG: #[[PLANES:.*]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d1, d4, d5)>

// Windows become columns of a matrix for each group: zeros around the input, elements of windows side by side, a product.
// CHECK-LABEL: @conv
// CHECK: nn.conv %{{.*}}, %{{.*}} {dilation = array<i64: 1, 3>, groups = 2 : i64, padding = array<i64: 1, 0>, stride = array<i64: 2, 2>} : tensor<2x4x7x9xf32>, tensor<6x2x3x2xf32> -> tensor<2x6x4x3xf32>
// DECOMPOSED-LABEL: @conv
// DECOMPOSED: linalg.fill {{.*}} outs(%{{.*}} : tensor<2x4x9x9xf32>)
// DECOMPOSED: %[[PADDED:.*]] = tensor.insert_slice %{{.*}} into %{{.*}}[0, 0, 1, 0] [2, 4, 7, 9] [1, 1, 1, 1]
// DECOMPOSED: linalg.generic {indexing_maps = [#[[WINDOW]], #[[ALL]]]{{.*}} ins(%[[PADDED]] : tensor<2x4x9x9xf32>) outs(%{{.*}} : tensor<2x4x3x2x4x3xf32>)
// DECOMPOSED: linalg.generic {{.*}} ins(%{{.*}}, %{{.*}} : tensor<2x3x12xf32>, tensor<2x2x12x12xf32>) outs(%{{.*}} : tensor<2x2x3x12xf32>)
func.func @conv(%x: tensor<2x4x7x9xf32>, %w: tensor<6x2x3x2xf32>) -> tensor<2x6x4x3xf32> {
  %out = nn.conv %x, %w {stride = array<i64: 2, 2>, padding = array<i64: 1, 0>, dilation = array<i64: 1, 3>, groups = 2 : i64}
    : tensor<2x4x7x9xf32>, tensor<6x2x3x2xf32> -> tensor<2x6x4x3xf32>
  return %out : tensor<2x6x4x3xf32>
}

// A kernel of one element reads its input as the matrix that it is.
// DECOMPOSED-LABEL: @pointwise
// DECOMPOSED-NOT: tensor.insert_slice
// DECOMPOSED: linalg.generic {{.*}} ins(%{{.*}}, %{{.*}} : tensor<1x6x4xf32>, tensor<2x1x4x63xf32>)
// DECOMPOSED-NOT: linalg.generic
// DECOMPOSED: return
func.func @pointwise(%x: tensor<2x4x7x9xf32>, %w: tensor<6x4x1x1xf32>) -> tensor<2x6x7x9xf32> {
  %out = nn.conv %x, %w {stride = array<i64: 1, 1>, padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64}
    : tensor<2x4x7x9xf32>, tensor<6x4x1x1xf32> -> tensor<2x6x7x9xf32>
  return %out : tensor<2x6x7x9xf32>
}

// With a channel a group there is no matrix: one loop nest.
// DECOMPOSED-LABEL: @depthwise
// DECOMPOSED: linalg.generic {indexing_maps = [#[[WINDOW]], #[[KERNEL]], #[[PLANES]]], iterator_types = ["parallel", "parallel", "reduction", "reduction", "parallel", "parallel"]}
func.func @depthwise(%x: tensor<2x4x9x9xf32>, %w: tensor<4x1x3x2xf32>) -> tensor<2x4x4x3xf32> {
  %out = nn.conv %x, %w {stride = array<i64: 2, 2>, padding = array<i64: 0, 0>, dilation = array<i64: 1, 3>, groups = 4 : i64}
    : tensor<2x4x9x9xf32>, tensor<4x1x3x2xf32> -> tensor<2x4x4x3xf32>
  return %out : tensor<2x4x4x3xf32>
}

// The adjoint: a product, and windows added where they overlap.
// CHECK-LABEL: @adjoints
// CHECK: nn.conv_transpose
// CHECK: nn.conv_weight_grad
// CHECK: nn.unfold
// CHECK: nn.fold
// DECOMPOSED-LABEL: @adjoints
// DECOMPOSED: linalg.generic {{.*}} ins(%{{.*}}, %{{.*}} : tensor<1x6x24xf32>, tensor<2x1x6x12xf32>) outs(%{{.*}} : tensor<2x1x24x12xf32>)
// DECOMPOSED: linalg.generic {indexing_maps = [#[[ALL]], #[[WINDOW]]], iterator_types = ["parallel", "parallel", "reduction", "reduction", "reduction", "reduction"]}
// DECOMPOSED: tensor.extract_slice %{{.*}}[0, 0, 1, 0] [2, 4, 7, 9] [1, 1, 1, 1]
func.func @adjoints(%x: tensor<2x4x7x9xf32>, %w: tensor<6x4x3x2xf32>, %g: tensor<2x6x4x3xf32>)
    -> (tensor<2x4x7x9xf32>, tensor<6x4x3x2xf32>, tensor<2x4x7x9xf32>) {
  %dx = nn.conv_transpose %g, %w {stride = array<i64: 2, 2>, padding = array<i64: 1, 0>, dilation = array<i64: 1, 3>, groups = 1 : i64}
    : tensor<2x6x4x3xf32>, tensor<6x4x3x2xf32> -> tensor<2x4x7x9xf32>
  %dw = nn.conv_weight_grad %x, %g {stride = array<i64: 2, 2>, padding = array<i64: 1, 0>, dilation = array<i64: 1, 3>, groups = 1 : i64}
    : tensor<2x4x7x9xf32>, tensor<2x6x4x3xf32> -> tensor<6x4x3x2xf32>
  %windows = nn.unfold %x {stride = array<i64: 2, 2>, padding = array<i64: 1, 0>, dilation = array<i64: 1, 3>}
    : tensor<2x4x7x9xf32> -> tensor<2x4x3x2x4x3xf32>
  %sum = nn.fold %windows {stride = array<i64: 2, 2>, padding = array<i64: 1, 0>, dilation = array<i64: 1, 3>}
    : tensor<2x4x3x2x4x3xf32> -> tensor<2x4x7x9xf32>
  return %dx, %dw, %sum : tensor<2x4x7x9xf32>, tensor<6x4x3x2xf32>, tensor<2x4x7x9xf32>
}

// Outside of the input nothing is the greatest: the position decides with the element.
// CHECK-LABEL: @pooling
// CHECK: %{{.*}}, %[[AT:.*]] = nn.max_pool
// CHECK: nn.max_pool_grad %{{.*}}, %[[AT]]
// CHECK: nn.sum_pool
// CHECK: nn.sum_pool_grad
// DECOMPOSED-LABEL: @pooling
// DECOMPOSED: arith.constant 0xFF800000 : f32
// DECOMPOSED: %[[MAX:.*]]:2 = linalg.generic {{.*}}"reduction", "reduction", "parallel", "parallel"]}{{.*}} outs(%{{.*}}, %{{.*}} : tensor<2x3x4x4xf32>, tensor<2x3x4x4xi64>)
// DECOMPOSED: linalg.generic {{.*}} ins(%{{.*}}, %[[MAX]]#1, %{{.*}}, %{{.*}} : tensor<2x3x4x4xf32>, tensor<2x3x4x4xi64>, tensor<3xi8>, tensor<3xi8>) outs(%{{.*}} : tensor<2x3x9x9xf32>)
func.func @pooling(%x: tensor<2x3x8x8xf32>, %g: tensor<2x3x4x4xf32>)
    -> (tensor<2x3x4x4xf32>, tensor<2x3x8x8xf32>, tensor<2x3x8x8xf32>) {
  %max, %at = nn.max_pool %x {kernel = array<i64: 3, 3>, stride = array<i64: 2, 2>, padding = array<i64: 1, 1>, dilation = array<i64: 1, 1>}
    : tensor<2x3x8x8xf32> -> tensor<2x3x4x4xf32>, tensor<2x3x4x4xi64>
  %dx = nn.max_pool_grad %g, %at {kernel = array<i64: 3, 3>, stride = array<i64: 2, 2>, padding = array<i64: 1, 1>, dilation = array<i64: 1, 1>}
    : tensor<2x3x4x4xf32>, tensor<2x3x4x4xi64> -> tensor<2x3x8x8xf32>
  %sum = nn.sum_pool %x {kernel = array<i64: 3, 3>, stride = array<i64: 2, 2>, padding = array<i64: 1, 1>, dilation = array<i64: 1, 1>}
    : tensor<2x3x8x8xf32> -> tensor<2x3x4x4xf32>
  %back = nn.sum_pool_grad %sum {kernel = array<i64: 3, 3>, stride = array<i64: 2, 2>, padding = array<i64: 1, 1>, dilation = array<i64: 1, 1>}
    : tensor<2x3x4x4xf32> -> tensor<2x3x8x8xf32>
  return %max, %dx, %back : tensor<2x3x4x4xf32>, tensor<2x3x8x8xf32>, tensor<2x3x8x8xf32>
}
