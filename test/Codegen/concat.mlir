// A part that a kernel computes itself goes straight to its place in what is joined: no memory is allocated.

// RUN: raddle-opt %s --codegen-cpu --codegen-verify | FileCheck %s

// CHECK-LABEL: llvm.func internal @shift_body(
// CHECK-NOT: llvm.call @malloc
// CHECK-NOT: llvm.alloca
// CHECK: llvm.func @shift(
func.func private @shift(%x: tensor<2x3x8xf32>) -> tensor<2x4x8xf32> attributes {exec.kernel} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x1x8xf32>
  %first = linalg.fill ins(%zero : f32) outs(%e : tensor<2x1x8xf32>) -> tensor<2x1x8xf32>
  %y = tensor.concat dim(1) %first, %x : (tensor<2x1x8xf32>, tensor<2x3x8xf32>) -> tensor<2x4x8xf32>
  return %y : tensor<2x4x8xf32>
}

// The part is a slice of zeros.
// CHECK-LABEL: llvm.func internal @pad_body(
// CHECK-NOT: llvm.call @malloc
// CHECK-NOT: llvm.alloca
// CHECK: llvm.func @pad(
func.func private @pad(%x: tensor<2x1x32xf32>) -> tensor<2x9x32xf32> attributes {exec.kernel} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x9x32xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%e : tensor<2x9x32xf32>) -> tensor<2x9x32xf32>
  %rest = tensor.extract_slice %zeros[0, 1, 0] [2, 8, 32] [1, 1, 1] : tensor<2x9x32xf32> to tensor<2x8x32xf32>
  %y = tensor.concat dim(1) %x, %rest : (tensor<2x1x32xf32>, tensor<2x8x32xf32>) -> tensor<2x9x32xf32>
  return %y : tensor<2x9x32xf32>
}
