// Constraints of convolutions and pooling, each by its tag.

// RUN: raddle-opt %s --split-input-file --verify-diagnostics

// nn_conv_c1
func.func @f(%x: tensor<2x3xf32>, %w: tensor<4x3xf32>) {
  // expected-error @+1 {{expects tensors of one rank of at least 3, has 'tensor<2x3xf32>', 'tensor<4x3xf32>' and 'tensor<2x4xf32>'}}
  %o = nn.conv %x, %w {stride = array<i64: 1, 1>, padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64} : tensor<2x3xf32>, tensor<4x3xf32> -> tensor<2x4xf32>
  return
}

// -----

// nn_conv_c1
func.func @f(%x: tensor<2x3x8x8xf32>, %w: tensor<4x3x3x3xf64>) {
  // expected-error @+1 {{expects operands of one element type, has 'f32' and 'f64'}}
  %o = nn.conv %x, %w {stride = array<i64: 1, 1>, padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64} : tensor<2x3x8x8xf32>, tensor<4x3x3x3xf64> -> tensor<2x4x6x6xf32>
  return
}

// -----

// nn_conv_c2
func.func @f(%x: tensor<2x3x8x8xf32>, %w: tensor<4x3x3x3xf32>) {
  // expected-error @+1 {{expects 'stride' with 2 numbers from 1 on, is [1, 0]}}
  %o = nn.conv %x, %w {stride = array<i64: 1, 0>, padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64} : tensor<2x3x8x8xf32>, tensor<4x3x3x3xf32> -> tensor<2x4x6x6xf32>
  return
}

// -----

// nn_conv_c2
func.func @f(%x: tensor<2x3x8x8xf32>, %w: tensor<4x3x3x3xf32>) {
  // expected-error @+1 {{expects windows that end within 64 bits in spatial dimension 1}}
  %o = nn.conv %x, %w {stride = array<i64: 1, 9223372036854775807>, padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64} : tensor<2x3x8x8xf32>, tensor<4x3x3x3xf32> -> tensor<2x4x6x6xf32>
  return
}

// -----

// nn_conv_c3
func.func @f(%x: tensor<2x3x8x8xf32>, %w: tensor<4x3x3x3xf32>) {
  // expected-error @+1 {{expects 'groups' that divides 3 and 4 channels, is 2}}
  %o = nn.conv %x, %w {stride = array<i64: 1, 1>, padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 2 : i64} : tensor<2x3x8x8xf32>, tensor<4x3x3x3xf32> -> tensor<2x4x6x6xf32>
  return
}

// -----

// nn_conv_c3
func.func @f(%x: tensor<2x3x8x8xf32>, %w: tensor<4x2x3x3xf32>) {
  // expected-error @+1 {{expects 'weight' with 4 and 3 channels, is 'tensor<4x2x3x3xf32>'}}
  %o = nn.conv %x, %w {stride = array<i64: 1, 1>, padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64} : tensor<2x3x8x8xf32>, tensor<4x2x3x3xf32> -> tensor<2x4x6x6xf32>
  return
}

// -----

// nn_conv_c3
func.func @f(%x: tensor<2x3x8x8xf32>, %w: tensor<4x3x3x3xf32>) {
  // expected-error @+1 {{expects batches of one size, has 'tensor<2x3x8x8xf32>' and 'tensor<3x4x6x6xf32>'}}
  %o = nn.conv %x, %w {stride = array<i64: 1, 1>, padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64} : tensor<2x3x8x8xf32>, tensor<4x3x3x3xf32> -> tensor<3x4x6x6xf32>
  return
}

// -----

// nn_conv_transpose_c1
func.func @f(%x: tensor<2x4x6x6xf32>, %w: tensor<4x3x3x3xf32>) {
  // expected-error @+1 {{expects tensors of one rank of at least 3}}
  %o = nn.conv_transpose %x, %w {stride = array<i64: 1, 1>, padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64} : tensor<2x4x6x6xf32>, tensor<4x3x3x3xf32> -> tensor<2x3x8xf32>
  return
}

// -----

// nn_conv_transpose_c2
func.func @f(%x: tensor<2x4x6x6xf32>, %w: tensor<4x3x3x3xf32>) {
  // expected-error @+1 {{expects 'padding' with 2 numbers from 0 on, is [0, -1]}}
  %o = nn.conv_transpose %x, %w {stride = array<i64: 1, 1>, padding = array<i64: 0, -1>, dilation = array<i64: 1, 1>, groups = 1 : i64} : tensor<2x4x6x6xf32>, tensor<4x3x3x3xf32> -> tensor<2x3x8x8xf32>
  return
}

// -----

// nn_conv_transpose_c3
func.func @f(%x: tensor<2x4x6x6xf32>, %w: tensor<5x3x3x3xf32>) {
  // expected-error @+1 {{expects 'weight' with 4 and 3 channels, is 'tensor<5x3x3x3xf32>'}}
  %o = nn.conv_transpose %x, %w {stride = array<i64: 1, 1>, padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64} : tensor<2x4x6x6xf32>, tensor<5x3x3x3xf32> -> tensor<2x3x8x8xf32>
  return
}

// -----

// nn_conv_weight_grad_c1
func.func @f(%x: tensor<2x3x8x8xf32>, %g: tensor<2x4x6xf32>) {
  // expected-error @+1 {{expects tensors of one rank of at least 3}}
  %o = nn.conv_weight_grad %x, %g {stride = array<i64: 1, 1>, padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64} : tensor<2x3x8x8xf32>, tensor<2x4x6xf32> -> tensor<4x3x3x3xf32>
  return
}

// -----

// nn_conv_weight_grad_c2
func.func @f(%x: tensor<2x3x8x8xf32>, %g: tensor<2x4x6x6xf32>) {
  // expected-error @+1 {{expects 'kernel' with 2 numbers from 1 on, is [0, 3]}}
  %o = nn.conv_weight_grad %x, %g {stride = array<i64: 1, 1>, padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64} : tensor<2x3x8x8xf32>, tensor<2x4x6x6xf32> -> tensor<4x3x0x3xf32>
  return
}

// -----

// nn_conv_weight_grad_c3
func.func @f(%x: tensor<2x3x8x8xf32>, %g: tensor<2x4x6x6xf32>) {
  // expected-error @+1 {{expects 'weight' with 4 and 3 channels, is 'tensor<4x1x3x3xf32>'}}
  %o = nn.conv_weight_grad %x, %g {stride = array<i64: 1, 1>, padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64} : tensor<2x3x8x8xf32>, tensor<2x4x6x6xf32> -> tensor<4x1x3x3xf32>
  return
}

// -----

// nn_unfold_c1
func.func @f(%x: tensor<2x3x8x8xf32>) {
  // expected-error @+1 {{expects a tensor [N, C, in...] and its windows [N, C, k..., p...], has 'tensor<2x3x8x8xf32>' and 'tensor<2x3x3x3x6xf32>'}}
  %o = nn.unfold %x {stride = array<i64: 1, 1>, padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>} : tensor<2x3x8x8xf32> -> tensor<2x3x3x3x6xf32>
  return
}

// -----

// nn_unfold_c2
func.func @f(%x: tensor<2x3x8x8xf32>) {
  // expected-error @+1 {{expects 'dilation' with 2 numbers from 1 on, is [1]}}
  %o = nn.unfold %x {stride = array<i64: 1, 1>, padding = array<i64: 0, 0>, dilation = array<i64: 1>} : tensor<2x3x8x8xf32> -> tensor<2x3x3x3x6x6xf32>
  return
}

// -----

// nn_fold_c1
func.func @f(%x: tensor<2x3x3x3x6x6xf32>) {
  // expected-error @+1 {{expects a tensor [N, C, in...] and its windows [N, C, k..., p...]}}
  %o = nn.fold %x {stride = array<i64: 1, 1>, padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>} : tensor<2x3x3x3x6x6xf32> -> tensor<2x4x8x8xf32>
  return
}

// -----

// nn_fold_c2
func.func @f(%x: tensor<2x3x3x3x6x6xf32>) {
  // expected-error @+1 {{expects 'stride' with 2 numbers from 1 on, is [-1, 1]}}
  %o = nn.fold %x {stride = array<i64: -1, 1>, padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>} : tensor<2x3x3x3x6x6xf32> -> tensor<2x3x8x8xf32>
  return
}

// -----

// nn_max_pool_c1
func.func @f(%x: tensor<2x3x8x8xf32>) {
  // expected-error @+1 {{expects tensors [N, C, in...] and [N, C, p...], has 'tensor<2x3x8x8xf32>' and 'tensor<2x4x6x6xf32>'}}
  %o, %i = nn.max_pool %x {kernel = array<i64: 3, 3>, stride = array<i64: 1, 1>, padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>} : tensor<2x3x8x8xf32> -> tensor<2x4x6x6xf32>, tensor<2x3x6x6xi64>
  return
}

// -----

// nn_max_pool_c2
func.func @f(%x: tensor<2x3x8x8xf32>) {
  // expected-error @+1 {{expects 'kernel' with 2 numbers from 1 on, is [3, 3, 3]}}
  %o, %i = nn.max_pool %x {kernel = array<i64: 3, 3, 3>, stride = array<i64: 1, 1>, padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>} : tensor<2x3x8x8xf32> -> tensor<2x3x6x6xf32>, tensor<2x3x6x6xi64>
  return
}

// -----

// nn_sum_pool_c1
func.func @f(%x: tensor<2x3x8x8xf32>) {
  // expected-error @+1 {{expects tensors [N, C, in...] and [N, C, p...], has 'tensor<2x3x8x8xf32>' and 'tensor<2x4x6x6xf32>'}}
  %o = nn.sum_pool %x {kernel = array<i64: 3, 3>, stride = array<i64: 1, 1>, padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>} : tensor<2x3x8x8xf32> -> tensor<2x4x6x6xf32>
  return
}

// -----

// nn_sum_pool_c2
func.func @f(%x: tensor<2x3x8x8xf32>) {
  // expected-error @+1 {{expects 'kernel' with 2 numbers from 1 on, is [3, 3, 3]}}
  %o = nn.sum_pool %x {kernel = array<i64: 3, 3, 3>, stride = array<i64: 1, 1>, padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>} : tensor<2x3x8x8xf32> -> tensor<2x3x6x6xf32>
  return
}

// -----

// nn_max_pool_c1
func.func @f(%x: tensor<2x3x8x8xf32>) {
  // expected-error @+1 {{expects 'indices' of the shape of 'out', is 'tensor<2x3x6x5xi64>'}}
  %o, %i = nn.max_pool %x {kernel = array<i64: 3, 3>, stride = array<i64: 1, 1>, padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>} : tensor<2x3x8x8xf32> -> tensor<2x3x6x6xf32>, tensor<2x3x6x5xi64>
  return
}

// -----

// nn_max_pool_grad_c1
func.func @f(%g: tensor<2x3x6x6xf32>, %i: tensor<2x3x6x6xi64>) {
  // expected-error @+1 {{expects 'out_grad' of element type 'f64', is 'tensor<2x3x6x6xf32>'}}
  %o = nn.max_pool_grad %g, %i {kernel = array<i64: 3, 3>, stride = array<i64: 1, 1>, padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>} : tensor<2x3x6x6xf32>, tensor<2x3x6x6xi64> -> tensor<2x3x8x8xf64>
  return
}

// -----

// nn_max_pool_grad_c2
func.func @f(%g: tensor<2x3x6x6xf32>, %i: tensor<2x3x6x6xi64>) {
  // expected-error @+1 {{expects 'kernel' with 2 numbers from 1 on, is [3, 0]}}
  %o = nn.max_pool_grad %g, %i {kernel = array<i64: 3, 0>, stride = array<i64: 1, 1>, padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>} : tensor<2x3x6x6xf32>, tensor<2x3x6x6xi64> -> tensor<2x3x8x8xf32>
  return
}

// -----

// nn_sum_pool_grad_c1
func.func @f(%g: tensor<2x3x6x6xf32>) {
  // expected-error @+1 {{expects tensors [N, C, in...] and [N, C, p...]}}
  %o = nn.sum_pool_grad %g {kernel = array<i64: 3, 3>, stride = array<i64: 1, 1>, padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>} : tensor<2x3x6x6xf32> -> tensor<2x3x8xf32>
  return
}

// -----

// nn_sum_pool_grad_c2
func.func @f(%g: tensor<2x3x6x6xf32>) {
  // expected-error @+1 {{expects 'padding' with 2 numbers from 0 on, is [-2, 0]}}
  %o = nn.sum_pool_grad %g {kernel = array<i64: 3, 3>, stride = array<i64: 1, 1>, padding = array<i64: -2, 0>, dilation = array<i64: 1, 1>} : tensor<2x3x6x6xf32> -> tensor<2x3x8x8xf32>
  return
}

// -----

// nn_sum_pool_c2
func.func @f(%x: tensor<2x3x8x8xf32>) {
  // expected-error @+1 {{expects windows of at most 16777216 positions in a dimension, has 4611686018427387904}}
  %sum = nn.sum_pool %x {kernel = array<i64: 3, 4611686018427387904>, stride = array<i64: 2, 2>, padding = array<i64: 1, 1>, dilation = array<i64: 1, 1>}
    : tensor<2x3x8x8xf32> -> tensor<2x3x4x4xf32>
  return
}
