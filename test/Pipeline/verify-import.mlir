// RUN: raddle-opt %s --import-verify --split-input-file --verify-diagnostics

func.func @main(%w: tensor<2xf32> {nn.param = "w"}, %x: tensor<2xf32> {nn.input = "w"}) -> tensor<2xf32> {
  return %x : tensor<2xf32>
}

// -----

// expected-error @+1 {{expects a function 'main' of one block}}
module {}

// -----

// expected-error @+3 {{expects tensors of static shape, argument 0 is 'tensor<?xf32>'}}
// expected-error @+2 {{expects tensors of static shape, argument 1 is 'f32'}}
// expected-error @+1 {{expects tensors of static shape, result 0 is 'tensor<?xf32>'}}
func.func @main(%x: tensor<?xf32>, %y: f32) -> tensor<?xf32> {
  return %x : tensor<?xf32>
}

// -----

// expected-error @+2 {{argument 0 is both 'nn.param' and 'nn.input'}}
// expected-error @+1 {{arguments 0 and 1 are both 'nn.param' "w"}}
func.func @main(%a: tensor<2xf32> {nn.param = "w", nn.input = "a"}, %b: tensor<2xf32> {nn.param = "w"}) -> tensor<2xf32> {
  return %b : tensor<2xf32>
}

// -----

// expected-error @+1 {{result 1 updates 'mean', of which there is no buffer of type 'tensor<2xf32>'}}
func.func @main(%x: tensor<2xf32>, %mean: tensor<3xf32> {nn.buffer = "mean"})
    -> (tensor<2xf32> {nn.output = "y"}, tensor<2xf32> {nn.updates = "mean"}) {
  return %x, %x : tensor<2xf32>, tensor<2xf32>
}
