// Every op of the dialect in its written forms: on tensors, and on buffers inside a program.

// RUN: raddle-opt %s --verify-roundtrip | raddle-opt | FileCheck %s

func.func private @kernel(%a: tensor<4x8xf32>) -> tensor<4x8xf32> attributes {exec.kernel} {
  return %a : tensor<4x8xf32>
}
llvm.func @code(!llvm.ptr, i64, i64) attributes {exec.kernel, exec.args = 2 : i64, exec.range = 4 : i64}
// CHECK: exec.constant @table 0 dense<[1.000000e+00, 2.000000e+00]> : tensor<2xf32>
exec.constant @table 0 dense<[1.0, 2.0]> : tensor<2xf32>

// CHECK-LABEL: @tensors
func.func @tensors(%x: tensor<4x8xf32>, %w: tensor<16x8xf32>, %labels: tensor<4xi64>) {
  // CHECK: %[[Y:.*]] = exec.dispatch @kernel ins(%{{.*}} : tensor<4x8xf32>) -> tensor<4x8xf32>
  %y = exec.dispatch @kernel ins(%x : tensor<4x8xf32>) -> tensor<4x8xf32>
  // CHECK: exec.gemm ins(%[[Y]], %{{.*}} : tensor<4x8xf32>, tensor<16x8xf32>) m 4 n 16 k 8 ld [8, 8, 16] trans [false, true] -> tensor<4x16xf32>
  %z = exec.gemm ins(%y, %w : tensor<4x8xf32>, tensor<16x8xf32>) m 4 n 16 k 8 ld [8, 8, 16] trans [false, true]
    -> tensor<4x16xf32>
  // CHECK: exec.gemm ins(%[[Y]], %{{.*}}, %{{.*}} : tensor<4x8xf32>, tensor<16x8xf32>, tensor<4x16xf32>) m 4 n 16 k 8 ld [8, 8, 16] trans [false, true] {accumulate} -> tensor<64xf32>
  %sum = exec.gemm ins(%y, %w, %z : tensor<4x8xf32>, tensor<16x8xf32>, tensor<4x16xf32>) m 4 n 16 k 8 ld [8, 8, 16]
    trans [false, true] {accumulate} -> tensor<64xf32>
  // CHECK: exec.attention ins(%{{.*}}, %{{.*}}, %{{.*}} : tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>) extents [1, 1, 1, 4, 4, 8, 8] strides [32, 32, 8, 1, 32, 32, 8, 1, 32, 32, 8, 1, 32, 32, 8, 1, 4, 4, 1, 1] scale 5.000000e-01 {causal} -> tensor<4x8xf32>, tensor<4xf32>
  %o, %lse = exec.attention ins(%x, %y, %y : tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>)
    extents [1, 1, 1, 4, 4, 8, 8] strides [32, 32, 8, 1, 32, 32, 8, 1, 32, 32, 8, 1, 32, 32, 8, 1, 4, 4, 1, 1] scale 0.5
    {causal} -> tensor<4x8xf32>, tensor<4xf32>
  // CHECK: exec.attention ins(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} : tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<4xi64>)
  // CHECK-SAME: {lengths}
  %r, %rlse = exec.attention ins(%x, %y, %y, %labels : tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<4xi64>)
    extents [1, 1, 1, 4, 4, 8, 8] strides [32, 32, 8, 1, 32, 32, 8, 1, 32, 32, 8, 1, 1, 0, 0, 0, 32, 32, 8, 1, 4, 4, 1, 1]
    scale 0.5 {lengths} -> tensor<4x8xf32>, tensor<4xf32>
  // CHECK: exec.check_index %{{.*}} in 16 for "class" {ignore = -100 : i64} : tensor<4xi64>
  exec.check_index %labels in 16 for "class" {ignore = -100 : i64} : tensor<4xi64>
  // CHECK: exec.check_index %{{.*}} in 16 for "row" {lowest = -16 : i64} : tensor<4xi64>
  exec.check_index %labels in 16 for "row" {lowest = -16 : i64} : tensor<4xi64>
  return
}

// CHECK: exec.program @step arena 1024 streams 2 events 2
exec.program @step arena 1024 streams 2 events 2
    inputs [{nn.input = "x", type = tensor<2x4x8xf32>}] outputs [{nn.output = "y", type = tensor<4x8xf32>}]
    states [{ragged.state = "b.param", type = tensor<128xf32>}] allocations [] {
  // CHECK: %[[X:.*]] = exec.buffer input[0] at 0 : memref<2x4x8xf32>
  %x = exec.buffer input[0] at 0 : memref<2x4x8xf32>
  // CHECK: exec.buffer input[0] at 128 : memref<4x8xf32>
  %x1 = exec.buffer input[0] at 128 : memref<4x8xf32>
  // CHECK: exec.buffer output[0] at 0
  %y = exec.buffer output[0] at 0 : memref<4x8xf32>
  // CHECK: exec.buffer state[0] at 0
  %w = exec.buffer state[0] at 0 : memref<128xf32>
  // CHECK: exec.buffer constant[0] at 0
  %c = exec.buffer constant[0] at 0 : memref<2xf32>
  // CHECK: exec.buffer arena[0] at 0 : memref<256xf32>
  %full = exec.buffer arena[0] at 0 : memref<256xf32>
  %b = exec.buffer arena[0] at 0 : memref<2x8x8xf32>
  %p = exec.buffer arena[0] at 512 : memref<2x4x8xf32>
  // CHECK: exec.record 0 on 0
  exec.record 0 on 0
  // CHECK: exec.wait 0 on 1
  exec.wait 0 on 1
  // CHECK: exec.collective all_gather sum %{{.*}} into %{{.*}} : memref<128xf32>, memref<256xf32>
  exec.collective all_gather sum %w into %full : memref<128xf32>, memref<256xf32>
  exec.record 1 on 1
  exec.wait 1 on 0
  // CHECK: exec.dispatch @kernel ins(%{{.*}} : memref<4x8xf32>) outs(%{{.*}} : memref<4x8xf32>)
  exec.dispatch @kernel ins(%x1 : memref<4x8xf32>) outs(%y : memref<4x8xf32>)
  // CHECK: exec.dispatch @code ins(%{{.*}} : memref<4x8xf32>) outs(%{{.*}} : memref<4x8xf32>)
  exec.dispatch @code ins(%x1 : memref<4x8xf32>) outs(%y : memref<4x8xf32>) {stream = 0 : i64}
  // CHECK: exec.gemm ins({{.*}}) outs({{.*}}) m 4 n 8 k 8 ld [8, 8, 8] trans [false, false]
  // CHECK-SAME: {batch = array<i64: 2>, stride_a = array<i64: 32>, stride_b = array<i64: 64>, stride_c = array<i64: 32>}
  exec.gemm ins(%x, %b : memref<2x4x8xf32>, memref<2x8x8xf32>) outs(%p : memref<2x4x8xf32>) m 4 n 8 k 8 ld [8, 8, 8]
    trans [false, false] {batch = array<i64: 2>, stride_a = array<i64: 32>, stride_b = array<i64: 64>,
                          stride_c = array<i64: 32>}
  // CHECK: exec.gemm ins({{.*}}) outs({{.*}}) m 4 n 8 k 8 ld [8, 8, 8] trans [false, false] {accumulate}
  exec.gemm ins(%x1, %b : memref<4x8xf32>, memref<2x8x8xf32>) outs(%y : memref<4x8xf32>) m 4 n 8 k 8 ld [8, 8, 8]
    trans [false, false] {accumulate}
  // CHECK: exec.collective reduce_scatter mean
  exec.collective reduce_scatter mean %full into %w : memref<256xf32>, memref<128xf32>
  // CHECK: exec.collective all_reduce max
  exec.collective all_reduce max %y into %y : memref<4x8xf32>, memref<4x8xf32>
  // CHECK: exec.copy %{{.*}} into %{{.*}} : memref<4x8xf32>, memref<4x8xf32>
  exec.copy %x1 into %y : memref<4x8xf32>, memref<4x8xf32>
  // CHECK: exec.zero %{{.*}} : memref<256xf32>
  exec.zero %full : memref<256xf32>
}
