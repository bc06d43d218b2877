// A product that is added to something lies where that does, if nothing reads it afterwards; else that is copied.

// RUN: raddle-opt %s --split-input-file --schedule-assign --schedule-verify | FileCheck %s
// RUN: raddle-opt %s --split-input-file --schedule-assign -o /dev/null --remark-policy=all --remark-format=emitRemark --remarks-filter=schedule-assign 2>&1 | FileCheck %s --check-prefix=REMARK

// A chain ends where the caller wants it, so that it begins there. One memory, no copy.
// CHECK-LABEL: exec.program @chain
// CHECK-SAME: arena 0
// CHECK-NOT: exec.copy
// CHECK: %[[Y:.*]] = exec.buffer output[0] at 0 : memref<4x4xf32>
// CHECK: exec.gemm ins(%[[X:.*]], %[[X]] : memref<4x4xf32>, memref<4x4xf32>) outs(%[[Y]] : memref<4x4xf32>) {{.*}} trans [false, false]{{$}}
// CHECK: exec.gemm ins(%[[X]], %[[X]] : memref<4x4xf32>, memref<4x4xf32>) outs(%[[Y]] : memref<4x4xf32>) {{.*}} {accumulate}
func.func @chain(%x: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %0 = exec.gemm ins(%x, %x : tensor<4x4xf32>, tensor<4x4xf32>) m 4 n 4 k 4 ld [4, 4, 4] trans [false, false] -> tensor<4x4xf32>
  %1 = exec.gemm ins(%x, %x, %0 : tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>) m 4 n 4 k 4 ld [4, 4, 4] trans [false, true]
    {accumulate} -> tensor<4x4xf32>
  return %1 : tensor<4x4xf32>
}

// -----

// In the arena, through a view, which is read before.
// CHECK-LABEL: exec.program @view
// CHECK-SAME: arena 192
// CHECK-NOT: exec.copy
// CHECK: %[[T:.*]] = exec.buffer arena[0] at [[AT:[0-9]+]] : memref<16xf32>
// CHECK: exec.dispatch @flat ins({{.*}}) outs(%[[T]] : memref<16xf32>)
// CHECK: %[[C:.*]] = exec.buffer arena[0] at [[AT]] : memref<4x4xf32>
// CHECK: exec.dispatch @kernel ins(%[[C]] : memref<4x4xf32>) outs(%[[H:.*]] : memref<4x4xf32>)
// CHECK: exec.gemm ins(%[[H]], %{{.*}} outs(%[[C]] : memref<4x4xf32>) {{.*}} {accumulate}
// CHECK: exec.dispatch @kernel ins(%[[C]] : memref<4x4xf32>)
func.func private @flat(%x: tensor<4x4xf32>) -> tensor<16xf32> attributes {exec.kernel}
func.func private @kernel(%x: tensor<4x4xf32>) -> tensor<4x4xf32> attributes {exec.kernel}
func.func @view(%x: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %0 = exec.dispatch @flat ins(%x : tensor<4x4xf32>) -> tensor<16xf32>
  %1 = tensor.expand_shape %0 [[0, 1]] output_shape [4, 4] : tensor<16xf32> into tensor<4x4xf32>
  %2 = exec.dispatch @kernel ins(%1 : tensor<4x4xf32>) -> tensor<4x4xf32>
  %3 = exec.gemm ins(%2, %x, %0 : tensor<4x4xf32>, tensor<4x4xf32>, tensor<16xf32>) m 4 n 4 k 4 ld [4, 4, 4] trans [false, false]
    {accumulate} -> tensor<4x4xf32>
  %4 = exec.dispatch @kernel ins(%3 : tensor<4x4xf32>) -> tensor<4x4xf32>
  return %4 : tensor<4x4xf32>
}

// -----

// What is read later, is the caller's or a factor as well stays as it is.
// CHECK-LABEL: exec.program @alive
// CHECK: exec.copy %[[A:.*]] into %[[B:.*]] :
// CHECK-NEXT: exec.gemm ins(%[[X:.*]], %[[X]] : {{.*}}) outs(%[[B]] : memref<4x4xf32>) {{.*}} {accumulate}
// CHECK: exec.copy %[[X]] into %[[C:.*]] :
// CHECK-NEXT: exec.gemm ins(%[[X]], %[[X]] : {{.*}}) outs(%[[C]] : memref<4x4xf32>) {{.*}} {accumulate}
// CHECK: exec.copy %[[A]] into %[[D:.*]] :
// CHECK-NEXT: exec.gemm ins(%[[X]], %[[A]] : {{.*}}) outs(%[[D]] : memref<4x4xf32>) {{.*}} {accumulate}
// REMARK: Remark=alive, Remark=": ", Remark=192, Remark=" bytes that products are added to are copied, as they are read later or lie elsewhere"
func.func private @kernel(%x: tensor<4x4xf32>) -> tensor<4x4xf32> attributes {exec.kernel}
func.func @alive(%x: tensor<4x4xf32>) -> (tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>) {
  %0 = exec.dispatch @kernel ins(%x : tensor<4x4xf32>) -> tensor<4x4xf32>
  %1 = exec.gemm ins(%x, %x, %0 : tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>) m 4 n 4 k 4 ld [4, 4, 4] trans [false, false]
    {accumulate} -> tensor<4x4xf32>
  %2 = exec.gemm ins(%x, %x, %x : tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>) m 4 n 4 k 4 ld [4, 4, 4] trans [false, false]
    {accumulate} -> tensor<4x4xf32>
  %3 = exec.gemm ins(%x, %0, %0 : tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>) m 4 n 4 k 4 ld [4, 4, 4] trans [false, false]
    {accumulate} -> tensor<4x4xf32>
  return %1, %2, %3 : tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>
}
