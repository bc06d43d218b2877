// An op of a dialect that is not there is named, by whichever pass meets it.

// RUN: not raddle-opt %s --allow-unregistered-dialect --fuse-verify 2>&1 | FileCheck %s
// RUN: not raddle-opt %s --allow-unregistered-dialect --nn-decompose --fuse-outline --fuse-verify 2>&1 | FileCheck %s

// CHECK: error: 'foreign.op' op is left outside of kernels after 'fuse'
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = "foreign.op"(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}
