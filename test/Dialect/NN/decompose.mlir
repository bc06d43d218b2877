// nn-decompose: what every op of the dialect means in linalg, tensor, arith and math.

// RUN: raddle-opt %s --nn-decompose | FileCheck %s
// RUN: raddle-opt %s --nn-decompose --mlir-print-op-generic | FileCheck %s --check-prefix=LEFT
// LEFT-NOT: "nn.

// CHECK-DAG: #[[FULL:.*]] = affine_map<(d0, d1) -> (d0, d1)>
// CHECK-DAG: #[[ROW:.*]] = affine_map<(d0, d1) -> (d0)>
// CHECK-DAG: #[[COLUMN:.*]] = affine_map<(d0, d1) -> (d1)>

// Scores, their row maximum, the sum of exponentials, lse, probabilities, and the product with the values. Eight query heads
// read two key heads: the query is seen as [B, G, R, S, D].
// CHECK-LABEL: @attention
// CHECK: %[[Q:.*]] = tensor.expand_shape %{{.*}} {{\[}}[0], [1, 2], [3], [4]] output_shape [2, 2, 4, 16, 64]
// CHECK: %[[SCORES:.*]] = linalg.generic {{.*}} "reduction"]{{.*}} ins(%[[Q]], %{{.*}} : tensor<2x2x4x16x64xf32>, tensor<2x2x12x64xf32>)
// CHECK: arith.constant -3.40282347E+38 : f32
// CHECK: arith.maximumf
// CHECK: math.exp
// CHECK: %[[INFINITY:.*]] = arith.constant 0x7F800000 : f32
// CHECK: math.log
// CHECK: %[[P:.*]] = linalg.generic {{.*}}ins(%[[SCORES]], %{{.*}} : tensor<2x2x4x16x12xf32>, tensor<2x2x4x16xf32>)
// CHECK: linalg.generic {{.*}}ins(%[[P]], %{{.*}} : tensor<2x2x4x16x12xf32>, tensor<2x2x12x32xf32>)
// CHECK: tensor.collapse_shape %{{.*}} {{\[}}[0], [1, 2], [3], [4]] : tensor<2x2x4x16x32xf32> into tensor<2x8x16x32xf32>
func.func @attention(%q: tensor<2x8x16x64xf32>, %k: tensor<2x2x12x64xf32>, %v: tensor<2x2x12x32xf32>)
    -> (tensor<2x8x16x32xf32>, tensor<2x8x16xf32>) {
  %out, %lse = nn.attention %q, %k, %v {scale = 1.250000e-01 : f64}
    : tensor<2x8x16x64xf32>, tensor<2x2x12x64xf32>, tensor<2x2x12x32xf32> -> tensor<2x8x16x32xf32>, tensor<2x8x16xf32>
  return %out, %lse : tensor<2x8x16x32xf32>, tensor<2x8x16xf32>
}

// A boolean mask and causality select minus infinity; dimensions that broadcast are dropped from the mask.
// CHECK-LABEL: @hidden_keys
// CHECK: %[[MASK:.*]] = tensor.collapse_shape %{{.*}} : tensor<2x1x1x6xi1> into tensor<2x6xi1>
// CHECK: linalg.generic {{.*}}ins(%{{.*}}, %[[MASK]] : tensor<2x4x1x6x6xf32>, tensor<2x6xi1>)
// CHECK: %[[MINUS:.*]] = arith.constant 0xFF800000 : f32
// CHECK: arith.select %{{.*}}, %{{.*}}, %[[MINUS]]
// CHECK: linalg.index 4
// CHECK: linalg.index 3
// CHECK: %[[VISIBLE:.*]] = arith.cmpi sle
// CHECK: arith.select %[[VISIBLE]], %{{.*}}, %[[MINUS]]
func.func @hidden_keys(%q: tensor<2x4x6x8xf32>, %mask: tensor<2x1x1x6xi1>) -> tensor<2x4x6x8xf32> {
  %out, %lse = "nn.attention"(%q, %q, %q, %mask) {causal, scale = 1.0 : f64}
    : (tensor<2x4x6x8xf32>, tensor<2x4x6x8xf32>, tensor<2x4x6x8xf32>, tensor<2x1x1x6xi1>)
    -> (tensor<2x4x6x8xf32>, tensor<2x4x6xf32>)
  return %out : tensor<2x4x6x8xf32>
}

// Probabilities again; five products: scores, dp, dv, dq, dk.
// CHECK-LABEL: @attention_grad
// CHECK: math.exp
// CHECK: -> tensor<2x2x4x16x12xf32>
// CHECK: -> tensor<2x2x4x16xf32>
// CHECK: arith.constant 1.250000e-01 : f32
// CHECK: -> tensor<2x2x12x32xf32>
// CHECK: -> tensor<2x2x4x16x64xf32>
// CHECK: -> tensor<2x2x12x64xf32>
func.func @attention_grad(%q: tensor<2x8x16x64xf32>, %k: tensor<2x2x12x64xf32>, %v: tensor<2x2x12x32xf32>,
                          %o: tensor<2x8x16x32xf32>, %l: tensor<2x8x16xf32>)
    -> (tensor<2x8x16x64xf32>, tensor<2x2x12x64xf32>, tensor<2x2x12x32xf32>) {
  %dq, %dk, %dv = "nn.attention_grad"(%q, %k, %v, %o, %l, %o) {scale = 1.250000e-01 : f64}
    : (tensor<2x8x16x64xf32>, tensor<2x2x12x64xf32>, tensor<2x2x12x32xf32>, tensor<2x8x16x32xf32>, tensor<2x8x16xf32>,
       tensor<2x8x16x32xf32>) -> (tensor<2x8x16x64xf32>, tensor<2x2x12x64xf32>, tensor<2x2x12x32xf32>)
  return %dq, %dk, %dv : tensor<2x8x16x64xf32>, tensor<2x2x12x64xf32>, tensor<2x2x12x32xf32>
}

// CHECK-LABEL: @layer_norm
// CHECK: %[[SUM:.*]] = linalg.generic {indexing_maps = [#[[FULL]], #[[ROW]]], iterator_types = ["parallel", "reduction"]}
// CHECK: arith.constant 1.250000e-01 : f32
// CHECK: %[[SQUARES:.*]] = linalg.generic {indexing_maps = [#[[FULL]], #[[ROW]], #[[ROW]]], iterator_types = ["parallel", "reduction"]}
// CHECK: %[[RSTD:.*]] = linalg.generic
// CHECK: math.rsqrt
// CHECK: linalg.generic {indexing_maps = [#[[FULL]], #[[ROW]], #[[ROW]], #[[COLUMN]], #[[COLUMN]], #[[FULL]]], iterator_types = ["parallel", "parallel"]}
func.func @layer_norm(%x: tensor<4x8xf32>, %w: tensor<8xf32>, %b: tensor<8xf32>) -> tensor<4x8xf32> {
  %out, %mean, %rstd = nn.layer_norm %x weight %w bias %b {eps = 1.0e-5 : f64}
    : tensor<4x8xf32>, tensor<8xf32> bias tensor<8xf32> -> tensor<4x8xf32>, tensor<4xf32>, tensor<4xf32>
  return %out : tensor<4x8xf32>
}

// Two means over the last dimension, then one elementwise generic.
// CHECK-LABEL: @layer_norm_grad
// CHECK-COUNT-2: iterator_types = ["parallel", "reduction"]
// CHECK: iterator_types = ["parallel", "parallel"]
// CHECK-NOT: "reduction"
// CHECK: return
func.func @layer_norm_grad(%x: tensor<4x8xf32>, %s: tensor<4xf32>, %g: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %d = nn.layer_norm_grad %x stats %s, %s grad %g
    : tensor<4x8xf32> stats tensor<4xf32>, tensor<4xf32> grad tensor<4x8xf32> -> tensor<4x8xf32>
  return %d : tensor<4x8xf32>
}

// CHECK-LABEL: @rms_norm
// CHECK: iterator_types = ["parallel", "reduction"]
// CHECK: arith.constant 9.99999997E-7 : f32
// CHECK: math.rsqrt
// CHECK: linalg.generic {indexing_maps = [#[[FULL]], #[[ROW]], #[[COLUMN]], #[[FULL]]]
func.func @rms_norm(%x: tensor<4x8xf32>, %w: tensor<8xf32>) -> (tensor<4x8xf32>, tensor<4xf32>) {
  %out, %rstd = nn.rms_norm %x weight %w {eps = 1.0e-6 : f64} : tensor<4x8xf32>, tensor<8xf32> -> tensor<4x8xf32>, tensor<4xf32>
  return %out, %rstd : tensor<4x8xf32>, tensor<4xf32>
}

// CHECK-LABEL: @rms_norm_grad
// CHECK-COUNT-1: iterator_types = ["parallel", "reduction"]
// CHECK-NOT: "reduction"
// CHECK: return
func.func @rms_norm_grad(%x: tensor<4x8xf32>, %w: tensor<8xf32>, %s: tensor<4xf32>) -> tensor<4x8xf32> {
  %d = nn.rms_norm_grad %x weight %w stats %s grad %x
    : tensor<4x8xf32>, tensor<8xf32> stats tensor<4xf32> grad tensor<4x8xf32> -> tensor<4x8xf32>
  return %d : tensor<4x8xf32>
}

// The access stays inside the table whatever the index: a run-time check reports it.
// CHECK-LABEL: @embedding
// CHECK: %[[LAST:.*]] = arith.constant 9 : index
// CHECK: %[[POSITIVE:.*]] = arith.maxsi
// CHECK: %[[CLAMPED:.*]] = arith.minsi %[[POSITIVE]], %[[LAST]]
// CHECK: tensor.extract %{{.*}}[%[[CLAMPED]], %{{.*}}] : tensor<10x4xf32>
func.func @embedding(%t: tensor<10x4xf32>, %i: tensor<2x3xi64>) -> tensor<2x3x4xf32> {
  %e = nn.embedding %t, %i : tensor<10x4xf32>, tensor<2x3xi64> -> tensor<2x3x4xf32>
  return %e : tensor<2x3x4xf32>
}

// One position after the other, so that the sum of equal indices has one order.
// CHECK-LABEL: @embedding_grad
// CHECK: scf.for
// CHECK: tensor.extract_slice
// CHECK: arith.addf
// CHECK: %[[SKIP:.*]] = arith.cmpi eq
// CHECK: arith.select %[[SKIP]]
// CHECK: tensor.insert_slice
func.func @embedding_grad(%g: tensor<2x3x4xf32>, %i: tensor<2x3xi32>) -> tensor<10x4xf32> {
  %d = nn.embedding_grad %g, %i {padding_index = 2 : i64} : tensor<2x3x4xf32>, tensor<2x3xi32> -> tensor<10x4xf32>
  return %d : tensor<10x4xf32>
}

// CHECK-LABEL: @cross_entropy
// CHECK: arith.maximumf
// CHECK: math.exp
// CHECK: math.log
// CHECK: tensor.extract
// CHECK: %[[IGNORE:.*]] = arith.constant -100 : i64
// CHECK: %[[COUNTED:.*]] = arith.cmpi ne, %{{.*}}, %[[IGNORE]] : i64
// CHECK: arith.select %[[COUNTED]]
func.func @cross_entropy(%l: tensor<6x10xf32>, %i: tensor<6xi64>) -> (tensor<f32>, tensor<f32>) {
  %sum, %count, %lse = nn.cross_entropy %l, %i {ignore_index = -100 : i64}
    : tensor<6x10xf32>, tensor<6xi64> -> tensor<f32>, tensor<f32>, tensor<6xf32>
  return %sum, %count : tensor<f32>, tensor<f32>
}

// CHECK-LABEL: @cross_entropy_grad
// CHECK-COUNT-1: linalg.generic
// CHECK-NOT: linalg.generic
// CHECK: return
func.func @cross_entropy_grad(%l: tensor<6x10xf32>, %i: tensor<6xi64>, %e: tensor<6xf32>, %g: tensor<f32>)
    -> tensor<6x10xf32> {
  %d = nn.cross_entropy_grad %l, %i stats %e grad %g {ignore_index = -100 : i64}
    : tensor<6x10xf32>, tensor<6xi64>, tensor<6xf32>, tensor<f32> -> tensor<6x10xf32>
  return %d : tensor<6x10xf32>
}

// CHECK-LABEL: @squared_norm
// CHECK-COUNT-2: iterator_types = ["reduction"{{.*}} outs(%{{.*}} : tensor<f64>)
// CHECK: arith.addf {{.*}} : f64
// CHECK: arith.truncf {{.*}} : f64 to f32
// CHECK: return
func.func @squared_norm(%a: tensor<4x3xf32>, %b: tensor<7xf32>) -> tensor<f32> {
  %n = nn.squared_norm %a, %b : tensor<4x3xf32>, tensor<7xf32> -> tensor<f32>
  return %n : tensor<f32>
}

// The powers of the decays are computed in double precision; the tensors are read and written once, by one generic.
// CHECK-LABEL: @adamw
// CHECK: math.powf %{{.*}} : f64
// CHECK: %{{.*}}:3 = linalg.generic {{.*}} iterator_types = ["parallel", "parallel"]
// CHECK: math.sqrt
// CHECK: linalg.yield %{{.*}}, %{{.*}}, %{{.*}} : f32, f32, f32
func.func @adamw(%p: tensor<4x3xf32>, %g: tensor<4x3xf32>, %m: tensor<4x3xf32>, %v: tensor<4x3xf32>, %lr: tensor<f32>,
                 %step: tensor<i64>) -> (tensor<4x3xf32>, tensor<4x3xf32>, tensor<4x3xf32>) {
  %a, %b, %c = nn.adamw %p grad %g state %m, %v lr %lr step %step
    {beta1 = 0.9 : f64, beta2 = 0.999 : f64, eps = 1.0e-8 : f64, weight_decay = 0.1 : f64}
    : tensor<4x3xf32>, tensor<f32>, tensor<i64>
  return %a, %b, %c : tensor<4x3xf32>, tensor<4x3xf32>, tensor<4x3xf32>
}

// CHECK-LABEL: @sgd
// CHECK: %{{.*}}:2 = linalg.generic {{.*}} iterator_types = ["parallel", "parallel"]
// CHECK-NOT: linalg.generic
// CHECK: return
func.func @sgd(%p: tensor<4x3xf32>, %g: tensor<4x3xf32>, %m: tensor<4x3xf32>, %lr: tensor<f32>, %scale: tensor<f32>)
    -> (tensor<4x3xf32>, tensor<4x3xf32>) {
  %a, %b = nn.sgd %p grad %g scale %scale : tensor<f32> state %m lr %lr {momentum = 0.9 : f64, weight_decay = 0.1 : f64}
    : tensor<4x3xf32>, tensor<f32>
  return %a, %b : tensor<4x3xf32>, tensor<4x3xf32>
}
