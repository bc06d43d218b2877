// The passes of an scf.forall are independent: threads share its range.

// RUN: raddle-opt %s --codegen-cpu --codegen-verify | FileCheck %s

// CHECK-LABEL: llvm.func internal @running_sums_body(
// CHECK-SAME: %[[BEGIN:[a-z0-9]+]]: i64, %[[END:[a-z0-9]+]]: i64)
// CHECK-NOT: llvm.call @malloc
// CHECK: llvm.br ^{{.*}}(%[[BEGIN]] : i64)
// CHECK: llvm.icmp "slt" %{{.*}}, %[[END]]
// CHECK-LABEL: llvm.func @running_sums(
// CHECK-SAME: exec.range = 6 : i64
func.func private @running_sums(%x: tensor<6x9xi64>) -> tensor<6x9xi64> attributes {exec.kernel} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c9 = arith.constant 9 : index
  %zero = arith.constant 0 : i64
  %e = tensor.empty() : tensor<6x9xi64>
  %r = scf.forall (%i) in (6) shared_outs(%o = %e) -> (tensor<6x9xi64>) {
    %row = tensor.extract_slice %o[%i, 0] [1, 9] [1, 1] : tensor<6x9xi64> to tensor<9xi64>
    %sums:2 = scf.for %j = %c0 to %c9 step %c1 iter_args(%sum = %zero, %done = %row) -> (i64, tensor<9xi64>) {
      %a = tensor.extract %x[%i, %j] : tensor<6x9xi64>
      %s = arith.addi %sum, %a : i64
      %n = tensor.insert %s into %done[%j] : tensor<9xi64>
      scf.yield %s, %n : i64, tensor<9xi64>
    }
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %sums#1 into %o[%i, 0] [1, 9] [1, 1] : tensor<9xi64> into tensor<6x9xi64>
    }
  }
  return %r : tensor<6x9xi64>
}
