// Kernels of several ops that walk the same rows.

// RUN: raddle-opt %s --split-input-file --codegen-cpu | FileCheck %s

// A row at a time: threads share the rows, what lies between two ops is a row on the stack, and nothing is allocated.
// CHECK-LABEL: llvm.func internal @softmax_body(
// CHECK: %[[SIZE:.*]] = llvm.mlir.constant(32 : index)
// CHECK: llvm.alloca
// CHECK-NOT: malloc
// CHECK: llvm.func @softmax({{.*}}exec.range = 64
func.func private @softmax(%x: tensor<64x32xf32>) -> tensor<64x32xf32> attributes {exec.kernel} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<64x32xf32>
  %r = tensor.empty() : tensor<64xf32>
  %f = linalg.fill ins(%zero : f32) outs(%r : tensor<64xf32>) -> tensor<64xf32>
  %p = linalg.exp ins(%x : tensor<64x32xf32>) outs(%e : tensor<64x32xf32>) -> tensor<64x32xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]}
      ins(%p : tensor<64x32xf32>) outs(%f : tensor<64xf32>) {
  ^bb0(%a: f32, %acc: f32):
    %t = arith.addf %acc, %a : f32
    linalg.yield %t : f32
  } -> tensor<64xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%p, %s : tensor<64x32xf32>, tensor<64xf32>) outs(%e : tensor<64x32xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %d = arith.divf %a, %b : f32
    linalg.yield %d : f32
  } -> tensor<64x32xf32>
  return %y : tensor<64x32xf32>
}

// -----

// A sum over rows goes through them once for each block of columns; threads share the blocks.
// CHECK-LABEL: llvm.func @columns({{.*}}exec.range = 4
func.func private @columns(%x: tensor<64x1024xf32>) -> tensor<1024xf32> attributes {exec.kernel} {
  %zero = arith.constant 0.0 : f32
  %r = tensor.empty() : tensor<1024xf32>
  %f = linalg.fill ins(%zero : f32) outs(%r : tensor<1024xf32>) -> tensor<1024xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>], iterator_types = ["reduction", "parallel"]}
      ins(%x : tensor<64x1024xf32>) outs(%f : tensor<1024xf32>) {
  ^bb0(%a: f32, %acc: f32):
    %t = arith.addf %acc, %a : f32
    linalg.yield %t : f32
  } -> tensor<1024xf32>
  return %s : tensor<1024xf32>
}

// -----

// A batch of one is no reason for one thread: the rows of further dimensions count.
// CHECK-LABEL: llvm.func @batch_of_one({{.*}}exec.range = 128
func.func private @batch_of_one(%x: tensor<1x128x64xf32>) -> tensor<1x128xf32> attributes {exec.kernel} {
  %zero = arith.constant 0.0 : f32
  %r = tensor.empty() : tensor<1x128xf32>
  %f = linalg.fill ins(%zero : f32) outs(%r : tensor<1x128xf32>) -> tensor<1x128xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(b, i, j) -> (b, i, j)>, affine_map<(b, i, j) -> (b, i)>], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x : tensor<1x128x64xf32>) outs(%f : tensor<1x128xf32>) {
  ^bb0(%a: f32, %acc: f32):
    %t = arith.addf %acc, %a : f32
    linalg.yield %t : f32
  } -> tensor<1x128xf32>
  return %s : tensor<1x128xf32>
}
