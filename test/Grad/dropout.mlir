// The gradient of dropout drops the same elements: the same op under the same key, without a mask that is kept.

// RUN: raddle-opt %s --raddle-grad=with-cotangent | FileCheck %s

// CHECK-LABEL: func.func @main_grad(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<4xf32>, %{{[a-z0-9]+}}: tensor<i64>, %[[RANK:[a-z0-9]+]]: tensor<i64>, %[[G:[a-z0-9]+]]: tensor<4xf32>)
// CHECK: %[[KEY:.*]] = nn.random_key
// CHECK: %[[Y:.*]] = nn.dropout %[[X]] key %[[KEY]] rank %[[RANK]] {batch_dim = 0 : i64, p = 5.000000e-01 : f64}
// CHECK: %[[DX:.*]] = nn.dropout %[[G]] key %[[KEY]] rank %[[RANK]] {batch_dim = 0 : i64, p = 5.000000e-01 : f64}
// CHECK: return %[[Y]], %[[DX]]
func.func @main(%x: tensor<4xf32>, %seed: tensor<i64>, %rank: tensor<i64>) -> tensor<4xf32> {
  %key = nn.random_key %seed, %seed {id = 0 : i64}
  %y = nn.dropout %x key %key rank %rank {batch_dim = 0 : i64, p = 0.5 : f64} : tensor<4xf32> -> tensor<4xf32>
  return %y : tensor<4xf32>
}
