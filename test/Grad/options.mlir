// Which function, which result, which arguments, and what the gradient starts from.

// RUN: raddle-opt %s --raddle-grad="function=losses result=1" | FileCheck %s --check-prefix=RESULT
// RUN: raddle-opt %s --raddle-grad="function=losses result=1 parameters-only" | FileCheck %s --check-prefix=PARAMETERS
// RUN: raddle-opt %s --raddle-grad="function=losses with-cotangent" --canonicalize | FileCheck %s --check-prefix=COTANGENT

// The source stays as it is. Attributes of arguments and results are kept; gradients have none.
// RESULT: func.func @losses(
// RESULT: func.func @losses_grad(%{{.*}}: tensor<4xf32> {nn.param = "w"}, %{{.*}}: tensor<4xf32> {nn.frozen, nn.param = "v"}, %{{.*}}: tensor<4xf32> {nn.input = "x"})
// RESULT-SAME: -> (tensor<4xf32>, tensor<f32> {nn.output = "loss"}, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>)

// PARAMETERS: func.func @losses_grad(
// PARAMETERS-SAME: -> (tensor<4xf32>, tensor<f32> {nn.output = "loss"}, tensor<4xf32>)

// The gradient of result 0 comes in as the last argument; nothing of the loss is in the way back.
// COTANGENT: func.func @losses_grad(
// COTANGENT-SAME: %[[G:[a-z0-9]+]]: tensor<4xf32>) -> (tensor<4xf32>, tensor<f32> {nn.output = "loss"}, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>)
// COTANGENT: linalg.generic {{.*}}%[[G]]

func.func @losses(%w: tensor<4xf32> {nn.param = "w"}, %v: tensor<4xf32> {nn.param = "v", nn.frozen},
                  %x: tensor<4xf32> {nn.input = "x"}) -> (tensor<4xf32>, tensor<f32> {nn.output = "loss"}) {
  %e = tensor.empty() : tensor<4xf32>
  %zero = arith.constant dense<0.0> : tensor<f32>
  %m = linalg.mul ins(%w, %x : tensor<4xf32>, tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  %y = linalg.add ins(%m, %v : tensor<4xf32>, tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  %loss = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> ()>], iterator_types = ["reduction"]}
      ins(%y : tensor<4xf32>) outs(%zero : tensor<f32>) {
  ^bb0(%a: f32, %acc: f32):
    %next = arith.addf %acc, %a : f32
    linalg.yield %next : f32
  } -> tensor<f32>
  return %y, %loss : tensor<4xf32>, tensor<f32>
}
