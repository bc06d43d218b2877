// Buffers that the model changes: a step gives their next values, evaluation leaves them alone and takes running
// statistics for those of the batch. On several ranks the next values are averaged, unless they are integers.

// RUN: raddle-opt %s --raddle-grad="parameters-only" --train-build-step="optimizer=sgd" --canonicalize --train-verify > %t
// RUN: FileCheck %s < %t
// RUN: raddle-opt %t --ragged-plan="ranks=2" --ragged-partition --ragged-verify | FileCheck %s --check-prefix=RANKS
// RUN: raddle-opt %t --ragged-plan --ragged-partition --nn-decompose --canonicalize --fuse-outline --canonicalize --fuse-verify \
// RUN:   --schedule-assign --schedule-verify | FileCheck %s --check-prefix=PROGRAM

// CHECK-LABEL: func.func @eval(
// CHECK-SAME: -> (tensor<f32> {nn.output = "loss"}) {
// CHECK: nn.batch_norm {{.*}} {eps = 1.000000e-05 : f64} :
// CHECK-LABEL: func.func @train_step(
// CHECK-SAME: tensor<3xf32> {nn.updates = "mean"}, tensor<i64> {nn.updates = "count"})
// CHECK: nn.batch_norm {{.*}} {eps = 1.000000e-05 : f64, training} :

// RANKS-LABEL: func.func @train_step(
// RANKS: %[[NEXT:.*]] = linalg.generic {{.*}} ins(%{{.*}}, %{{.*}} : tensor<3xf32>, tensor<3xf32>)
// RANKS: %[[COUNT:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<i64>)
// RANKS: %[[MEAN:.*]] = ragged.all_reduce <mean> %[[NEXT]]
// RANKS: return {{.*}}%[[MEAN]], %[[COUNT]],

// The next values are written where the old ones lie.
// PROGRAM-LABEL: exec.program @train_step
// PROGRAM: %[[MEAN:.*]] = exec.buffer state[0] at 0 : memref<3xf32>
// PROGRAM-NEXT: exec.dispatch @{{.*}} ins(%[[MEAN]], %{{.*}} : memref<3xf32>, memref<3xf32>) outs(%[[MEAN]] : memref<3xf32>)
// PROGRAM: %[[COUNT:.*]] = exec.buffer state[2] at 0 : memref<i64>
// PROGRAM-NEXT: exec.dispatch @{{.*}} ins(%[[COUNT]] : memref<i64>) outs(%[[COUNT]] : memref<i64>)
module attributes {nn.batch = 2 : i64} {
  func.func @main(%x: tensor<2x3xf32> {nn.input = "x", nn.batched}, %w: tensor<3xf32> {nn.param = "w"},
                  %mean: tensor<3xf32> {nn.buffer = "mean"}, %variance: tensor<3xf32> {nn.buffer = "variance"},
                  %count: tensor<i64> {nn.buffer = "count"})
      -> (tensor<f32> {nn.output = "output_0"}, tensor<3xf32> {nn.updates = "mean"}, tensor<i64> {nn.updates = "count"}) {
    %out, %m, %v = nn.batch_norm %x weight %w : tensor<3xf32> running %mean, %variance : tensor<3xf32>, tensor<3xf32>
      {eps = 1.0e-5 : f64, training} : tensor<2x3xf32> -> tensor<2x3xf32>, tensor<3xf32>, tensor<3xf32>
    %zero = arith.constant 0.0 : f32
    %scalar = tensor.empty() : tensor<f32>
    %init = linalg.fill ins(%zero : f32) outs(%scalar : tensor<f32>) -> tensor<f32>
    %loss = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> ()>],
                            iterator_types = ["reduction", "reduction"]}
        ins(%out : tensor<2x3xf32>) outs(%init : tensor<f32>) {
      ^bb0(%in: f32, %acc: f32):
        %square = arith.mulf %in, %in : f32
        %next = arith.addf %acc, %square : f32
        linalg.yield %next : f32
      } -> tensor<f32>
    %vector = tensor.empty() : tensor<3xf32>
    %next_mean = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>],
                                 iterator_types = ["parallel"]}
        ins(%mean, %m : tensor<3xf32>, tensor<3xf32>) outs(%vector : tensor<3xf32>) {
      ^bb0(%old: f32, %new: f32, %o: f32):
        %sum = arith.addf %old, %new : f32
        linalg.yield %sum : f32
      } -> tensor<3xf32>
    %number = tensor.empty() : tensor<i64>
    %next_count = linalg.generic {indexing_maps = [affine_map<() -> ()>, affine_map<() -> ()>], iterator_types = []}
        ins(%count : tensor<i64>) outs(%number : tensor<i64>) {
      ^bb0(%in: i64, %o: i64):
        %one = arith.constant 1 : i64
        %sum = arith.addi %in, %one : i64
        linalg.yield %sum : i64
      } -> tensor<i64>
    return %loss, %next_mean, %next_count : tensor<f32>, tensor<3xf32>, tensor<i64>
  }
}
