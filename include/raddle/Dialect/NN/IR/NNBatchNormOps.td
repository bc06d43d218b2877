// Normalisation of channels over a batch. Included by NNOps.td.
#ifndef RADDLE_DIALECT_NN_IR_NNBATCHNORMOPS_TD
#define RADDLE_DIALECT_NN_IR_NNBATCHNORMOPS_TD

include "raddle/Dialect/NN/IR/NNOps.td"

def NN_BatchNormOp : NN_DifferentiableOp<"batch_norm", [AttrSizedOperandSegments]> {
  let summary = "normalisation of each channel over the batch";
  let description = [{
    For `input` [N, C, ...] and each channel c, with `training` over the M elements of the channel:

        mean[c] = Σ x / M,  variance[c] = Σ (x − mean)² / M,
        out = (x − mean[c]) / sqrt(variance[c] + eps) * weight[c] + bias[c]

    Without `training` the mean and the variance are the running ones, and the results of that name repeat them.
    `weight` and `bias` are [C]; absent they count as one and zero. The running statistics of an op that trains say what
    the same op uses when the model is evaluated (`train-build-step`); their next values are ordinary arithmetic on the
    results. On several ranks the statistics are those of the rank's part of the batch.

    ```mlir
    %out, %mean, %variance = nn.batch_norm %x weight %w : tensor<8xf32> running %m, %v : tensor<8xf32>, tensor<8xf32>
      {eps = 1.0e-5 : f64, training} : tensor<4x8x6x6xf32> -> tensor<4x8x6x6xf32>, tensor<8xf32>, tensor<8xf32>
    ```

    Constraints:
    - (nn_batch_norm_c1) `input` has a rank of at least 2 and `out` has its type
    - (nn_batch_norm_c2) weight, bias, all statistics are [C], of the element type of `input`
    - (nn_batch_norm_c3) both running statistics are there, or none of them; without `training` they are
    - (nn_batch_norm_c4) `eps` is finite
  }];
  let arguments = (ins NN_FloatTensor:$input, Optional<NN_FloatTensor>:$weight, Optional<NN_FloatTensor>:$bias,
                       Optional<NN_FloatTensor>:$running_mean, Optional<NN_FloatTensor>:$running_variance,
                       F64Attr:$eps, UnitAttr:$training);
  let results = (outs NN_FloatTensor:$out, NN_FloatTensor:$mean, NN_FloatTensor:$variance);
  let assemblyFormat = [{
    $input (`weight` $weight^ `:` type($weight))? (`bias` $bias^ `:` type($bias))?
    (`running` $running_mean^ `,` $running_variance `:` type($running_mean) `,` type($running_variance))?
    attr-dict `:` type($input) `->` type($out) `,` type($mean) `,` type($variance)
  }];
}

def NN_BatchNormGradOp : NN_Op<"batch_norm_grad"> {
  let summary = "gradient of batch normalisation";
  let description = [{
    With x̂ = (x − mean) / sqrt(variance + eps), g = out_grad and sums over the M elements of a channel:

        bias_grad = Σ g,  weight_grad = Σ g ∘ x̂,
        input_grad = weight / sqrt(variance + eps) * (g − bias_grad / M − x̂ * weight_grad / M)

    where the two means are left out without `training`: the statistics do not depend on the input then.

    Constraints:
    - (nn_batch_norm_grad_c1) `out_grad` and `input_grad` have the type of `input`, which has a rank of at least 2
    - (nn_batch_norm_grad_c2) weight, statistics and the other gradients are [C], of the element type of `input`
  }];
  let arguments = (ins NN_FloatTensor:$input, Optional<NN_FloatTensor>:$weight, NN_FloatTensor:$mean,
                       NN_FloatTensor:$variance, NN_FloatTensor:$out_grad, F64Attr:$eps, UnitAttr:$training);
  let results = (outs NN_FloatTensor:$input_grad, NN_FloatTensor:$weight_grad, NN_FloatTensor:$bias_grad);
  let assemblyFormat = [{
    $input (`weight` $weight^ `:` type($weight))? `stats` $mean `,` $variance `grad` $out_grad attr-dict `:` type($input) `,`
    type($mean) `,` type($variance) `,` type($out_grad) `->` type($input_grad) `,` type($weight_grad) `,`
    type($bias_grad)
  }];
}

#endif // RADDLE_DIALECT_NN_IR_NNBATCHNORMOPS_TD
