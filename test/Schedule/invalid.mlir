// RUN: raddle-opt %s --verify-diagnostics --schedule-assign --split-input-file

// expected-error @+1 {{result 0 replaces state 't', of which there is no argument of type 'tensor<4xf32>'}}
func.func @no_state(%s: tensor<4xf32> {ragged.state = "s"}) -> (tensor<4xf32> {ragged.alias = "t"}) {
  return %s : tensor<4xf32>
}

// -----

func.func private @kernel(%x: tensor<4xf32>) -> tensor<8xf32> attributes {exec.kernel} {
  %e = tensor.empty() : tensor<8xf32>
  return %e : tensor<8xf32>
}
// expected-error @+1 {{result 0 replaces state 's', of which there is no argument of type 'tensor<8xf32>'}}
func.func @other_type(%s: tensor<4xf32> {ragged.state = "s"}) -> (tensor<8xf32> {ragged.alias = "s"}) {
  %0 = exec.dispatch @kernel ins(%s : tensor<4xf32>) -> tensor<8xf32>
  return %0 : tensor<8xf32>
}
