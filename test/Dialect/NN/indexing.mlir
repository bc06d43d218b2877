// Reading, writing and ordering by index: the written form, and what the ops mean in upstream dialects.

// RUN: raddle-opt %s --verify-roundtrip | FileCheck %s
// RUN: raddle-opt %s --nn-decompose | FileCheck %s --check-prefix=MEANING

// CHECK-LABEL: @checked
// CHECK: nn.checked_index %{{.*}} in 16 for "index of aten.index" {from_end} : tensor<2x3xi32> -> tensor<2x3xi64>
// MEANING-LABEL: @checked
// MEANING: %[[NEGATIVE:.*]] = arith.cmpi slt
// MEANING: %[[FROM_END:.*]] = arith.addi
// MEANING: %[[WRAPPED:.*]] = arith.select %[[NEGATIVE]], %[[FROM_END]]
// MEANING: %[[POSITIVE:.*]] = arith.maxsi %[[WRAPPED]]
// MEANING: arith.minsi %[[POSITIVE]]
func.func @checked(%i: tensor<2x3xi32>) -> tensor<2x3xi64> {
  %c = nn.checked_index %i in 16 for "index of aten.index" {from_end} : tensor<2x3xi32> -> tensor<2x3xi64>
  return %c : tensor<2x3xi64>
}

// CHECK-LABEL: @gather
// CHECK: nn.gather_rows %{{.*}} at %{{.*}} : tensor<10x4xi8>, tensor<2x3xi64> -> tensor<2x3x4xi8>
// MEANING-LABEL: @gather
// MEANING: %[[POSITIVE:.*]] = arith.maxsi
// MEANING: %[[ROW:.*]] = arith.minsi %[[POSITIVE]]
// MEANING: tensor.extract %{{.*}}[%[[ROW]], %{{.*}}] : tensor<10x4xi8>
func.func @gather(%t: tensor<10x4xi8>, %i: tensor<2x3xi64>) -> tensor<2x3x4xi8> {
  %r = nn.gather_rows %t at %i : tensor<10x4xi8>, tensor<2x3xi64> -> tensor<2x3x4xi8>
  return %r : tensor<2x3x4xi8>
}

// One position after the other, so that equal indices meet in one order.
// CHECK-LABEL: @scatter
// CHECK: nn.scatter_rows set %{{.*}} into %{{.*}} at %{{.*}} : tensor<3x4xf32>, tensor<10x4xf32>, tensor<3xi64>
// CHECK: nn.scatter_rows add
// CHECK: nn.scatter_rows mul
// CHECK: nn.scatter_rows max
// CHECK: nn.scatter_rows min
// MEANING-LABEL: @scatter
// MEANING-SAME: %[[TARGET:.*]]: tensor<10x4xf32>, %[[UPDATES:.*]]: tensor<3x4xf32>
// MEANING: scf.for %[[N:.*]] = %{{.*}} iter_args(%[[OUT:.*]] = %[[TARGET]])
// MEANING: %[[UPDATE:.*]] = tensor.extract_slice %[[UPDATES]][%[[N]], 0]
// MEANING: tensor.extract_slice %[[OUT]]
// MEANING: linalg.yield %in
// MEANING: tensor.insert_slice
// MEANING: scf.for
// MEANING: arith.addf
// MEANING: scf.for
// MEANING: arith.mulf
// MEANING: scf.for
// MEANING: arith.maximumf
// MEANING: scf.for
// MEANING: arith.minimumf
func.func @scatter(%t: tensor<10x4xf32>, %u: tensor<3x4xf32>, %i: tensor<3xi64>) -> tensor<10x4xf32> {
  %a = nn.scatter_rows set %u into %t at %i : tensor<3x4xf32>, tensor<10x4xf32>, tensor<3xi64>
  %b = nn.scatter_rows add %u into %a at %i : tensor<3x4xf32>, tensor<10x4xf32>, tensor<3xi64>
  %c = nn.scatter_rows mul %u into %b at %i : tensor<3x4xf32>, tensor<10x4xf32>, tensor<3xi64>
  %d = nn.scatter_rows max %u into %c at %i : tensor<3x4xf32>, tensor<10x4xf32>, tensor<3xi64>
  %e = nn.scatter_rows min %u into %d at %i : tensor<3x4xf32>, tensor<10x4xf32>, tensor<3xi64>
  return %e : tensor<10x4xf32>
}

// Four elements take two passes of merging.
// CHECK-LABEL: @argsort
// CHECK: nn.argsort %{{.*}} {descending} : tensor<2x4xf32> -> tensor<2x4xi64>
// MEANING-LABEL: @argsort
// MEANING: %[[FIRST:.*]] = scf.for
// MEANING: scf.for
// MEANING: arith.cmpf olt
// MEANING: scf.for
// MEANING: scf.for
// MEANING: tensor.extract %[[FIRST]]
// MEANING-NOT: scf.for
// MEANING: return
func.func @argsort(%x: tensor<2x4xf32>) -> tensor<2x4xi64> {
  %o = nn.argsort %x {descending} : tensor<2x4xf32> -> tensor<2x4xi64>
  return %o : tensor<2x4xi64>
}

// Few elements are kept in a list, many come from a sort.
// CHECK-LABEL: @topk
// CHECK: nn.topk %{{.*}} : tensor<2x64xi32> -> tensor<2x8xi64>
// CHECK: nn.topk %{{.*}} {smallest} : tensor<2x64xi32> -> tensor<2x60xi64>
// MEANING-LABEL: @topk
// MEANING: arith.constant -1 : i64
// MEANING: scf.if
// MEANING: scf.for
// MEANING: arith.cmpi slt
// MEANING: tensor.extract_slice %{{.*}}[0, 0] [2, 60] [1, 1] : tensor<2x64xi64> to tensor<2x60xi64>
func.func @topk(%x: tensor<2x64xi32>) -> (tensor<2x8xi64>, tensor<2x60xi64>) {
  %a = nn.topk %x : tensor<2x64xi32> -> tensor<2x8xi64>
  %b = nn.topk %x {smallest} : tensor<2x64xi32> -> tensor<2x60xi64>
  return %a, %b : tensor<2x8xi64>, tensor<2x60xi64>
}
