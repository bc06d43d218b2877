// Pooling over windows. Included by NNOps.td.
#ifndef RADDLE_DIALECT_NN_IR_NNPOOLINGOPS_TD
#define RADDLE_DIALECT_NN_IR_NNPOOLINGOPS_TD

include "raddle/Dialect/NN/IR/NNConvolutionOps.td"

def NN_MaxPoolOp : NN_WindowOp<"max_pool"> {
  let summary = "greatest element of each window and its position";
  let description = [{
    For `input` [N, C, in...]: `out` [N, C, p...] is the greatest element of window p, of extents `kernel`, and `indices`
    its position in the row-major plane in... . The first of equal elements is taken, the last NaN wins over numbers.
    A window outside of the input has −inf and a position behind every plane.

    ```mlir
    %out, %indices = nn.max_pool %x {kernel = array<i64: 2, 2>, stride = array<i64: 2, 2>, padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>}
      : tensor<2x3x8x8xf32> -> tensor<2x3x4x4xf32>, tensor<2x3x4x4xi64>
    ```

    Constraints:
    - (nn_max_pool_c1) `input` has a rank of at least 3; `out` has its rank, element type, N and C; `indices` has the
      shape of `out`
    - (nn_max_pool_c2) `kernel`, `stride`, `padding` and `dilation` as for `nn.conv`, `kernel` up to 2^24
  }];
  let arguments = (ins NN_FloatTensor:$input, DenseI64ArrayAttr:$kernel, DenseI64ArrayAttr:$stride,
                       DenseI64ArrayAttr:$padding, DenseI64ArrayAttr:$dilation);
  let results = (outs NN_FloatTensor:$out, StaticShapeTensorOf<[I64]>:$indices);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($out) `,` type($indices)";
}

def NN_MaxPoolGradOp : NN_WindowOp<"max_pool_grad", []> {
  let summary = "gradient of max pooling by the saved positions";
  let description = [{
    Adds `out_grad` [N, C, p...] at the positions `indices` of the planes of `input_grad` [N, C, in...].

    Constraints:
    - (nn_max_pool_grad_c1) and (nn_max_pool_grad_c2) as for `nn.max_pool`, whose `input` and `out` have the types of the
      result and `out_grad`
  }];
  let arguments = (ins NN_FloatTensor:$out_grad, StaticShapeTensorOf<[I64]>:$indices, DenseI64ArrayAttr:$kernel,
                       DenseI64ArrayAttr:$stride, DenseI64ArrayAttr:$padding, DenseI64ArrayAttr:$dilation);
  let results = (outs NN_FloatTensor:$input_grad);
  let assemblyFormat = [{
    $out_grad `,` $indices attr-dict `:` type($out_grad) `,` type($indices) `->` type($input_grad)
  }];
}

def NN_SumPoolOp : NN_WindowOp<"sum_pool"> {
  let summary = "sum of each window";
  let description = [{
    For `input` [N, C, in...]: out[n, c, p...] = Σ_k input[n, c, p * stride + k * dilation − padding] over a window of
    extents `kernel`, with zeros outside. An average divides by a count that depends on p alone.

    Constraints:
    - (nn_sum_pool_c1) `input` has a rank of at least 3; `out` has its rank, element type, N and C
    - (nn_sum_pool_c2) `kernel`, `stride`, `padding` and `dilation` as for `nn.conv`, `kernel` up to 2^24
  }];
  let arguments = (ins NN_FloatTensor:$input, DenseI64ArrayAttr:$kernel, DenseI64ArrayAttr:$stride,
                       DenseI64ArrayAttr:$padding, DenseI64ArrayAttr:$dilation);
  let results = (outs NN_FloatTensor:$out);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($out)";
}

def NN_SumPoolGradOp : NN_WindowOp<"sum_pool_grad"> {
  let summary = "gradient of the sum of windows";
  let description = [{
    The adjoint of `nn.sum_pool`: adds `out_grad` [N, C, p...] to every element of window p of the result [N, C, in...].

    Constraints:
    - (nn_sum_pool_grad_c1) and (nn_sum_pool_grad_c2) as for `nn.sum_pool`, whose `input` and `out` have the types of the
      result and `out_grad`
  }];
  let arguments = (ins NN_FloatTensor:$out_grad, DenseI64ArrayAttr:$kernel, DenseI64ArrayAttr:$stride,
                       DenseI64ArrayAttr:$padding, DenseI64ArrayAttr:$dilation);
  let results = (outs NN_FloatTensor:$input_grad);
  let assemblyFormat = "$out_grad attr-dict `:` type($out_grad) `->` type($input_grad)";
}

#endif // RADDLE_DIALECT_NN_IR_NNPOOLINGOPS_TD
