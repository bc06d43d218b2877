// RUN: raddle-opt %s --split-input-file --pass-pipeline='builtin.module(grad-verify)' --verify-diagnostics

func.func @main(%w: tensor<2xf32> {nn.param = "w"}, %f: tensor<3xf32> {nn.param = "f", nn.frozen}) -> tensor<f32> {
  %l = tensor.empty() : tensor<f32>
  return %l : tensor<f32>
}
func.func @main_grad(%w: tensor<2xf32> {nn.param = "w"}, %f: tensor<3xf32> {nn.param = "f", nn.frozen})
    -> (tensor<f32>, tensor<2xf32>) {
  %l = tensor.empty() : tensor<f32>
  return %l, %w : tensor<f32>, tensor<2xf32>
}

// -----

// expected-error @+1 {{expects functions 'main' and 'main_grad'}}
module {}

// -----

func.func @main(%w: tensor<2xf32> {nn.param = "w"}) -> tensor<f32> {
  %l = tensor.empty() : tensor<f32>
  return %l : tensor<f32>
}
// expected-error @+1 {{a gradient of each trainable parameter: '(tensor<2xf32>) -> (tensor<f32>, tensor<2xf32>)', is '(tensor<2xf32>) -> tensor<f32>'}}
func.func @main_grad(%w: tensor<2xf32> {nn.param = "w"}) -> tensor<f32> {
  %l = tensor.empty() : tensor<f32>
  return %l : tensor<f32>
}
