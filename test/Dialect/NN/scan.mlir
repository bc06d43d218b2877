// Running sums and the like: written form, constraints by tag, and the loops that they mean.

// RUN: raddle-opt %s --split-input-file --verify-diagnostics --verify-roundtrip | FileCheck %s
// RUN: raddle-opt %s --split-input-file --verify-diagnostics --nn-decompose | FileCheck %s --check-prefix=MEANS

// CHECK-LABEL: @forms
// CHECK: nn.cumsum %{{.*}} {dim = 1 : i64, reverse} : tensor<4x6xi64> -> tensor<4x6xi64>
// CHECK: nn.cumprod %{{.*}} {dim = 0 : i64}
// CHECK: nn.cumprod_grad %{{.*}} grad %{{.*}} {dim = 0 : i64}
// CHECK: %[[L:.*]] = nn.logcumsumexp
// CHECK: nn.logcumsumexp_grad %{{.*}} out %[[L]] grad %{{.*}} {dim = 1 : i64}
// CHECK: %{{.*}}, %[[PLACES:.*]] = nn.cummax
// CHECK: nn.cummin {{.*}} tensor<4x6xi64> -> tensor<4x6xi64>, tensor<4x6xi64>
// CHECK: nn.cumextremum_grad %[[PLACES]] grad
// MEANS-LABEL: @forms
// MEANS-NOT: nn.
func.func @forms(%x: tensor<4x6xf32>, %i: tensor<4x6xi64>)
    -> (tensor<4x6xi64>, tensor<4x6xf32>, tensor<4x6xf32>, tensor<4x6xi64>, tensor<4x6xf32>) {
  %s = nn.cumsum %i {dim = 1 : i64, reverse} : tensor<4x6xi64> -> tensor<4x6xi64>
  %p = nn.cumprod %x {dim = 0 : i64} : tensor<4x6xf32> -> tensor<4x6xf32>
  %dp = nn.cumprod_grad %x grad %p {dim = 0 : i64} : tensor<4x6xf32>, tensor<4x6xf32> -> tensor<4x6xf32>
  %l = nn.logcumsumexp %x {dim = 1 : i64} : tensor<4x6xf32> -> tensor<4x6xf32>
  %dl = nn.logcumsumexp_grad %x out %l grad %dp {dim = 1 : i64}
    : tensor<4x6xf32>, tensor<4x6xf32>, tensor<4x6xf32> -> tensor<4x6xf32>
  %m, %mi = nn.cummax %x {dim = 1 : i64} : tensor<4x6xf32> -> tensor<4x6xf32>, tensor<4x6xi64>
  %n, %ni = nn.cummin %s {dim = 1 : i64} : tensor<4x6xi64> -> tensor<4x6xi64>, tensor<4x6xi64>
  %dm = nn.cumextremum_grad %mi grad %m {dim = 1 : i64} : tensor<4x6xi64>, tensor<4x6xf32> -> tensor<4x6xf32>
  return %ni, %p, %dl, %n, %dm : tensor<4x6xi64>, tensor<4x6xf32>, tensor<4x6xf32>, tensor<4x6xi64>, tensor<4x6xf32>
}

// -----

// Rows are independent; a row adds up in f64, from the end.
// MEANS-LABEL: @rows
// MEANS-SAME: %[[X:.*]]: tensor<3x8xf32>
// MEANS: %[[IN:.*]] = tensor.expand_shape %[[X]] {{.*}} into tensor<3x8x1xf32>
// MEANS: scf.forall (%[[ROW:[a-z0-9]+]]) in (3) shared_outs
// MEANS: linalg.fill {{.*}} -> tensor<1xf64>
// MEANS: scf.for %[[STEP:[a-z0-9]+]] =
// MEANS: %[[PLACE:.*]] = arith.subi %{{.*}}, %[[STEP]]
// MEANS: tensor.extract_slice %[[IN]][%[[ROW]], %[[PLACE]], 0] [1, 1, 1]
// MEANS: %[[WIDE:.*]] = arith.extf
// MEANS: arith.addf %{{.*}}, %[[WIDE]] : f64
// MEANS: scf.forall.in_parallel
// MEANS-NEXT: tensor.parallel_insert_slice
func.func @rows(%x: tensor<3x8xf32>) -> tensor<3x8xf32> {
  %y = nn.cumsum %x {dim = 1 : i64, reverse} : tensor<3x8xf32> -> tensor<3x8xf32>
  return %y : tensor<3x8xf32>
}

// -----

// Columns are taken in blocks, which are independent as well.
// MEANS-LABEL: @columns
// MEANS: scf.forall (%{{[a-z0-9]+}}) in (4) shared_outs
// MEANS: %[[LEFT:.*]] = arith.muli
// MEANS: tensor.extract_slice {{.*}}, 0, %[[LEFT]]] [1, 7, 50]
// MEANS: linalg.generic {{.*}} tensor<50xi32>
func.func @columns(%x: tensor<7x200xi32>) -> tensor<7x200xi32> {
  %y = nn.cumprod %x {dim = 0 : i64} : tensor<7x200xi32> -> tensor<7x200xi32>
  return %y : tensor<7x200xi32>
}

// -----

// nn_scan_c1
func.func @dimension(%x: tensor<4xf32>) {
  // expected-error @+1 {{expects 'dim' in [0, 1), is 1}}
  %y = nn.cumsum %x {dim = 1 : i64} : tensor<4xf32> -> tensor<4xf32>
  return
}

// -----

// nn_scan_c1
func.func @negative(%x: tensor<4xf32>) {
  // expected-error @+1 {{expects 'dim' in [0, 1), is -1}}
  %y = nn.logcumsumexp %x {dim = -1 : i64} : tensor<4xf32> -> tensor<4xf32>
  return
}

// -----

// nn_scan_c2
func.func @type(%x: tensor<4xf32>) {
  // expected-error @+1 {{expects one type of operands and results, has 'tensor<4xf32>' and 'tensor<4xf64>'}}
  %y = nn.cumprod %x {dim = 0 : i64} : tensor<4xf32> -> tensor<4xf64>
  return
}

// -----

// nn_scan_c2
func.func @places(%x: tensor<4xf32>) {
  // expected-error @+1 {{expects indices of the shape of 'tensor<4xf32>', is 'tensor<5xi64>'}}
  %y, %i = nn.cummax %x {dim = 0 : i64} : tensor<4xf32> -> tensor<4xf32>, tensor<5xi64>
  return
}
