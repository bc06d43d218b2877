// Gradients may be reduced in bf16: they are rounded where they are made, and the slice is widened for norm and update.

// RUN: raddle-opt %s --split-input-file --ragged-plan=ranks=2 --ragged-partition=reduce-type=bf16 --verify-diagnostics | FileCheck %s
// RUN: raddle-opt %s --split-input-file --ragged-plan=ranks=1 --ragged-partition=reduce-type=bf16 | FileCheck %s --check-prefix=ONE
// RUN: not raddle-opt %s --split-input-file --ragged-plan=ranks=2 --ragged-partition=reduce-type=f16 2>&1 | FileCheck %s --check-prefix=WRONG
// WRONG: expects option reduce-type to be f32 or bf16, is 'f16'

// On one rank nothing is reduced.
// ONE-NOT: bf16

// CHECK-LABEL: func.func @train_step(
// CHECK: %[[D:.*]] = linalg.generic
// CHECK: %[[N:.*]] = linalg.generic {{.*}} ins(%[[D]] : tensor<4x6xf32>) outs(%{{.*}} : tensor<4x6xbf16>)
// CHECK: %[[PACK:.*]] = ragged.pack %[[N]] into @rest : (tensor<4x6xbf16>) -> tensor<64xbf16>
// CHECK: %[[SLICE:.*]] = ragged.reduce_scatter <mean> %[[PACK]] of @rest : tensor<64xbf16> -> tensor<32xbf16>
// CHECK: %[[WIDE:.*]] = linalg.generic {{.*}} ins(%[[SLICE]] : tensor<32xbf16>) outs(%{{.*}} : tensor<32xf32>)
// CHECK: nn.squared_norm %[[WIDE]] : tensor<32xf32>
// CHECK: nn.sgd %{{.*}} grad %[[WIDE]]
#id = affine_map<(i, j) -> (i, j)>
func.func @train_step(%w: tensor<4x6xf32> {nn.param = "w"}, %x: tensor<4x6xf32> {nn.input = "x"}, %lr: tensor<f32> {nn.input = "lr", nn.role = "lr"},
                      %m: tensor<4x6xf32> {nn.state = "w.momentum_buffer"})
    -> (tensor<f32> {nn.output = "norm"}, tensor<4x6xf32> {nn.updates = "w"}, tensor<4x6xf32> {nn.updates = "w.momentum_buffer"}) {
  %e = tensor.empty() : tensor<4x6xf32>
  %d = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]} ins(%w, %x : tensor<4x6xf32>, tensor<4x6xf32>) outs(%e : tensor<4x6xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    linalg.yield %p : f32
  } -> tensor<4x6xf32>
  %n = nn.squared_norm %d : tensor<4x6xf32> -> tensor<f32>
  %p, %b = nn.sgd %w grad %d state %m lr %lr {momentum = 0.9 : f64, weight_decay = 0.0 : f64} : tensor<4x6xf32>, tensor<f32>
  return %n, %p, %b : tensor<f32>, tensor<4x6xf32>, tensor<4x6xf32>
}
