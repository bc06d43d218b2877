// Random numbers of training are drawn by the number of the step, which is resumed; those of an evaluation by its call.

// RUN: raddle-opt %s --allow-unregistered-dialect --train-build-step="optimizer=adamw" | FileCheck %s

// CHECK: func.func @eval(
// CHECK-SAME: %{{[a-z0-9]+}}: tensor<i64> {nn.input = "runtime.call", nn.role = "call"}
// CHECK: func.func @train_step(
// CHECK-SAME: %[[STEP:[a-z0-9]+]]: tensor<i64> {nn.input = "step", nn.role = "step"}
// CHECK-NOT: nn.role = "step"
// CHECK: "test.gradients"(%{{.*}}, %[[STEP]])
// CHECK: nn.adamw {{.*}} step %[[STEP]]
func.func @main(%w: tensor<4xf32> {nn.param = "w"}, %call: tensor<i64> {nn.input = "runtime.call", nn.role = "call"})
    -> tensor<f32> {
  %l = "test.forward"(%w, %call) : (tensor<4xf32>, tensor<i64>) -> tensor<f32>
  return %l : tensor<f32>
}
func.func @main_grad(%w: tensor<4xf32> {nn.param = "w"},
                     %call: tensor<i64> {nn.input = "runtime.call", nn.role = "call"})
    -> (tensor<f32>, tensor<4xf32>) {
  %l, %dw = "test.gradients"(%w, %call) : (tensor<4xf32>, tensor<i64>) -> (tensor<f32>, tensor<4xf32>)
  return %l, %dw : tensor<f32>, tensor<4xf32>
}
