// Random numbers: written form, constraints by tag, and what they mean in integer arithmetic.

// RUN: raddle-opt %s --split-input-file --verify-diagnostics --verify-roundtrip | FileCheck %s
// RUN: raddle-opt %s --split-input-file --verify-diagnostics --nn-decompose | FileCheck %s --check-prefix=MEANS

// CHECK-LABEL: @draw
// CHECK: %[[KEY:.*]] = nn.random_key %{{.*}}, %{{.*}} {id = 4294967295 : i64}
// CHECK: nn.random_bits %[[KEY]] : tensor<4xi64>
// CHECK: nn.random_uniform %[[KEY]] rank %{{.*}} {batch_dim = 1 : i64} : tensor<3x4xf64>
// CHECK: nn.random_normal %[[KEY]] : tensor<f16>
// CHECK: nn.dropout %{{.*}} key %[[KEY]] rank %{{.*}} {batch_dim = 0 : i64, p = 2.500000e-01 : f64} : tensor<3x4xf32> -> tensor<3x4xf32>

// MEANS-LABEL: @draw
// MEANS-NOT: nn.
// The key: one counter (call, id, 0) under the seed.
// MEANS: linalg.generic {{.*}}ins(%{{.*}}, %{{.*}} : tensor<i64>, tensor<i64>)
// MEANS: arith.constant -1 : i32
// MEANS-COUNT-20: arith.mului_extended
// MEANS-NOT: arith.mului_extended
// MEANS: linalg.yield
// The batch is the slowest dimension: (rank * 4 + j) * 3 + i.
// MEANS: linalg.generic {{.*}} outs(%{{.*}} : tensor<4xi64>)
// MEANS: linalg.generic {{.*}} outs(%{{.*}} : tensor<3x4xf64>)
// MEANS: arith.muli %{{.*}}, %{{.*}} : i64
// MEANS: linalg.index 1
// MEANS: arith.muli
// MEANS: linalg.index 0
func.func @draw(%seed: tensor<i64>, %call: tensor<i64>, %rank: tensor<i64>, %x: tensor<3x4xf32>)
    -> (tensor<4xi64>, tensor<3x4xf64>, tensor<f16>, tensor<3x4xf32>) {
  %key = nn.random_key %seed, %call {id = 4294967295 : i64}
  %bits = nn.random_bits %key : tensor<4xi64>
  %u = nn.random_uniform %key rank %rank {batch_dim = 1 : i64} : tensor<3x4xf64>
  %z = nn.random_normal %key : tensor<f16>
  %y = nn.dropout %x key %key rank %rank {batch_dim = 0 : i64, p = 0.25 : f64} : tensor<3x4xf32> -> tensor<3x4xf32>
  return %bits, %u, %z, %y : tensor<4xi64>, tensor<3x4xf64>, tensor<f16>, tensor<3x4xf32>
}

// -----

// nn_random_key_c1
func.func @id(%seed: tensor<i64>) {
  // expected-error @+1 {{expects 'id' in [0, 2^32), is -1}}
  %key = nn.random_key %seed, %seed {id = -1 : i64}
  return
}

// -----

// nn_random_c1
func.func @rank_alone(%key: tensor<i64>) {
  // expected-error @+1 {{expects 'rank' and 'batch_dim' together, has only 'rank'}}
  %u = nn.random_uniform %key rank %key : tensor<3xf32>
  return
}

// -----

// nn_random_c1
func.func @dimension_alone(%key: tensor<i64>, %x: tensor<3xf32>) {
  // expected-error @+1 {{expects 'rank' and 'batch_dim' together, has only 'batch_dim'}}
  %y = nn.dropout %x key %key {batch_dim = 0 : i64, p = 0.5 : f64} : tensor<3xf32> -> tensor<3xf32>
  return
}

// -----

// nn_random_c2
func.func @dimension(%key: tensor<i64>) {
  // expected-error @+1 {{expects 'batch_dim' in [0, 1), is 1}}
  %u = nn.random_bits %key rank %key {batch_dim = 1 : i64} : tensor<3xi64>
  return
}

// -----

// nn_random_c2
func.func @negative_dimension(%key: tensor<i64>) {
  // expected-error @+1 {{expects 'batch_dim' in [0, 1), is -1}}
  %u = nn.random_normal %key rank %key {batch_dim = -1 : i64} : tensor<3xf32>
  return
}

// -----

// nn_dropout_c1
func.func @probability(%key: tensor<i64>, %x: tensor<3xf32>) {
  // expected-error @+1 {{expects 'p' in [0, 1), is 1.0}}
  %y = nn.dropout %x key %key {p = 1.0 : f64} : tensor<3xf32> -> tensor<3xf32>
  return
}

// -----

// nn_dropout_c2
func.func @result(%key: tensor<i64>, %x: tensor<3xf32>) {
  // expected-error @+1 {{expects a result of type 'tensor<3xf32>', is 'tensor<3xf64>'}}
  %y = nn.dropout %x key %key {p = 0.5 : f64} : tensor<3xf32> -> tensor<3xf64>
  return
}
