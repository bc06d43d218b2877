// Addresses, copies that are avoided, and streams.

// RUN: raddle-opt %s --split-input-file --schedule-assign --schedule-verify | FileCheck %s

// Tables say what indices of buffers mean. Arguments lie with the caller, so do results, whose producer writes them there; what
// lies between is in the arena, at multiples of 128 bytes.
// CHECK-LABEL: exec.program @places
// CHECK-SAME: arena 128 streams 2 events 0
// CHECK-SAME: inputs [{nn.batched, nn.input = "x", type = tensor<4x8xf32>}, {nn.input = "arg2", type = tensor<8xf32>}]
// CHECK-SAME: outputs [{nn.output = "y", type = tensor<4x8xf32>}, {nn.output = "output_1", type = tensor<4x8xf32>}]
// CHECK-SAME: states [{nn.buffer = "mean", type = tensor<8xf32>}]
// CHECK-SAME: allocations [{bytes = 128 : i64, first = 0 : i64, last = 1 : i64, name = "dispatch", offset = 0 : i64}]
// CHECK: %[[X:.*]] = exec.buffer input[0] at 0 : memref<4x8xf32>
// CHECK: %[[T:.*]] = exec.buffer arena[0] at 0 : memref<4x8xf32>
// CHECK: exec.dispatch @kernel ins(%[[X]] : memref<4x8xf32>) outs(%[[T]] : memref<4x8xf32>)
// CHECK: %[[Y:.*]] = exec.buffer output[0] at 0 : memref<4x8xf32>
// CHECK: exec.dispatch @kernel ins(%[[T]] : memref<4x8xf32>) outs(%[[Y]] : memref<4x8xf32>)
// An argument that is a result must be copied: the caller wants it in its own memory.
// CHECK: %[[Z:.*]] = exec.buffer output[1] at 0
// CHECK: exec.copy %[[X]] into %[[Z]]
// CHECK-NOT: func.func @places
func.func private @kernel(%x: tensor<4x8xf32>) -> tensor<4x8xf32> attributes {exec.kernel} { return %x : tensor<4x8xf32> }
func.func @places(%x: tensor<4x8xf32> {nn.input = "x", nn.batched}, %mean: tensor<8xf32> {nn.buffer = "mean"}, %other: tensor<8xf32>)
    -> (tensor<4x8xf32> {nn.output = "y"}, tensor<4x8xf32>) {
  %0 = exec.dispatch @kernel ins(%x : tensor<4x8xf32>) -> tensor<4x8xf32>
  %1 = exec.dispatch @kernel ins(%0 : tensor<4x8xf32>) -> tensor<4x8xf32>
  return %1, %x : tensor<4x8xf32>, tensor<4x8xf32>
}

// -----

// A view has the address of what it shows, also where the caller gets it.
// CHECK-LABEL: exec.program @views
// CHECK: %[[T:.*]] = exec.buffer arena[0] at 0 : memref<4x8xf32>
// CHECK: exec.dispatch @kernel ins({{.*}}) outs(%[[T]]
// CHECK: %[[FLAT:.*]] = exec.buffer arena[0] at 0 : memref<32xf32>
// CHECK: %[[Y:.*]] = exec.buffer output[0] at 0 : memref<32xf32>
// CHECK: exec.dispatch @flat ins(%[[FLAT]] : memref<32xf32>) outs(%[[Y]] : memref<32xf32>)
// CHECK-NOT: exec.copy
func.func private @kernel(%x: tensor<4x8xf32>) -> tensor<4x8xf32> attributes {exec.kernel} { return %x : tensor<4x8xf32> }
func.func private @flat(%x: tensor<32xf32>) -> tensor<32xf32> attributes {exec.kernel} { return %x : tensor<32xf32> }
func.func @views(%x: tensor<4x8xf32>) -> tensor<2x16xf32> {
  %0 = exec.dispatch @kernel ins(%x : tensor<4x8xf32>) -> tensor<4x8xf32>
  %1 = tensor.collapse_shape %0 [[0, 1]] : tensor<4x8xf32> into tensor<32xf32>
  %2 = exec.dispatch @flat ins(%1 : tensor<32xf32>) -> tensor<32xf32>
  %3 = tensor.expand_shape %2 [[0, 1]] output_shape [2, 16] : tensor<32xf32> into tensor<2x16xf32>
  return %3 : tensor<2x16xf32>
}

// -----

// Memory whose life is over is used again: three steps of a chain need two places.
// CHECK-LABEL: exec.program @reuse
// CHECK-SAME: arena 256
// CHECK: %[[A:.*]] = exec.buffer arena[0] at 0 : memref<32xf32>
// CHECK: exec.dispatch @kernel ins({{.*}}) outs(%[[A]]
// CHECK: %[[B:.*]] = exec.buffer arena[0] at 128 : memref<32xf32>
// CHECK: exec.dispatch @kernel ins(%[[A]]{{.*}} outs(%[[B]]
// CHECK: %[[AGAIN:.*]] = exec.buffer arena[0] at 0 : memref<32xf32>
// CHECK: exec.dispatch @kernel ins(%[[B]]{{.*}} outs(%[[AGAIN]]
func.func private @kernel(%x: tensor<32xf32>) -> tensor<32xf32> attributes {exec.kernel} { return %x : tensor<32xf32> }
func.func @reuse(%x: tensor<32xf32>) -> tensor<32xf32> {
  %0 = exec.dispatch @kernel ins(%x : tensor<32xf32>) -> tensor<32xf32>
  %1 = exec.dispatch @kernel ins(%0 : tensor<32xf32>) -> tensor<32xf32>
  %2 = exec.dispatch @kernel ins(%1 : tensor<32xf32>) -> tensor<32xf32>
  %3 = exec.dispatch @kernel ins(%2 : tensor<32xf32>) -> tensor<32xf32>
  return %3 : tensor<32xf32>
}

// -----

// Constants are kept once for all programs, in the order of their first use.
// CHECK: exec.constant @constant_0 0 dense<[1.000000e+00, 2.000000e+00]> : tensor<2xf32>
// CHECK: exec.constant @constant_1 1 dense<[3.000000e+00, 4.000000e+00]> : tensor<2xf32>
// CHECK-LABEL: exec.program @first
// CHECK: exec.buffer constant[0] at 0 : memref<2xf32>
// CHECK-LABEL: exec.program @second
// CHECK: exec.buffer constant[1] at 0 : memref<2xf32>
// CHECK: exec.buffer constant[0] at 0 : memref<2xf32>
func.func private @kernel(%x: tensor<2xf32>) -> tensor<2xf32> attributes {exec.kernel} { return %x : tensor<2xf32> }
func.func @first() -> tensor<2xf32> {
  %c = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %0 = exec.dispatch @kernel ins(%c : tensor<2xf32>) -> tensor<2xf32>
  return %0 : tensor<2xf32>
}
func.func @second() -> (tensor<2xf32>, tensor<2xf32>) {
  %c = arith.constant dense<[3.0, 4.0]> : tensor<2xf32>
  %d = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %0 = exec.dispatch @kernel ins(%c : tensor<2xf32>) -> tensor<2xf32>
  return %0, %d : tensor<2xf32>, tensor<2xf32>
}

// -----

// One value in two results is written once and copied once. A check of indices stays where it is.
// CHECK-LABEL: exec.program @twice
// CHECK: %[[I:.*]] = exec.buffer input[0] at 0 : memref<4xi64>
// CHECK: exec.check_index %[[I]] in 7 for "row" {ignore = -1 : i64} : memref<4xi64>
// CHECK: %[[FIRST:.*]] = exec.buffer output[0]
// CHECK: exec.gemm ins({{.*}}) outs(%[[FIRST]] : memref<4x4xf32>) m 4 n 4 k 4 ld [4, 4, 4] trans [false, true]
// CHECK: %[[SECOND:.*]] = exec.buffer output[1]
// CHECK: exec.copy %[[FIRST]] into %[[SECOND]]
func.func @twice(%i: tensor<4xi64>, %x: tensor<4x4xf32>) -> (tensor<4x4xf32>, tensor<4x4xf32>) {
  exec.check_index %i in 7 for "row" {ignore = -1 : i64} : tensor<4xi64>
  %0 = exec.gemm ins(%x, %x : tensor<4x4xf32>, tensor<4x4xf32>) m 4 n 4 k 4 ld [4, 4, 4] trans [false, true] -> tensor<4x4xf32>
  return %0, %0 : tensor<4x4xf32>, tensor<4x4xf32>
}
