// Kernels for a generator that writes functions on tiles.
//
// RUN: raddle-opt %s --split-input-file --fuse-outline=tiles=true --fuse-verify | FileCheck %s

// A long sum over rows into few columns is sums of parts, and the sum of these.
// CHECK-LABEL: func.func @columns(
// CHECK-SAME: %[[X:.*]]: tensor<4096x96xf32>
// CHECK: %[[PARTS:.*]] = exec.dispatch @[[FIRST:.*]] ins(%[[X]] : tensor<4096x96xf32>) -> tensor<64x96xf32>
// CHECK: exec.dispatch @[[SECOND:.*]] ins(%[[PARTS]] : tensor<64x96xf32>) -> tensor<96xf32>
// CHECK: func.func private @[[FIRST]]
// CHECK: tensor.expand_shape {{.*}} : tensor<4096x96xf32> into tensor<64x64x96xf32>
func.func @columns(%x: tensor<4096x96xf32>) -> tensor<96xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<96xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<96xf32>) -> tensor<96xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (j, i)>, affine_map<(i, j) -> (i)>],
                       iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<4096x96xf32>) outs(%f : tensor<96xf32>) {
  ^bb0(%u: f32, %o: f32):
    %s = arith.addf %o, %u : f32
    linalg.yield %s : f32
  } -> tensor<96xf32>
  return %r : tensor<96xf32>
}

// -----

// What one kernel alone reads, through slices, is computed there: the halves are swapped and one is negated.
// CHECK-LABEL: func.func @rotate(
// CHECK-COUNT-1: exec.dispatch
// CHECK-NOT: exec.dispatch
// CHECK: return
func.func @rotate(%x: tensor<64x128xf32>) -> tensor<64x128xf32> {
  %h = tensor.empty() : tensor<64x64xf32>
  %e = tensor.empty() : tensor<64x128xf32>
  %first = tensor.extract_slice %x[0, 0] [64, 64] [1, 1] : tensor<64x128xf32> to tensor<64x64xf32>
  %second = tensor.extract_slice %x[0, 64] [64, 64] [1, 1] : tensor<64x128xf32> to tensor<64x64xf32>
  %n = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>],
                       iterator_types = ["parallel", "parallel"]}
      ins(%second : tensor<64x64xf32>) outs(%h : tensor<64x64xf32>) {
  ^bb0(%u: f32, %o: f32):
    %s = arith.negf %u : f32
    linalg.yield %s : f32
  } -> tensor<64x64xf32>
  %c = tensor.concat dim(1) %n, %first : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x128xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>,
                                        affine_map<(i, j) -> (i, j)>],
                       iterator_types = ["parallel", "parallel"]}
      ins(%x, %c : tensor<64x128xf32>, tensor<64x128xf32>) outs(%e : tensor<64x128xf32>) {
  ^bb0(%u: f32, %v: f32, %o: f32):
    %s = arith.addf %u, %v : f32
    linalg.yield %s : f32
  } -> tensor<64x128xf32>
  return %r : tensor<64x128xf32>
}
