// A slice of a filled tensor is filled itself: its kernel has no memory for the whole.

// RUN: raddle-opt %s --fuse-outline | FileCheck %s

// CHECK-LABEL: func.func @slice_of_fill(
// CHECK: exec.dispatch @[[KERNEL:.*]] ins(%{{.*}} : tensor<4x3xf32>) -> tensor<4x5xf32>
// CHECK: func.func private @[[KERNEL]](
// CHECK-NOT: tensor.extract_slice
// CHECK: %[[FILLED:.*]] = linalg.fill {{.*}} -> tensor<4x2xf32>
// CHECK: tensor.concat dim(1) %{{.*}}, %[[FILLED]]
func.func @slice_of_fill(%x: tensor<4x3xf32>) -> tensor<4x5xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x5xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<4x5xf32>) -> tensor<4x5xf32>
  %s = tensor.extract_slice %f[0, 3] [4, 2] [1, 1] : tensor<4x5xf32> to tensor<4x2xf32>
  %c = tensor.concat dim(1) %x, %s : (tensor<4x3xf32>, tensor<4x2xf32>) -> tensor<4x5xf32>
  return %c : tensor<4x5xf32>
}
