// Batch normalisation in its written form, what it means, and its gradient.

// RUN: raddle-opt %s --verify-roundtrip | raddle-opt | FileCheck %s
// RUN: raddle-opt %s --nn-decompose | FileCheck %s --check-prefix=DECOMPOSED
// RUN: raddle-opt %s --raddle-grad="function=training with-cotangent" | FileCheck %s --check-prefix=GRAD

// DECOMPOSED-DAG: #[[CHANNEL_FIRST:.*]] = affine_map<(d0, d1, d2) -> (d1, d0, d2)>
// DECOMPOSED-DAG: #[[SUM:.*]] = affine_map<(d0, d1, d2) -> (d0)>
// DECOMPOSED-DAG: #[[CHANNEL:.*]] = affine_map<(d0, d1, d2) -> (d1)>

// Mean and variance are sums over batch and plane, the channel outermost.
// CHECK-LABEL: @training
// CHECK: nn.batch_norm %{{.*}} weight %{{.*}} : tensor<3xf32> bias %{{.*}} : tensor<3xf32> running %{{.*}}, %{{.*}} : tensor<3xf32>, tensor<3xf32> {eps = 1.000000e-05 : f64, training} : tensor<2x3x4x5xf32> -> tensor<2x3x4x5xf32>, tensor<3xf32>, tensor<3xf32>
// DECOMPOSED-LABEL: @training
// DECOMPOSED: linalg.generic {indexing_maps = [#[[CHANNEL_FIRST]], #[[SUM]]], iterator_types = ["parallel", "reduction", "reduction"]}
// DECOMPOSED: arith.constant 4.000000e+01 : f32
// DECOMPOSED: linalg.generic {indexing_maps = [#[[CHANNEL_FIRST]], #[[SUM]], #[[SUM]]], iterator_types = ["parallel", "reduction", "reduction"]}
// DECOMPOSED: math.rsqrt
// The running statistics have no part in it.
// GRAD-LABEL: func.func @training_grad
// GRAD: %{{.*}}, %[[MEAN:.*]], %[[VARIANCE:.*]] = nn.batch_norm
// GRAD: %[[DX:.*]], %[[DW:.*]], %[[DB:.*]] = nn.batch_norm_grad %{{.*}} weight %{{.*}} : tensor<3xf32> stats %[[MEAN]], %[[VARIANCE]] grad %{{.*}} {eps = 1.000000e-05 : f64, training}
// GRAD: %[[ZERO:.*]] = linalg.fill
// GRAD: return %{{.*}}, %[[DX]], %[[DW]], %[[DB]]
func.func @training(%x: tensor<2x3x4x5xf32>, %w: tensor<3xf32>, %b: tensor<3xf32>, %m: tensor<3xf32>, %v: tensor<3xf32>)
    -> tensor<2x3x4x5xf32> {
  %out, %mean, %variance = nn.batch_norm %x weight %w : tensor<3xf32> bias %b : tensor<3xf32>
    running %m, %v : tensor<3xf32>, tensor<3xf32> {eps = 1.0e-5 : f64, training}
    : tensor<2x3x4x5xf32> -> tensor<2x3x4x5xf32>, tensor<3xf32>, tensor<3xf32>
  return %out : tensor<2x3x4x5xf32>
}

// With running statistics nothing is summed.
// DECOMPOSED-LABEL: @evaluation
// DECOMPOSED-NOT: reduction
// DECOMPOSED: linalg.generic {indexing_maps = [#{{.*}}, #[[CHANNEL]], #[[CHANNEL]], #{{.*}}], iterator_types = ["parallel", "parallel", "parallel"]}
// DECOMPOSED-NOT: reduction
// DECOMPOSED: return
func.func @evaluation(%x: tensor<2x3x4x5xf32>, %m: tensor<3xf32>, %v: tensor<3xf32>) -> tensor<2x3x4x5xf32> {
  %out, %mean, %variance = nn.batch_norm %x running %m, %v : tensor<3xf32>, tensor<3xf32> {eps = 1.0e-5 : f64}
    : tensor<2x3x4x5xf32> -> tensor<2x3x4x5xf32>, tensor<3xf32>, tensor<3xf32>
  return %out : tensor<2x3x4x5xf32>
}

// CHECK-LABEL: @gradient
// CHECK: nn.batch_norm_grad %{{.*}} stats %{{.*}}, %{{.*}} grad %{{.*}} {eps = 1.000000e-05 : f64} : tensor<2x3xf32>
// DECOMPOSED-LABEL: @gradient
// DECOMPOSED-COUNT-2: linalg.generic {{.*}}iterator_types = ["parallel", "reduction", "reduction"]}
// DECOMPOSED-NOT: nn.
func.func @gradient(%x: tensor<2x3xf32>, %m: tensor<3xf32>, %v: tensor<3xf32>, %g: tensor<2x3xf32>)
    -> (tensor<2x3xf32>, tensor<3xf32>, tensor<3xf32>) {
  %dx, %dw, %db = nn.batch_norm_grad %x stats %m, %v grad %g {eps = 1.0e-5 : f64}
    : tensor<2x3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<2x3xf32> -> tensor<2x3xf32>, tensor<3xf32>, tensor<3xf32>
  return %dx, %dw, %db : tensor<2x3xf32>, tensor<3xf32>, tensor<3xf32>
}
