// No gradient flows through nn.detach: of x * detach(x) only the first factor counts. After differentiation it is nothing.

// RUN: raddle-opt %s --split-input-file --verify-diagnostics --verify-roundtrip --raddle-grad=with-cotangent --canonicalize | FileCheck %s
// RUN: raddle-opt %s --split-input-file --nn-decompose | FileCheck %s --check-prefix=DECOMPOSED

// CHECK-LABEL: func.func @main_grad(
// CHECK-SAME: %[[X:.*]]: tensor<4xf32>, %[[G:.*]]: tensor<4xf32>)
// CHECK: %[[D:.*]] = nn.detach %[[X]] : tensor<4xf32> -> tensor<4xf32>
// CHECK: %[[DX:.*]] = linalg.generic {{.*}} ins(%[[D]], %[[G]] :
// CHECK-NEXT: ^bb0
// CHECK-NEXT: arith.mulf
// CHECK-NOT: linalg.generic
// CHECK: return %{{.*}}, %[[DX]]

// DECOMPOSED-LABEL: func.func @main(
// DECOMPOSED-SAME: %[[X:.*]]: tensor<4xf32>
// DECOMPOSED: linalg.mul ins(%[[X]], %[[X]]
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %e = tensor.empty() : tensor<4xf32>
  %d = nn.detach %x : tensor<4xf32> -> tensor<4xf32>
  %y = linalg.mul ins(%x, %d : tensor<4xf32>, tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}
