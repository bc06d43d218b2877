// The plugin's passes and dialects in a stock mlir-opt.

// REQUIRES: plugin
// RUN: mlir-opt-22 --load-dialect-plugin=%plugin --load-pass-plugin=%plugin --pass-pipeline='builtin.module(raddle-grad)' %s | FileCheck %s
// RUN: mlir-opt-22 --load-pass-plugin=%plugin --help | FileCheck %s --check-prefix=HELP

// HELP-DAG: --raddle-grad
// HELP-DAG: --ragged-partition
// HELP-DAG: --schedule-assign

// CHECK: func.func @main_grad(%[[X:.*]]: tensor<4xf32>) -> (tensor<f32>, tensor<4xf32>)
func.func @main(%x: tensor<4xf32>) -> tensor<f32> {
  %zero = arith.constant dense<0.0> : tensor<f32>
  %sum = linalg.generic {
      indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> ()>], iterator_types = ["reduction"]}
      ins(%x : tensor<4xf32>) outs(%zero : tensor<f32>) {
  ^bb0(%a: f32, %acc: f32):
    %square = arith.mulf %a, %a : f32
    %next = arith.addf %acc, %square : f32
    linalg.yield %next : f32
  } -> tensor<f32>
  return %sum : tensor<f32>
}
