// Every op of the dialect in its written form.

// RUN: raddle-opt %s --verify-roundtrip | raddle-opt | FileCheck %s

// CHECK-LABEL: @attention
func.func @attention(%q: tensor<2x8x16x64xf32>, %k: tensor<2x2x12x64xf32>, %v: tensor<2x2x12x32xf32>,
                     %mask: tensor<2x1x1x12xi1>, %bias: tensor<1x8x16x12xf32>, %grad: tensor<2x8x16x32xf32>) {
  // CHECK: %[[OUT:.*]], %[[LSE:.*]] = nn.attention %{{.*}}, %{{.*}}, %{{.*}} {scale = 1.250000e-01 : f64}
  %out, %lse = nn.attention %q, %k, %v {scale = 1.250000e-01 : f64}
    : tensor<2x8x16x64xf32>, tensor<2x2x12x64xf32>, tensor<2x2x12x32xf32>
    -> tensor<2x8x16x32xf32>, tensor<2x8x16xf32>
  // CHECK: nn.attention {{.*}} mask %{{.*}} {causal, scale = 1.000000e+00 : f64}
  %out1, %lse1 = nn.attention %q, %k, %v mask %mask {causal, scale = 1.0 : f64}
    : tensor<2x8x16x64xf32>, tensor<2x2x12x64xf32>, tensor<2x2x12x32xf32> mask tensor<2x1x1x12xi1>
    -> tensor<2x8x16x32xf32>, tensor<2x8x16xf32>
  // CHECK: nn.attention {{.*}} mask %{{.*}} tensor<1x8x16x12xf32>
  %out2, %lse2 = nn.attention %q, %k, %v mask %bias {scale = 1.0 : f64}
    : tensor<2x8x16x64xf32>, tensor<2x2x12x64xf32>, tensor<2x2x12x32xf32> mask tensor<1x8x16x12xf32>
    -> tensor<2x8x16x32xf32>, tensor<2x8x16xf32>
  // CHECK: nn.attention_grad {{.*}} out %[[OUT]], %[[LSE]] grad %{{.*}} {scale = 1.250000e-01 : f64}
  %dq, %dk, %dv = "nn.attention_grad"(%q, %k, %v, %out, %lse, %grad) {scale = 1.250000e-01 : f64}
    : (tensor<2x8x16x64xf32>, tensor<2x2x12x64xf32>, tensor<2x2x12x32xf32>, tensor<2x8x16x32xf32>, tensor<2x8x16xf32>,
       tensor<2x8x16x32xf32>) -> (tensor<2x8x16x64xf32>, tensor<2x2x12x64xf32>, tensor<2x2x12x32xf32>)
  // CHECK: nn.attention_grad {{.*}} mask %{{.*}} out {{.*}} grad {{.*}} {causal
  %dq1, %dk1, %dv1 = "nn.attention_grad"(%q, %k, %v, %mask, %out1, %lse1, %grad) {causal, scale = 1.0 : f64}
    : (tensor<2x8x16x64xf32>, tensor<2x2x12x64xf32>, tensor<2x2x12x32xf32>, tensor<2x1x1x12xi1>,
       tensor<2x8x16x32xf32>, tensor<2x8x16xf32>, tensor<2x8x16x32xf32>)
    -> (tensor<2x8x16x64xf32>, tensor<2x2x12x64xf32>, tensor<2x2x12x32xf32>)
  return
}

// CHECK-LABEL: @norms
func.func @norms(%x: tensor<3x4x8xf32>, %w: tensor<8xf32>, %b: tensor<8xf32>, %g: tensor<3x4x8xf32>) {
  // CHECK: %[[OUT:.*]], %[[MEAN:.*]], %[[RSTD:.*]] = nn.layer_norm %{{.*}} weight %{{.*}} bias %{{.*}} {eps = 1.000000e-05 : f64}
  %out, %mean, %rstd = nn.layer_norm %x weight %w bias %b {eps = 1.0e-5 : f64}
    : tensor<3x4x8xf32>, tensor<8xf32> bias tensor<8xf32>
    -> tensor<3x4x8xf32>, tensor<3x4xf32>, tensor<3x4xf32>
  // CHECK: nn.layer_norm %{{[a-z0-9]*}} bias %{{.*}} : tensor<3x4x8xf32> bias tensor<8xf32>
  %out1, %mean1, %rstd1 = nn.layer_norm %x bias %b {eps = 1.0e-5 : f64}
    : tensor<3x4x8xf32> bias tensor<8xf32> -> tensor<3x4x8xf32>, tensor<3x4xf32>, tensor<3x4xf32>
  // CHECK: nn.layer_norm %{{[a-z0-9]*}} {eps
  %out2, %mean2, %rstd2 = nn.layer_norm %x {eps = 0.0 : f64}
    : tensor<3x4x8xf32> -> tensor<3x4x8xf32>, tensor<3x4xf32>, tensor<3x4xf32>
  // CHECK: nn.layer_norm_grad %{{.*}} weight %{{.*}} stats %[[MEAN]], %[[RSTD]] grad
  %dx = nn.layer_norm_grad %x weight %w stats %mean, %rstd grad %g
    : tensor<3x4x8xf32>, tensor<8xf32> stats tensor<3x4xf32>, tensor<3x4xf32> grad tensor<3x4x8xf32>
    -> tensor<3x4x8xf32>
  // CHECK: %{{.*}}, %[[SCALE:.*]] = nn.rms_norm %{{.*}} weight
  %out3, %rstd3 = nn.rms_norm %x weight %w {eps = 1.0e-6 : f64}
    : tensor<3x4x8xf32>, tensor<8xf32> -> tensor<3x4x8xf32>, tensor<3x4xf32>
  // CHECK: nn.rms_norm %{{[a-z0-9]*}} {eps
  %out4, %rstd4 = nn.rms_norm %x {eps = 1.0e-6 : f64} : tensor<3x4x8xf32> -> tensor<3x4x8xf32>, tensor<3x4xf32>
  // CHECK: nn.rms_norm_grad %{{.*}} weight %{{.*}} stats %[[SCALE]] grad
  %dx1 = nn.rms_norm_grad %x weight %w stats %rstd3 grad %g
    : tensor<3x4x8xf32>, tensor<8xf32> stats tensor<3x4xf32> grad tensor<3x4x8xf32> -> tensor<3x4x8xf32>
  return
}

// CHECK-LABEL: @losses
func.func @losses(%table: tensor<10x4xf32>, %ids: tensor<2x3xi64>, %rows: tensor<2x3x4xf32>, %logits: tensor<6x10xf32>,
                  %labels: tensor<6xi32>, %grad: tensor<f32>) {
  // CHECK: nn.embedding %{{.*}}, %{{.*}} {padding_index = 0 : i64}
  %e = nn.embedding %table, %ids {padding_index = 0 : i64} : tensor<10x4xf32>, tensor<2x3xi64> -> tensor<2x3x4xf32>
  // CHECK: nn.embedding_grad %{{.*}}, %{{.*}} : tensor<2x3x4xf32>
  %de = nn.embedding_grad %rows, %ids : tensor<2x3x4xf32>, tensor<2x3xi64> -> tensor<10x4xf32>
  // CHECK: %{{.*}}, %{{.*}}, %[[LSE:.*]] = nn.cross_entropy {{.*}} {ignore_index = -100 : i64}
  %sum, %count, %lse = nn.cross_entropy %logits, %labels {ignore_index = -100 : i64}
    : tensor<6x10xf32>, tensor<6xi32> -> tensor<f32>, tensor<f32>, tensor<6xf32>
  // CHECK: nn.rank_mean %{{.*}} : tensor<f32> -> tensor<f32>
  %mean_count = nn.rank_mean %count : tensor<f32> -> tensor<f32>
  // CHECK: nn.cross_entropy_grad {{.*}} stats %[[LSE]] grad
  %dl = nn.cross_entropy_grad %logits, %labels stats %lse grad %grad {ignore_index = -100 : i64}
    : tensor<6x10xf32>, tensor<6xi32>, tensor<6xf32>, tensor<f32> -> tensor<6x10xf32>
  return
}

// CHECK-LABEL: @optimizers
func.func @optimizers(%p: tensor<4x3xf32>, %g: tensor<4x3xf32>, %m: tensor<4x3xf32>, %v: tensor<4x3xf32>,
                      %lr: tensor<f32>, %step: tensor<i64>, %other: tensor<7xf32>) {
  // CHECK: %[[NORM:.*]] = nn.squared_norm %{{.*}}, %{{.*}} : tensor<4x3xf32>, tensor<7xf32> -> tensor<f32>
  %norm = nn.squared_norm %g, %other : tensor<4x3xf32>, tensor<7xf32> -> tensor<f32>
  // CHECK: nn.adamw %{{.*}} grad %{{.*}} state %{{.*}}, %{{.*}} lr %{{.*}} step
  %p1, %m1, %v1 = nn.adamw %p grad %g state %m, %v lr %lr step %step
    {beta1 = 0.9 : f64, beta2 = 0.999 : f64, eps = 1.0e-8 : f64, weight_decay = 0.0 : f64}
    : tensor<4x3xf32>, tensor<f32>, tensor<i64>
  // CHECK: nn.adamw %{{.*}} grad %{{.*}} scale %[[NORM]] : tensor<f32> state
  %p2, %m2, %v2 = nn.adamw %p grad %g scale %norm : tensor<f32> state %m, %v lr %lr step %step
    {beta1 = 0.9 : f64, beta2 = 0.999 : f64, eps = 1.0e-8 : f64, weight_decay = 0.1 : f64}
    : tensor<4x3xf32>, tensor<f32>, tensor<i64>
  // CHECK: nn.sgd %{{.*}} grad %{{.*}} state %{{.*}} lr
  %p3, %m3 = nn.sgd %p grad %g state %m lr %lr {momentum = 0.9 : f64, weight_decay = 0.0 : f64}
    : tensor<4x3xf32>, tensor<f32>
  // CHECK: nn.sgd %{{.*}} grad %{{.*}} scale %[[NORM]] : tensor<f32> state
  %p4, %m4 = nn.sgd %p grad %g scale %norm : tensor<f32> state %m lr %lr {momentum = 0.0 : f64, weight_decay = 0.1 : f64}
    : tensor<4x3xf32>, tensor<f32>
  return
}
