// What raddle-grad refuses, and how it says so.

// RUN: raddle-opt %s --split-input-file --verify-diagnostics --raddle-grad

// expected-error @+1 {{has no function 'main' to differentiate}}
module {
  func.func @forward(%x: tensor<f32>) -> tensor<f32> { return %x : tensor<f32> }
}

// -----

// expected-error @+1 {{expects result 0 to be a floating-point tensor of one element, is 'tensor<4xf32>'}}
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> { return %x : tensor<4xf32> }

// -----

// expected-error @+1 {{expects result 0 to be a floating-point tensor of one element, is 'tensor<i64>'}}
func.func @main(%x: tensor<i64>) -> tensor<i64> { return %x : tensor<i64> }

// -----

// expected-error @+1 {{expects result 0 to be the loss, the results are 0 to below 0}}
func.func @main(%x: tensor<f32>) { return }

// -----

// expected-error @+1 {{expects a body of one block that ends in 'func.return'}}
func.func private @main(tensor<f32>) -> tensor<f32>

// -----

// expected-error @+1 {{expects a body of one block that ends in 'func.return'}}
func.func @main(%x: tensor<f32>) -> tensor<f32> {
  cf.br ^bb1
^bb1:
  return %x : tensor<f32>
}

// -----

// expected-error @+1 {{expects arguments of static shape, has 'tensor<?xf32>'}}
func.func @main(%x: tensor<?xf32>, %y: tensor<f32>) -> tensor<f32> { return %y : tensor<f32> }

// -----

// expected-error @+1 {{'main' has no argument to differentiate with respect to}}
func.func @main(%x: tensor<i64>) -> tensor<f32> {
  %c = arith.constant dense<1.0> : tensor<f32>
  return %c : tensor<f32>
}

// -----

// expected-error @+1 {{a function 'main_grad' is there already}}
func.func @main(%x: tensor<f32>) -> tensor<f32> { return %x : tensor<f32> }
func.func @main_grad() { return }

// -----

// Every op without a derivative at once, the same reason together, at the first place.
// expected-error @+1 {{cannot differentiate 'main': 3 ops on the way have no gradient}}
func.func @main(%x: tensor<4xf32>) -> tensor<f32> {
  %e = tensor.empty() : tensor<4xf32>
  // expected-note @+1 {{'linalg.softmax' (2 times): it has no derivative}}
  %s = linalg.softmax dimension(0) ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  %t = linalg.softmax dimension(0) ins(%s : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  %one = arith.constant dense<1.0> : tensor<f32>
  // expected-note @+1 {{'linalg.generic' (1 times): its body is neither elementwise nor a sum, product, maximum or minimum over an accumulator}}
  %difference = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> ()>], iterator_types = ["reduction"]}
      ins(%t : tensor<4xf32>) outs(%one : tensor<f32>) {
  ^bb0(%a: f32, %acc: f32):
    %p = arith.subf %acc, %a : f32
    linalg.yield %p : f32
  } -> tensor<f32>
  return %difference : tensor<f32>
}

// -----

// expected-error @+1 {{cannot differentiate 'main': 1 ops on the way have no gradient}}
func.func @main(%x: tensor<f32>) -> tensor<f32> {
  %e = tensor.empty() : tensor<f32>
  // expected-note @+1 {{'linalg.generic' (1 times): 'math.cbrt' in its body has no derivative}}
  %r = linalg.generic {indexing_maps = [affine_map<() -> ()>, affine_map<() -> ()>], iterator_types = []}
      ins(%x : tensor<f32>) outs(%e : tensor<f32>) {
  ^bb0(%a: f32, %o: f32):
    %d = math.cbrt %a : f32
    linalg.yield %d : f32
  } -> tensor<f32>
  return %r : tensor<f32>
}

// -----

// A tensor that a reducing body reads by itself is no operand: its gradient would be lost in silence.
// expected-error @+1 {{cannot differentiate 'main': 1 ops on the way have no gradient}}
func.func @main(%x: tensor<8x4xf32>, %i: tensor<3xi64>) -> tensor<f32> {
  %zero = arith.constant dense<0.0> : tensor<f32>
  // expected-note @+1 {{'linalg.generic' (1 times): it reads a differentiated tensor from inside a body that reduces}}
  %r = linalg.generic {indexing_maps = [affine_map<(n) -> (n)>, affine_map<(n) -> ()>], iterator_types = ["reduction"]}
      ins(%i : tensor<3xi64>) outs(%zero : tensor<f32>) {
  ^bb0(%a: i64, %acc: f32):
    %row = arith.index_cast %a : i64 to index
    %c = arith.constant 0 : index
    %v = tensor.extract %x[%row, %c] : tensor<8x4xf32>
    %s = arith.addf %acc, %v : f32
    linalg.yield %s : f32
  } -> tensor<f32>
  return %r : tensor<f32>
}

// -----

// A convolution's gradient would be written through sums of loops.
// expected-error @+1 {{cannot differentiate 'main': 1 ops on the way have no gradient}}
func.func @main(%x: tensor<10xf32>, %k: tensor<3xf32>) -> tensor<f32> {
  %zeros = arith.constant dense<0.0> : tensor<8xf32>
  %zero = arith.constant dense<0.0> : tensor<f32>
  // expected-note @+1 {{'linalg.conv_1d' (1 times): the operand's map (d0, d1) -> (d0 + d1) reads other than loops, each once}}
  %c = linalg.conv_1d ins(%x, %k : tensor<10xf32>, tensor<3xf32>) outs(%zeros : tensor<8xf32>) -> tensor<8xf32>
  %r = linalg.dot ins(%c, %c : tensor<8xf32>, tensor<8xf32>) outs(%zero : tensor<f32>) -> tensor<f32>
  return %r : tensor<f32>
}

// -----

// A loop that is said to be parallel but adds up is a race; upstream's verifier lets it pass.
// expected-error @+1 {{cannot differentiate 'main': 1 ops on the way have no gradient}}
func.func @main(%x: tensor<4x3xf32>) -> tensor<f32> {
  %zero = arith.constant dense<0.0> : tensor<f32>
  // expected-note @+1 {{loop 0 is parallel, but the result does not depend on it}}
  %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> ()>],
                       iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<4x3xf32>) outs(%zero : tensor<f32>) {
  ^bb0(%a: f32, %acc: f32):
    %s = arith.addf %acc, %a : f32
    linalg.yield %s : f32
  } -> tensor<f32>
  return %r : tensor<f32>
}

// -----

// Every path is cut: the way back would give zeros for everything.
// expected-error @+1 {{no path with a derivative leads from the arguments to result 0 of 'main'}}
func.func @main(%x: tensor<f32>) -> tensor<f32> {
  %ei = tensor.empty() : tensor<i64>
  %e = tensor.empty() : tensor<f32>
  // expected-note @+1 {{'linalg.generic' ends a path: its result has no derivative}}
  %i = linalg.generic {indexing_maps = [affine_map<() -> ()>, affine_map<() -> ()>], iterator_types = []}
      ins(%x : tensor<f32>) outs(%ei : tensor<i64>) {
  ^bb0(%a: f32, %o: i64):
    %n = arith.fptosi %a : f32 to i64
    linalg.yield %n : i64
  } -> tensor<i64>
  %f = linalg.generic {indexing_maps = [affine_map<() -> ()>, affine_map<() -> ()>], iterator_types = []}
      ins(%i : tensor<i64>) outs(%e : tensor<f32>) {
  ^bb0(%a: i64, %o: f32):
    %n = arith.sitofp %a : i64 to f32
    linalg.yield %n : f32
  } -> tensor<f32>
  return %f : tensor<f32>
}

// -----

// expected-error @+1 {{cannot differentiate 'main': 1 ops on the way have no gradient}}
func.func @main(%x: tensor<1x8xf32>) -> tensor<1xf32> {
  // expected-error @+2 {{has no gradient through 'rstd'}}
  // expected-note @+1 {{'nn.rms_norm' (1 times): its own rule refuses it}}
  %out, %rstd = nn.rms_norm %x {eps = 0.0 : f64} : tensor<1x8xf32> -> tensor<1x8xf32>, tensor<1xf32>
  return %rstd : tensor<1xf32>
}
