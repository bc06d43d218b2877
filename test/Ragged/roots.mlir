// Whole tensors on roots: the work is shared out over all buckets, and ops on one bucket agree.

// RUN: raddle-opt %s --ragged-assign-roots | FileCheck %s
// RUN: raddle-opt %s --ragged-assign-roots --schedule-assign | FileCheck %s --check-prefix=PROGRAM

// Work: a 16·16·16, b 8·8·8, c 16 elements; then d 16·4·4: b, c and d together are less than a.
ragged.bucket @one ranks 2 shard 168 : f32 {
  slots = [#ragged.slot<"a" at 0 shape [16, 16] unit 1>, #ragged.slot<"b" at 256 shape [8, 8] unit 1>,
           #ragged.slot<"c" at 320 shape [16] unit 1>]
}
ragged.bucket @two ranks 2 shard 32 : f32 {slots = [#ragged.slot<"d" at 0 shape [16, 4] unit 1>]}

// CHECK-LABEL: @step
// CHECK: ragged.gather_to_roots %{{.*}} of @one roots [0, 1, 1]
// CHECK: ragged.gather_to_roots %{{.*}} of @two roots [1]
// CHECK: ragged.scatter_from_roots %{{.*}} into @one roots [0, 1, 1]
// What is given stays.
// CHECK: ragged.scatter_from_roots %{{.*}} into @two roots [0]

// Tensor a lies on both ranks; b begins 256 - 168 elements behind the start of rank 1's slice.
// PROGRAM-LABEL: exec.program @step
// PROGRAM: exec.collective transfer sum {{.*}} {pieces = array<i64: 0, 0, 0, 0, 168, 1, 0, 0, 168, 88>}
// PROGRAM: exec.collective transfer sum {{.*}} {pieces = array<i64: 1, 1, 88, 0, 64>}
// PROGRAM: exec.collective transfer sum {{.*}} {pieces = array<i64: 1, 1, 152, 0, 16>}
// PROGRAM: exec.collective transfer sum {{.*}} {pieces = array<i64: 0, 0, 0, 0, 168, 0, 1, 168, 0, 88>}
func.func @step(%s: tensor<168xf32> {nn.input = "s"}, %t: tensor<32xf32> {nn.input = "t"}) -> (tensor<168xf32>, tensor<32xf32>) {
  %w:3 = ragged.gather_to_roots %s of @one : (tensor<168xf32>) -> (tensor<16x16xf32>, tensor<8x8xf32>, tensor<16xf32>)
  %d = ragged.gather_to_roots %t of @two : (tensor<32xf32>) -> tensor<16x4xf32>
  %u = ragged.scatter_from_roots %w#0, %w#1, %w#2 into @one : (tensor<16x16xf32>, tensor<8x8xf32>, tensor<16xf32>) -> tensor<168xf32>
  %v = ragged.scatter_from_roots %d into @two roots [0] : (tensor<16x4xf32>) -> tensor<32xf32>
  return %u, %v : tensor<168xf32>, tensor<32xf32>
}
