// A function without attributes of results, as other front ends write it, gets no list of attributes that does not fit.

// RUN: raddle-opt %s --raddle-grad --mlir-print-op-generic | raddle-opt | FileCheck %s

// CHECK: func.func @main_grad(%{{.*}}: tensor<f32>) -> (tensor<f32>, tensor<f32>)
func.func @main(%x: tensor<f32>) -> tensor<f32> {
  %e = tensor.empty() : tensor<f32>
  %y = linalg.exp ins(%x : tensor<f32>) outs(%e : tensor<f32>) -> tensor<f32>
  return %y : tensor<f32>
}
