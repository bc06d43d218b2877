// An op of a dialect that is not there is named, and does not end the compiler.

// RUN: not raddle-opt %s --allow-unregistered-dialect --codegen-cpu 2>&1 | FileCheck %s
// RUN: not raddle-opt %s --allow-unregistered-dialect --codegen-nvvm 2>&1 | FileCheck %s
// RUN: raddle-opt %s --allow-unregistered-dialect --codegen-triton | FileCheck %s --check-prefix=TRITON

// CHECK: error: 'foreign.op' op is of an unknown dialect: it cannot become code
// TRITON-NOT: exec.triton
// TRITON: "foreign.op"
#map = affine_map<(d0) -> (d0)>
func.func private @kernel(%x: tensor<8xf32>) -> tensor<8xf32> attributes {exec.kernel} {
  %e = tensor.empty() : tensor<8xf32>
  %r = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel"]} ins(%x : tensor<8xf32>) outs(%e : tensor<8xf32>) {
  ^bb0(%a: f32, %o: f32):
    %b = "foreign.op"(%a) : (f32) -> f32
    linalg.yield %b : f32
  } -> tensor<8xf32>
  return %r : tensor<8xf32>
}
