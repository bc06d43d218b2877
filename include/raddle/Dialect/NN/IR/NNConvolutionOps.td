// Convolutions and the gathering of windows. Included by NNOps.td.
#ifndef RADDLE_DIALECT_NN_IR_NNCONVOLUTIONOPS_TD
#define RADDLE_DIALECT_NN_IR_NNCONVOLUTIONOPS_TD

include "raddle/Dialect/NN/IR/NNOps.td"

/// An op over windows: element k of window o stands at o * stride + k * dilation − padding, a position in each of the
/// spatial dimensions. What is outside counts as absent; behind the input the windows go as far as the result's extents
/// say, so that 'same' padding, rounding up and output padding need no attribute.
class NN_WindowOp<string mnemonic, list<Trait> traits = [DeclareOpInterfaceMethods<DifferentiableOpInterface>]>
    : NN_Op<mnemonic, traits> {
  let extraClassDeclaration = [{
    ::mlir::FailureOr<::llvm::SmallVector<::mlir::Value>> decomposeOperation(::mlir::OpBuilder &builder);
    /// Extents, strides, padding and dilation of the windows. Only of a verified op.
    ::raddle::nn::Windows getWindows();
  }];
}

def NN_ConvOp : NN_WindowOp<"conv"> {
  let summary = "convolution over any number of spatial dimensions";
  let description = [{
    For `input` [N, G·C, in...] and `weight` [G·O, C, k...], group g, output channel o of the group:

        out[n, g·O + o, p...] = Σ_{c, k...} weight[g·O + o, c, k...] * input[n, g·C + c, p * stride + k * dilation − padding]

    with zeros outside of the input. `padding` is what stands before the input in each spatial dimension; behind it
    follows as much as the extents of `out` reach. A bias is an ordinary addition, which fuses with what comes after it.

    ```mlir
    %out = nn.conv %x, %w {stride = array<i64: 2, 2>, padding = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64}
      : tensor<2x3x8x8xf32>, tensor<4x3x3x3xf32> -> tensor<2x4x4x4xf32>
    ```

    Constraints:
    - (nn_conv_c1) operands and result have one rank of at least 3, and the operands one element type, which is the
      result's, too, unless that is f32 and operands have 16 bits
    - (nn_conv_c2) `stride`, `padding` and `dilation` have a number for each spatial dimension: strides and dilations
      from 1, paddings from 0, extents of the kernel from 1
    - (nn_conv_c3) `groups` divides the channels of `input` and `out`; the channels of `weight` are those of a group
  }];
  let arguments = (ins NN_FloatTensor:$input, NN_FloatTensor:$weight, DenseI64ArrayAttr:$stride,
                       DenseI64ArrayAttr:$padding, DenseI64ArrayAttr:$dilation, I64Attr:$groups);
  let results = (outs NN_FloatTensor:$out);
  let assemblyFormat = "$input `,` $weight attr-dict `:` type($input) `,` type($weight) `->` type($out)";
}

def NN_ConvTransposeOp : NN_WindowOp<"conv_transpose"> {
  let summary = "transposed convolution, which is the gradient of a convolution for its input";
  let description = [{
    The adjoint of `nn.conv` with the same weight and attributes: every element of `input` [N, G·O, p...] adds its
    product with the weights [G·O, C, k...] to the window of `out` [N, G·C, in...] that `nn.conv` would read for it.

    Constraints:
    - (nn_conv_transpose_c1) to (nn_conv_transpose_c3) as for `nn.conv`, with `input` and `out` exchanged
  }];
  let arguments = (ins NN_FloatTensor:$input, NN_FloatTensor:$weight, DenseI64ArrayAttr:$stride,
                       DenseI64ArrayAttr:$padding, DenseI64ArrayAttr:$dilation, I64Attr:$groups);
  let results = (outs NN_FloatTensor:$out);
  let assemblyFormat = "$input `,` $weight attr-dict `:` type($input) `,` type($weight) `->` type($out)";
}

def NN_ConvWeightGradOp : NN_WindowOp<"conv_weight_grad"> {
  let summary = "gradient of a convolution for its weight";
  let description = [{
        weight_grad[g·O + o, c, k...] = Σ_{n, p...} out_grad[n, g·O + o, p...] * input[n, g·C + c, p * stride + k * dilation − padding]

    Constraints:
    - (nn_conv_weight_grad_c1) to (nn_conv_weight_grad_c3) as for `nn.conv`, whose `out` and `weight` are `out_grad` and
      the result
  }];
  let arguments = (ins NN_FloatTensor:$input, NN_FloatTensor:$out_grad, DenseI64ArrayAttr:$stride,
                       DenseI64ArrayAttr:$padding, DenseI64ArrayAttr:$dilation, I64Attr:$groups);
  let results = (outs NN_FloatTensor:$weight_grad);
  let assemblyFormat = "$input `,` $out_grad attr-dict `:` type($input) `,` type($out_grad) `->` type($weight_grad)";
}

def NN_UnfoldOp : NN_WindowOp<"unfold"> {
  let summary = "the windows of a tensor";
  let description = [{
    For `input` [N, C, in...]: out[n, c, k..., p...] = input[n, c, p * stride + k * dilation − padding], zero outside.

    Constraints:
    - (nn_unfold_c1) `input` has a rank of at least 3, the result its element type and one more dimension for each
      spatial one; N and C agree
    - (nn_unfold_c2) `stride`, `padding` and `dilation` as for `nn.conv`
  }];
  let arguments = (ins NN_FloatTensor:$input, DenseI64ArrayAttr:$stride, DenseI64ArrayAttr:$padding,
                       DenseI64ArrayAttr:$dilation);
  let results = (outs NN_FloatTensor:$out);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($out)";
}

def NN_FoldOp : NN_WindowOp<"fold"> {
  let summary = "sum of overlapping windows";
  let description = [{
    The adjoint of `nn.unfold`: each element of a window [N, C, k..., p...] is added where `nn.unfold` would read it.

    Constraints:
    - (nn_fold_c1) and (nn_fold_c2) as for `nn.unfold`, with operand and result exchanged
  }];
  let arguments = (ins NN_FloatTensor:$input, DenseI64ArrayAttr:$stride, DenseI64ArrayAttr:$padding,
                       DenseI64ArrayAttr:$dilation);
  let results = (outs NN_FloatTensor:$out);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($out)";
}

#endif // RADDLE_DIALECT_NN_IR_NNCONVOLUTIONOPS_TD
