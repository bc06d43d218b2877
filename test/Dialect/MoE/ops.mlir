// Products of groups of rows: the written form, and the meaning in upstream dialects.

// RUN: raddle-opt %s --verify-roundtrip | FileCheck %s
// RUN: raddle-opt %s --nn-decompose | FileCheck %s --check-prefix=MEANING
// RUN: raddle-opt %s --fuse-check-indices | FileCheck %s --check-prefix=CHECKS

// Offsets may point behind the last row; one check for equal checks.
// CHECKS-LABEL: @products
// CHECKS: exec.check_index %{{.*}} in 65 for "offset of a group of rows" : tensor<8xi32>
// CHECKS-NOT: exec.check_index

// CHECK-LABEL: @products
// CHECK: moe.grouped_matmul %{{.*}}, %{{.*}} at %{{.*}} {transposed} : tensor<64x32xf32>, tensor<8x48x32xf32>, tensor<8xi32> -> tensor<64x48xf32>
// CHECK: moe.grouped_outer %{{.*}}, %{{.*}} at %{{.*}} : tensor<64x32xf32>, tensor<64x48xf32>, tensor<8xi32> -> tensor<8x32x48xf32>

// Each row reads its group's matrix only, found by counting the offsets before it.
// MEANING-LABEL: @products
// MEANING: arith.cmpi sle
// MEANING: %[[SUMS:.*]] = linalg.fill {{.*}} -> tensor<64x48xf32>
// MEANING: linalg.generic {{.*}} outs(%[[SUMS]] : tensor<64x48xf32>)
// MEANING: %[[EXISTS:.*]] = arith.cmpi slt
// MEANING: %[[GROUP:.*]] = arith.minsi
// MEANING: tensor.extract %{{.*}}[%[[GROUP]], %{{.*}}, %{{.*}}] : tensor<8x48x32xf32>
// MEANING: arith.select %[[EXISTS]]
// MEANING: %[[ZEROS:.*]] = linalg.fill {{.*}} -> tensor<8x32x48xf32>
// MEANING: scf.for {{.*}} iter_args(%{{.*}} = %[[ZEROS]])
// MEANING: scf.for
// MEANING: tensor.insert_slice
func.func @products(%x: tensor<64x32xf32>, %w: tensor<8x48x32xf32>, %ends: tensor<8xi32>) -> tensor<8x32x48xf32> {
  %y = moe.grouped_matmul %x, %w at %ends {transposed}
    : tensor<64x32xf32>, tensor<8x48x32xf32>, tensor<8xi32> -> tensor<64x48xf32>
  %dw = moe.grouped_outer %x, %y at %ends
    : tensor<64x32xf32>, tensor<64x48xf32>, tensor<8xi32> -> tensor<8x32x48xf32>
  return %dw : tensor<8x32x48xf32>
}
