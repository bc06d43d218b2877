// What the attributes of a function's arguments and results may hold.

// RUN: raddle-opt %s --split-input-file --verify-diagnostics | FileCheck %s

// CHECK: module attributes {nn.batch = 4 : i64, nn.weights = "model.pt2"}
module attributes {nn.batch = 4 : i64, nn.weights = "model.pt2"} {
  func.func @known(
      %w: tensor<4xf32> {nn.param = "w", nn.frozen, nn.aliases = ["tied"], nn.source = {entry = "data/0", offset = 0 : i64}},
      %n: tensor<4xf32> {nn.param = "n", nn.init = {kind = "normal", scale = 0.02 : f64}},
      %b: tensor<4xf32> {nn.buffer = "running_mean"}, %s: tensor<4xf32> {nn.state = "w.exp_avg"},
      %x: tensor<4xf32> {nn.input = "x", nn.batched}, %lr: tensor<f32> {nn.input = "lr", nn.role = "lr"},
      %step: tensor<i64> {nn.input = "step", nn.role = "step"})
      -> (tensor<4xf32> {nn.output = "y", nn.batched}, tensor<4xf32> {nn.updates = "w"}) {
    return %x, %w : tensor<4xf32>, tensor<4xf32>
  }
}

// -----

// expected-error @+1 {{attribute 'nn.weights' must be a string, is 3}}
module attributes {nn.weights = 3 : i64} {}

// -----

// expected-error @+1 {{attribute 'nn.batch' must be an integer, is "four"}}
module attributes {nn.batch = "four"} {}

// -----

// expected-error @+1 {{argument 1: attribute 'nn.param' must be a string, is 7}}
func.func @param(%x: tensor<4xf32>, %w: tensor<4xf32> {nn.param = 7 : i64}) { return }

// -----

// expected-error @+1 {{argument 0: attribute 'nn.buffer' must be a string, is unit}}
func.func @buffer(%w: tensor<4xf32> {nn.buffer}) { return }

// -----

// expected-error @+1 {{argument 0: attribute 'nn.input' must be a string}}
func.func @input(%x: tensor<4xf32> {nn.input = [1]}) { return }

// -----

// expected-error @+1 {{argument 0: attribute 'nn.state' must be a string, is true}}
func.func @state(%x: tensor<4xf32> {nn.state = true}) { return }

// -----

// expected-error @+1 {{argument 0: attribute 'nn.frozen' must be a unit attribute, is true}}
func.func @frozen(%w: tensor<4xf32> {nn.param = "w", nn.frozen = true}) { return }

// -----

// expected-error @+1 {{argument 0: attribute 'nn.aliases' must be an array of strings, is ["a", 1]}}
func.func @aliases(%w: tensor<4xf32> {nn.param = "w", nn.aliases = ["a", 1]}) { return }

// -----

// expected-error @+1 {{argument 0: attribute 'nn.source' must be a dictionary, is "data/0"}}
func.func @source(%w: tensor<4xf32> {nn.param = "w", nn.source = "data/0"}) { return }

// -----

// expected-error @+1 {{argument 0: attribute 'nn.init' must be a dictionary, is "zeros"}}
func.func @init(%w: tensor<4xf32> {nn.param = "w", nn.init = "zeros"}) { return }

// -----

// expected-error @+1 {{argument 0: attribute 'nn.role' must be "lr", "step", "call", "seed" or "rank", is "rate"}}
func.func @role(%lr: tensor<f32> {nn.input = "lr", nn.role = "rate"}) { return }

// -----

// expected-error @+1 {{argument 0: unknown attribute 'nn.parameter'}}
func.func @unknown(%w: tensor<4xf32> {nn.parameter = "w"}) { return }

// -----

// expected-error @+1 {{result 0: expects a string as attribute 'nn.output'}}
func.func @output(%x: tensor<4xf32>) -> (tensor<4xf32> {nn.output}) { return %x : tensor<4xf32> }

// -----

// expected-error @+1 {{result 0: expects a string as attribute 'nn.updates'}}
func.func @updates(%x: tensor<4xf32>) -> (tensor<4xf32> {nn.updates = 1 : i64}) { return %x : tensor<4xf32> }

// -----

// expected-error @+1 {{result 0: unknown attribute 'nn.param'}}
func.func @unknown_result(%x: tensor<4xf32>) -> (tensor<4xf32> {nn.param = "w"}) { return %x : tensor<4xf32> }

// -----

// expected-error @+1 {{argument 0: attribute 'nn.transient' must be a unit attribute, is 1}}
func.func @transient(%b: tensor<4xf32> {nn.buffer = "positions", nn.transient = 1 : i64}) { return }
