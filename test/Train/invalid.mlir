// What train-build-step refuses, and how it says so.

// RUN: raddle-opt %s --split-input-file --verify-diagnostics --train-build-step=loss=1
// RUN: not raddle-opt %s --split-input-file --train-build-step=optimizer=lion 2>&1 | FileCheck %s --check-prefix=OPTIMIZER
// OPTIMIZER: expects optimizer 'sgd' or 'adamw', is 'lion'

// expected-error @+1 {{expects functions 'main' and 'main_grad', as 'raddle-grad' leaves them}}
module {
  func.func @main(%x: tensor<f32>) -> tensor<f32> { return %x : tensor<f32> }
}

// -----

// expected-error @+1 {{expects functions 'main' and 'main_grad'}}
module {
  func.func @main_grad(%x: tensor<f32>) -> tensor<f32> { return %x : tensor<f32> }
}

// -----

// expected-error @+1 {{expects the loss to be a result below 1, is 1}}
func.func @main(%w: tensor<f32> {nn.param = "w"}) -> tensor<f32> { return %w : tensor<f32> }
func.func @main_grad(%w: tensor<f32> {nn.param = "w"}) -> (tensor<f32>, tensor<f32>) { return %w, %w : tensor<f32>, tensor<f32> }

// -----

// A gradient for each trainable parameter, in their order.
func.func @main(%w: tensor<4xf32> {nn.param = "w"}, %v: tensor<2xf32> {nn.param = "v"}) -> (tensor<2xf32>, tensor<f32>) {
  %c = arith.constant dense<0.0> : tensor<f32>
  return %v, %c : tensor<2xf32>, tensor<f32>
}
// expected-error @+1 {{expects a gradient of type 'tensor<4xf32>' for parameter 'w'}}
func.func @main_grad(%w: tensor<4xf32> {nn.param = "w"}, %v: tensor<2xf32> {nn.param = "v"})
    -> (tensor<2xf32>, tensor<f32>, tensor<2xf32>, tensor<4xf32>) {
  %c = arith.constant dense<0.0> : tensor<f32>
  return %v, %c, %v, %w : tensor<2xf32>, tensor<f32>, tensor<2xf32>, tensor<4xf32>
}

// -----

func.func @main(%w: tensor<4xf32> {nn.param = "w", nn.frozen}) -> (tensor<f32>, tensor<f32>) {
  %c = arith.constant dense<0.0> : tensor<f32>
  return %c, %c : tensor<f32>, tensor<f32>
}
// expected-error @+1 {{has no trainable parameter that the loss depends on}}
func.func @main_grad(%w: tensor<4xf32> {nn.param = "w", nn.frozen}) -> (tensor<f32>, tensor<f32>) {
  %c = arith.constant dense<0.0> : tensor<f32>
  return %c, %c : tensor<f32>, tensor<f32>
}

// -----

// expected-error @+1 {{expects the loss to be a tensor of one element, is 'tensor<4xf32>'}}
func.func @main(%w: tensor<4xf32> {nn.param = "w"}) -> (tensor<4xf32>, tensor<4xf32>) {
  return %w, %w : tensor<4xf32>, tensor<4xf32>
}
func.func @main_grad(%w: tensor<4xf32> {nn.param = "w"}) -> tensor<4xf32> {
  return %w : tensor<4xf32>
}

// -----

func.func @main(%w: tensor<1xf32> {nn.param = "w"}) -> (tensor<1xf32>, tensor<1xf32>) {
  return %w, %w : tensor<1xf32>, tensor<1xf32>
}
// expected-error @+1 {{expects the arguments and first the results of 'main'}}
func.func @main_grad(%w: tensor<4xf32> {nn.param = "w"}) -> tensor<4xf32> {
  return %w : tensor<4xf32>
}
