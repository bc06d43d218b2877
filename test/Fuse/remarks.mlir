// Every tensor that goes through memory between kernels has a remark that says why.

// RUN: raddle-opt %s --split-input-file --fuse-outline --remark-policy=all --remarks-filter=fuse-outline 2>&1 >/dev/null | FileCheck %s

// CHECK: {{.*}}apart{{.*}}fuse-outline{{.*}}rows of the one are no rows of the other
func.func @columns_after_rows(%x: tensor<64x32xf32>) -> (tensor<64x32xf32>, tensor<32xf32>) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<64x32xf32>
  %c = tensor.empty() : tensor<32xf32>
  %f = linalg.fill ins(%zero : f32) outs(%c : tensor<32xf32>) -> tensor<32xf32>
  %0 = linalg.exp ins(%x : tensor<64x32xf32>) outs(%e : tensor<64x32xf32>) -> tensor<64x32xf32>
  %1 = linalg.reduce {arith.addf} ins(%0 : tensor<64x32xf32>) outs(%f : tensor<32xf32>) dimensions = [0]
  return %0, %1 : tensor<64x32xf32>, tensor<32xf32>
}

// -----

// CHECK: {{.*}}the rows between them are too long for the cache
func.func @long_rows(%x: tensor<16x131072xf32>) -> tensor<16x131072xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<16x131072xf32>
  %r = tensor.empty() : tensor<16xf32>
  %f = linalg.fill ins(%zero : f32) outs(%r : tensor<16xf32>) -> tensor<16xf32>
  %0 = linalg.exp ins(%x : tensor<16x131072xf32>) outs(%e : tensor<16x131072xf32>) -> tensor<16x131072xf32>
  %s = linalg.reduce {arith.addf} ins(%0 : tensor<16x131072xf32>) outs(%f : tensor<16xf32>) dimensions = [1]
  %b = linalg.broadcast ins(%s : tensor<16xf32>) outs(%e : tensor<16x131072xf32>) dimensions = [1]
  %y = linalg.div ins(%0, %b : tensor<16x131072xf32>, tensor<16x131072xf32>) outs(%e : tensor<16x131072xf32>) -> tensor<16x131072xf32>
  return %y : tensor<16x131072xf32>
}
