// What backward computes again: cheap kernels by a minimum cut, within blocks library calls as well.

// RUN: raddle-opt %s --schedule-recompute=mode=auto | FileCheck %s
// RUN: raddle-opt %s --schedule-recompute=mode=auto --cse --canonicalize | FileCheck %s --check-prefix=COUNT
// RUN: raddle-opt %s --schedule-recompute=mode=block --cse --canonicalize | FileCheck %s --check-prefix=BLOCK
// RUN: raddle-opt %s --schedule-recompute | FileCheck %s --check-prefix=NONE
// RUN: raddle-opt %s --schedule-recompute="mode=auto budget=1000000" | FileCheck %s --check-prefix=NONE
// RUN: raddle-opt %s --schedule-recompute=mode=auto --remarks-filter=schedule-recompute -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: raddle-opt %s --schedule-recompute="mode=auto budget=20000" --remarks-filter=schedule-recompute -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: raddle-opt %s --schedule-recompute=mode=auto --schedule-assign --schedule-verify -o /dev/null
// RUN: not raddle-opt %s --schedule-recompute=mode=all 2>&1 | FileCheck %s --check-prefix=MODE

// MODE: option 'mode' expects none, auto or block, is all
// REMARK: remark: [Passed] again | Category:schedule-recompute | Remark=exec.dispatch, {{.*}}4096

ragged.bucket @b ranks 1 shard 1024 : f32 {slots = [#ragged.slot<"w" at 0 shape [32, 32] unit 1>]}
func.func private @silu(%x: tensor<32x32xf32>) -> tensor<32x32xf32> attributes {exec.kernel, exec.flops = 4096 : i64} { return %x : tensor<32x32xf32> }
func.func private @slow(%x: tensor<32x32xf32>) -> tensor<32x32xf32> attributes {exec.kernel, exec.flops = 1048576 : i64} { return %x : tensor<32x32xf32> }
func.func private @loss(%x: tensor<32x32xf32>) -> tensor<f32> attributes {exec.kernel} {
  %e = tensor.empty() : tensor<f32>
  return %e : tensor<f32>
}
func.func private @back(%g: tensor<32x32xf32>, %x: tensor<32x32xf32>) -> tensor<32x32xf32> attributes {exec.kernel} { return %g : tensor<32x32xf32> }
func.func private @update(%w: tensor<1024xf32>, %g: tensor<32x32xf32>) -> tensor<1024xf32> attributes {exec.kernel} { return %w : tensor<1024xf32> }

// The product is kept, since backward reads it; what follows from it cheaply is computed again, what is dear is not.
// CHECK-LABEL: @train_step
// CHECK: %[[P:.*]] = exec.gemm
// CHECK: %[[Y:.*]] = exec.dispatch @silu ins(%[[P]]
// CHECK: %[[Z:.*]] = exec.dispatch @slow ins(%[[Y]]
// CHECK: exec.dispatch @loss
// CHECK: %[[G:.*]] = exec.dispatch @back ins(%[[Z]], %[[Z]]
// CHECK: %[[AGAIN:.*]] = exec.dispatch @silu ins(%[[P]] : tensor<32x32xf32>) {exec.again
// CHECK: exec.dispatch @back ins(%[[G]], %[[AGAIN]]
// CHECK: exec.dispatch @back ins(%{{.*}}, %[[P]]
// COUNT-LABEL: @train_step
// COUNT-COUNT-2: exec.dispatch @silu
// COUNT-NOT: exec.dispatch @silu
// BLOCK-LABEL: @train_step
// BLOCK-COUNT-2: exec.gemm
// BLOCK: exec.dispatch @silu {{.*}} {exec.again
// NONE-LABEL: @train_step
// NONE-NOT: exec.again
func.func @train_step(%x: tensor<32x32xf32> {nn.input = "x"},
                      %s: tensor<1024xf32> {ragged.state = "b.param", ragged.bucket = @b, ragged.role = "param"})
    -> (tensor<f32> {nn.output = "loss"}, tensor<1024xf32> {ragged.alias = "b.param"}) {
  %f = ragged.gather %s of @b : tensor<1024xf32> -> tensor<1024xf32>
  %w = ragged.slot "w" of %f in @b : tensor<1024xf32> -> tensor<32x32xf32>
  %p = exec.gemm ins(%x, %w : tensor<32x32xf32>, tensor<32x32xf32>) m 32 n 32 k 32 ld [32, 32, 32] trans [false, true]
    -> tensor<32x32xf32>
  %y = exec.dispatch @silu ins(%p : tensor<32x32xf32>) -> tensor<32x32xf32>
  %z = exec.dispatch @slow ins(%y : tensor<32x32xf32>) -> tensor<32x32xf32>
  %l = exec.dispatch @loss ins(%z : tensor<32x32xf32>) -> tensor<f32>
  %g1 = exec.dispatch @back ins(%z, %z : tensor<32x32xf32>, tensor<32x32xf32>) -> tensor<32x32xf32>
  %g2 = exec.dispatch @back ins(%g1, %y : tensor<32x32xf32>, tensor<32x32xf32>) -> tensor<32x32xf32>
  %g3 = exec.dispatch @back ins(%g2, %p : tensor<32x32xf32>, tensor<32x32xf32>) -> tensor<32x32xf32>
  %n = exec.dispatch @update ins(%s, %g3 : tensor<1024xf32>, tensor<32x32xf32>) -> tensor<1024xf32>
  return %l, %n : tensor<f32>, tensor<1024xf32>
}
