// Attention whose key heads are repeated reads each of them once.

// RUN: raddle-opt %s --canonicalize --split-input-file | FileCheck %s

#all = affine_map<(b, g, r, t, d) -> (b, g, r, t, d)>
#once = affine_map<(b, g, r, t, d) -> (b, g, t, d)>

// CHECK-LABEL: @repeated
// CHECK-SAME: %[[Q:.*]]: tensor<2x6x4x8xf32>, %[[K:.*]]: tensor<2x3x4x8xf32>
func.func @repeated(%q: tensor<2x6x4x8xf32>, %k: tensor<2x3x4x8xf32>) -> tensor<2x6x4x8xf32> {
  %e = tensor.empty() : tensor<2x3x2x4x8xf32>
  %copy = linalg.generic {indexing_maps = [#once, #all],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%k : tensor<2x3x4x8xf32>) outs(%e : tensor<2x3x2x4x8xf32>) {
  ^bb0(%in: f32, %old: f32):
    linalg.yield %in : f32
  } -> tensor<2x3x2x4x8xf32>
  %kr = tensor.collapse_shape %copy [[0], [1, 2], [3], [4]] : tensor<2x3x2x4x8xf32> into tensor<2x6x4x8xf32>
  // CHECK: nn.attention %[[Q]], %[[K]], %[[K]] {{.*}} : tensor<2x6x4x8xf32>, tensor<2x3x4x8xf32>, tensor<2x3x4x8xf32>
  %out, %lse = nn.attention %q, %kr, %kr {scale = 0.5 : f64}
    : tensor<2x6x4x8xf32>, tensor<2x6x4x8xf32>, tensor<2x6x4x8xf32> -> tensor<2x6x4x8xf32>, tensor<2x6x4xf32>
  return %out : tensor<2x6x4x8xf32>
}

// -----

#all = affine_map<(b, r, g, t, d) -> (b, r, g, t, d)>
#once = affine_map<(b, r, g, t, d) -> (b, g, t, d)>

// Query head h would read key head h mod 3.
// CHECK-LABEL: @tiled
func.func @tiled(%q: tensor<2x6x4x8xf32>, %k: tensor<2x3x4x8xf32>) -> tensor<2x6x4x8xf32> {
  %e = tensor.empty() : tensor<2x2x3x4x8xf32>
  %copy = linalg.generic {indexing_maps = [#once, #all],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%k : tensor<2x3x4x8xf32>) outs(%e : tensor<2x2x3x4x8xf32>) {
  ^bb0(%in: f32, %old: f32):
    linalg.yield %in : f32
  } -> tensor<2x2x3x4x8xf32>
  %kr = tensor.collapse_shape %copy [[0], [1, 2], [3], [4]] : tensor<2x2x3x4x8xf32> into tensor<2x6x4x8xf32>
  // CHECK: nn.attention {{.*}} : tensor<2x6x4x8xf32>, tensor<2x6x4x8xf32>, tensor<2x6x4x8xf32>
  %out, %lse = nn.attention %q, %kr, %kr {scale = 0.5 : f64}
    : tensor<2x6x4x8xf32>, tensor<2x6x4x8xf32>, tensor<2x6x4x8xf32> -> tensor<2x6x4x8xf32>, tensor<2x6x4xf32>
  return %out : tensor<2x6x4x8xf32>
}
