// RUN: raddle-opt %s --train-verify --split-input-file --verify-diagnostics

// expected-error @+1 {{expects functions 'train_step' and 'eval'}}
module {}

// -----

// expected-error @+1 {{expects an output 'loss'}}
func.func @eval(%w: tensor<2xf32> {nn.param = "w"}) -> tensor<f32> {
  %l = tensor.empty() : tensor<f32>
  return %l : tensor<f32>
}
// expected-error @+3 {{expects an output 'grad_norm'}}
// expected-error @+2 {{expects a result of type 'tensor<2xf32>' that updates 'w', is 'tensor<f32>'}}
// expected-error @+1 {{expects a result of type 'tensor<2xf32>' that updates 'w.exp_avg', there is none}}
func.func @train_step(%w: tensor<2xf32> {nn.param = "w"}, %m: tensor<2xf32> {nn.state = "w.exp_avg"})
    -> (tensor<f32> {nn.output = "loss"}, tensor<f32> {nn.updates = "w"}) {
  %l = tensor.empty() : tensor<f32>
  return %l, %l : tensor<f32>, tensor<f32>
}
