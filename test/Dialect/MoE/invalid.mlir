// Constraints of the moe dialect, each by its tag.

// RUN: raddle-opt %s --split-input-file --verify-diagnostics

// moe_grouped_matmul_c1
func.func @grouped_matmul_c1(%x: tensor<6x3xf32>, %w: tensor<3x5xf32>, %e: tensor<2xi64>) {
  // expected-error @+1 {{expects 'rhs' of rank 3, is 'tensor<3x5xf32>'}}
  %y = moe.grouped_matmul %x, %w at %e : tensor<6x3xf32>, tensor<3x5xf32>, tensor<2xi64> -> tensor<6x5xf32>
  return
}

// -----

// moe_grouped_matmul_c2
func.func @grouped_matmul_c2(%x: tensor<6x3xf32>, %w: tensor<2x3x5xf32>, %e: tensor<2xi64>) {
  // expected-error @+1 {{expects 'rhs' of type 'tensor<2x3x3xf32>', is 'tensor<2x3x5xf32>'}}
  %y = moe.grouped_matmul %x, %w at %e {transposed} : tensor<6x3xf32>, tensor<2x3x5xf32>, tensor<2xi64> -> tensor<6x5xf32>
  return
}

// -----

// moe_grouped_matmul_c3
func.func @grouped_matmul_c3(%x: tensor<6x3xf32>, %w: tensor<2x3x5xf32>, %e: tensor<3xi64>) {
  // expected-error @+1 {{expects 'offsets' of type 'tensor<2xi64>', is 'tensor<3xi64>'}}
  %y = moe.grouped_matmul %x, %w at %e : tensor<6x3xf32>, tensor<2x3x5xf32>, tensor<3xi64> -> tensor<6x5xf32>
  return
}

// -----

// moe_grouped_matmul_c4
func.func @grouped_matmul_c4(%x: tensor<6x3xf32>, %w: tensor<2x3x5xf32>, %e: tensor<2xi64>) {
  // expected-error @+1 {{expects 'out' of type 'tensor<6x5xf32>', is 'tensor<6x3xf32>'}}
  %y = moe.grouped_matmul %x, %w at %e : tensor<6x3xf32>, tensor<2x3x5xf32>, tensor<2xi64> -> tensor<6x3xf32>
  return
}

// -----

// moe_grouped_outer_c1
func.func @grouped_outer_c1(%x: tensor<6x3xf32>, %y: tensor<7x5xf32>, %e: tensor<2xi64>) {
  // expected-error @+1 {{expects 'rhs' of type 'tensor<6x5xf32>', is 'tensor<7x5xf32>'}}
  %w = moe.grouped_outer %x, %y at %e : tensor<6x3xf32>, tensor<7x5xf32>, tensor<2xi64> -> tensor<2x3x5xf32>
  return
}

// -----

// moe_grouped_outer_c2
func.func @grouped_outer_c2(%x: tensor<6x3xf32>, %y: tensor<6x5xf32>, %e: tensor<0xi64>) {
  // expected-error @+1 {{expects 'offsets' of at least one group, is 'tensor<0xi64>'}}
  %w = moe.grouped_outer %x, %y at %e : tensor<6x3xf32>, tensor<6x5xf32>, tensor<0xi64> -> tensor<0x3x5xf32>
  return
}

// -----

// moe_grouped_outer_c3
func.func @grouped_outer_c3(%x: tensor<6x3xf32>, %y: tensor<6x5xf32>, %e: tensor<2xi64>) {
  // expected-error @+1 {{expects 'out' of type 'tensor<2x3x5xf32>', is 'tensor<2x5x3xf32>'}}
  %w = moe.grouped_outer %x, %y at %e : tensor<6x3xf32>, tensor<6x5xf32>, tensor<2xi64> -> tensor<2x5x3xf32>
  return
}
