// Constraints of the ops that read, write and order by index, each by its tag.

// RUN: raddle-opt %s --split-input-file --verify-diagnostics

// nn_checked_index_c1
func.func @checked_index_c1(%i: tensor<3xi32>) {
  // expected-error @+1 {{expects 'size' to be positive, is 0}}
  %r = nn.checked_index %i in 0 for "row" : tensor<3xi32> -> tensor<3xi64>
  return
}

// -----

// nn_checked_index_c2
func.func @checked_index_c2(%i: tensor<3xi32>) {
  // expected-error @+1 {{expects 'out' of type 'tensor<3xi64>', is 'tensor<4xi64>'}}
  %r = nn.checked_index %i in 4 for "row" : tensor<3xi32> -> tensor<4xi64>
  return
}

// -----

// nn_gather_rows_c1
func.func @gather_rows_c1(%t: tensor<0x4xf32>, %i: tensor<3xi64>) {
  // expected-error @+1 {{expects 'table' to have rows, is 'tensor<0x4xf32>'}}
  %r = nn.gather_rows %t at %i : tensor<0x4xf32>, tensor<3xi64> -> tensor<3x4xf32>
  return
}

// -----

// nn_gather_rows_c2
func.func @gather_rows_c2(%t: tensor<5x4xf32>, %i: tensor<3xi64>) {
  // expected-error @+1 {{expects 'out' of type 'tensor<3x4xf32>', is 'tensor<3x5xf32>'}}
  %r = nn.gather_rows %t at %i : tensor<5x4xf32>, tensor<3xi64> -> tensor<3x5xf32>
  return
}

// -----

// nn_scatter_rows_c1
func.func @scatter_rows_c1(%t: tensor<5xf32>, %u: tensor<3xf32>, %i: tensor<3xi64>) {
  // expected-error @+1 {{expects 'target' of rank 2, is 'tensor<5xf32>'}}
  %r = nn.scatter_rows add %u into %t at %i : tensor<3xf32>, tensor<5xf32>, tensor<3xi64>
  return
}

// -----

// nn_scatter_rows_c2
func.func @scatter_rows_c2(%t: tensor<5x4xf32>, %u: tensor<3x1x4xf32>, %i: tensor<3x1xi64>) {
  // expected-error @+1 {{expects 'indices' of rank 1, is 'tensor<3x1xi64>'}}
  %r = nn.scatter_rows add %u into %t at %i : tensor<3x1x4xf32>, tensor<5x4xf32>, tensor<3x1xi64>
  return
}

// -----

// nn_scatter_rows_c3
func.func @scatter_rows_c3(%t: tensor<5x4xf32>, %u: tensor<3x4xf64>, %i: tensor<3xi64>) {
  // expected-error @+1 {{expects 'updates' of type 'tensor<3x4xf32>', is 'tensor<3x4xf64>'}}
  %r = nn.scatter_rows add %u into %t at %i : tensor<3x4xf64>, tensor<5x4xf32>, tensor<3xi64>
  return
}

// -----

// nn_argsort_c1
func.func @argsort_c1(%x: tensor<f32>) {
  // expected-error @+1 {{expects 'input' with at least one dimension, is 'tensor<f32>'}}
  %r = nn.argsort %x : tensor<f32> -> tensor<i64>
  return
}

// -----

// nn_argsort_c2
func.func @argsort_c2(%x: tensor<3xf32>) {
  // expected-error @+1 {{expects 'indices' of type 'tensor<3xi64>', is 'tensor<2xi64>'}}
  %r = nn.argsort %x : tensor<3xf32> -> tensor<2xi64>
  return
}

// -----

// nn_topk_c1
func.func @topk_c1(%x: tensor<f32>) {
  // expected-error @+1 {{expects 'input' with at least one dimension, is 'tensor<f32>'}}
  %r = nn.topk %x : tensor<f32> -> tensor<1xi64>
  return
}

// -----

// nn_topk_c2
func.func @topk_c2(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{expects from 1 to 3 elements of each row, is 4}}
  %r = nn.topk %x : tensor<2x3xf32> -> tensor<2x4xi64>
  return
}
