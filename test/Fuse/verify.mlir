// What fuse guarantees: only kernels, library calls, collectives and views are left.

// RUN: raddle-opt %s --split-input-file --verify-diagnostics --fuse-verify

func.func private @kernel(%x: tensor<4xf32>) -> tensor<4xf32> attributes {exec.kernel} {
  %e = tensor.empty() : tensor<4xf32>
  %0 = linalg.tanh ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}
func.func @fused(%x: tensor<2x2xf32>) -> tensor<4xf32> {
  %0 = tensor.collapse_shape %x [[0, 1]] : tensor<2x2xf32> into tensor<4xf32>
  %1 = exec.dispatch @kernel ins(%0 : tensor<4xf32>) -> tensor<4xf32>
  %2 = ragged.all_reduce <mean> %1 over 2 : tensor<4xf32>
  return %2 : tensor<4xf32>
}

// -----

// All that is left, not the first one only.
func.func @left(%x: tensor<4xf32>) -> tensor<2xf32> {
  // expected-error @+1 {{'tensor.empty' op is left outside of kernels after 'fuse'}}
  %e = tensor.empty() : tensor<4xf32>
  // expected-error @+1 {{'linalg.tanh' op is left outside of kernels after 'fuse'}}
  %0 = linalg.tanh ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  // expected-error @+1 {{'tensor.extract_slice' op is left outside of kernels after 'fuse'}}
  %1 = tensor.extract_slice %0[0] [2] [1] : tensor<4xf32> to tensor<2xf32>
  return %1 : tensor<2xf32>
}
