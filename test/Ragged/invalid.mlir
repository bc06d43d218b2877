// What ragged-plan and ragged-partition refuse, and how they say so.

// RUN: not raddle-opt %s --split-input-file --ragged-plan=ranks=-1 2>&1 | FileCheck %s --check-prefix=RANKS
// RUN: raddle-opt %s --split-input-file --verify-diagnostics --ragged-plan=ranks=2 --ragged-partition
// RANKS: expects at least one rank, and replicas that divide the ranks, is -1 and 1

// One name, two types: all of them at once.
func.func @main(%a: tensor<4xf32> {nn.param = "a"}, %b: tensor<4xf32> {nn.param = "b"}) { return }
// expected-error @+2 {{parameter 'a' is of type 'tensor<8xf32>' here and 'tensor<4xf32>' in another function}}
// expected-error @+1 {{parameter 'b' is of type 'tensor<4xf16>' here and 'tensor<4xf32>' in another function}}
func.func @eval(%a: tensor<8xf32> {nn.param = "a"}, %b: tensor<4xf16> {nn.param = "b"}) { return }

// -----

// A bucket is updated whole or not at all.
// expected-error @+1 {{bucket 'rest' is updated, but its parameter 'b' is not}}
func.func @step(%a: tensor<4xf32> {nn.param = "a"}, %b: tensor<4xf32> {nn.param = "b"}, %m: tensor<4xf32> {nn.state = "a.momentum_buffer"},
                %g: tensor<4xf32>, %lr: tensor<f32>) -> (tensor<4xf32> {nn.updates = "a"}, tensor<4xf32> {nn.updates = "a.momentum_buffer"}) {
  %p, %n = nn.sgd %a grad %g state %m lr %lr {momentum = 0.0 : f64, weight_decay = 0.0 : f64} : tensor<4xf32>, tensor<f32>
  return %p, %n : tensor<4xf32>, tensor<4xf32>
}

// -----

func.func @step(%a: tensor<4xf32> {nn.param = "a"}, %b: tensor<4xf32> {nn.param = "b"}, %m: tensor<4xf32> {nn.state = "a.momentum_buffer"},
                %k: tensor<4xf32> {nn.state = "b.momentum_buffer"}, %g: tensor<4xf32>, %lr: tensor<f32>) {
  %p, %n = nn.sgd %a grad %g state %m lr %lr {momentum = 0.0 : f64, weight_decay = 0.0 : f64} : tensor<4xf32>, tensor<f32>
  // expected-error @+1 {{differs from the update of the other parameters of bucket 'rest'}}
  %q, %o = nn.sgd %b grad %g state %k lr %lr {momentum = 0.5 : f64, weight_decay = 0.0 : f64} : tensor<4xf32>, tensor<f32>
  return
}

// -----

ragged.bucket @a ranks 2 shard 32 : f32 {slots = []}
// expected-error @+1 {{is cut over 3 ranks, expects 2, as the last axis of the module's grid}}
ragged.bucket @b ranks 3 shard 32 : f32 {slots = []}

// -----

// expected-error @+1 {{parameter 'w' expects a tensor of static shape of numbers, is 'tensor<?xf32>'}}
func.func @dynamic(%w: tensor<?xf32> {nn.param = "w"}) {
  return
}

// -----

// expected-error @+1 {{parameter 'w' expects a tensor of static shape of numbers, is 'f32'}}
func.func @scalar(%w: f32 {nn.param = "w"}) {
  return
}

// -----

// expected-error @+1 {{expects a body of one block that ends in 'func.return'}}
func.func private @external(tensor<4xf32>)

// -----

// The state of an update is an argument that says so.
func.func @no_state(%w: tensor<4xf32> {nn.param = "w"}, %g: tensor<4xf32>, %lr: tensor<f32>) -> tensor<4xf32> {
  // expected-error @+1 {{expects operand 2 to be an argument with 'nn.state'}}
  %0, %1 = nn.sgd %w grad %g state %g lr %lr {momentum = 0.0 : f64, weight_decay = 0.0 : f64} : tensor<4xf32>, tensor<f32>
  return %0 : tensor<4xf32>
}
