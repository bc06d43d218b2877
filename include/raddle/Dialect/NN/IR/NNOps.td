#ifndef RADDLE_DIALECT_NN_IR_NNOPS_TD
#define RADDLE_DIALECT_NN_IR_NNOPS_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"
include "mlir/Dialect/Linalg/IR/LinalgInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "raddle/Interfaces/DifferentiableOpInterface.td"

def NN_Dialect : Dialect {
  let name = "nn";
  let cppNamespace = "::raddle::nn";
  let summary = "network operations that stay whole for speed";
  let description = [{
    Operations of neural networks with no upstream counterpart: attention, norms, losses, embedding, optimizer
    updates, and the gradients of those. Everything else of a model is `linalg` on tensors.

    Every op implements `AggregatedOpInterface`: its decomposition into `linalg`, `tensor`, `arith` and `math` is its
    specification, its fallback on any target and the oracle of its fast kernels (pass `nn-decompose`).

    Discardable attributes of a function's arguments say what they are:

    | attribute | on | meaning |
    |---|---|---|
    | `nn.param = "name"` | argument | a parameter of the model |
    | `nn.frozen` | argument with `nn.param` | gets no gradient and no update |
    | `nn.buffer = "name"` | argument | a persistent buffer of the model |
    | `nn.transient` | argument with `nn.buffer` | not a part of the module's state dict |
    | `nn.input = "name"` | argument | an input of each call |
    | `nn.batched` | input, result | dimension 0 is a rank's part of the batch |
    | `nn.role = "lr"` | input | the learning rate (f32), given by the runtime |
    | `nn.role = "step"` or `"call"` | input | number of the training step, or of the entry point's call (i64, from 1), given by the runtime |
    | `nn.role = "seed"` or `"rank"` | input | seed of random numbers, or number of the rank (i64, from 0), given by the runtime |
    | `nn.aliases = ["name", …]` | argument | other names of the same tensor (tied weights) |
    | `nn.source = {entry, offset, strides}` | argument | where the first value lies: an entry of the weight archive, offset and strides in elements |
    | `nn.init = {kind, scale, value}` | argument | how to fill what has no source: `zeros`, `ones`, `normal`, or `value`: with these elements |
    | `nn.state = "name"` | argument | a state of the optimizer, named after its parameter: `w.exp_avg` |
    | `nn.output = "name"` | result | a result of each call |
    | `nn.updates = "name"` | result | the parameter, state or buffer whose next value the result is |

    Attributes of the module: `nn.weights` (path of the weight archive), `nn.batch` (a rank's batch).
  }];
  let hasOperationAttrVerify = 1;
  let hasRegionArgAttrVerify = 1;
  let hasRegionResultAttrVerify = 1;
  let useDefaultAttributePrinterParser = 1;
}

class NN_Op<string mnemonic, list<Trait> traits = []>
    : Op<NN_Dialect, mnemonic, !listconcat(traits,
        [Pure, AggregatedOpInterface])> {
  let hasVerifier = 1;
  // By hand: what TableGen declares for this interface of upstream is not qualified with its namespaces.
  let extraClassDeclaration = [{
    /// Builds the op's meaning in upstream dialects; gives one value a result.
    ::mlir::FailureOr<::llvm::SmallVector<::mlir::Value>> decomposeOperation(::mlir::OpBuilder &builder);
  }];
}

class NN_DifferentiableOp<string mnemonic, list<Trait> traits = []>
    : NN_Op<mnemonic, !listconcat(traits, [DeclareOpInterfaceMethods<DifferentiableOpInterface>])>;

def NN_FloatTensor : StaticShapeTensorOf<[AnyFloat]>;
def NN_IntTensor : StaticShapeTensorOf<[AnySignlessInteger]>;
def NN_MaskTensor : StaticShapeTensorOf<[AnyFloat, I1]>;
def NN_ScalarFloat : 0DTensorOf<[AnyFloat]>;
def NN_ScalarInt : 0DTensorOf<[I64]>;

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

def NN_AttentionOp : NN_DifferentiableOp<"attention"> {
  let summary = "scaled dot-product attention";
  let description = [{
    For query `q` [B, H, S, D], key `k` [B, G, T, D] and value `v` [B, G, T, E], where G divides H and query head h
    reads key head h / (H / G):

        s = scale * q kᵀ + mask      (−inf where `causal` and t > s, or a boolean mask is false)
        p = softmax over t of s      (0 in a row that is all −inf)
        out = p v                    [B, H, S, E]
        lse = log Σ exp s            [B, H, S]  (+inf in a row that is all −inf)

    `mask` is boolean or floating point; each of its four dimensions is 1 or that of [B, H, S, T].
    Example:

    ```mlir
    %out, %lse = nn.attention %q, %k, %v mask %m {scale = 1.250000e-01 : f64}
      : tensor<2x8x16x64xf32>, tensor<2x2x16x64xf32>, tensor<2x2x16x64xf32> mask tensor<2x1x16x16xi1>
      -> tensor<2x8x16x64xf32>, tensor<2x8x16xf32>
    ```

    Constraints:
    - (nn_attention_c1) `q`, `k`, `v` are of rank 4 and of one element type
    - (nn_attention_c2) B, D and T agree, and G divides H
    - (nn_attention_c3) `mask` is of rank 4 and broadcasts to [B, H, S, T]
    - (nn_attention_c4) `out` is [B, H, S, E] of the operands' element type, and `lse` [B, H, S] of that, or of f32 where
      they have 16 bits
  }];
  let arguments = (ins NN_FloatTensor:$query, NN_FloatTensor:$key, NN_FloatTensor:$value,
                       Optional<NN_MaskTensor>:$mask, F64Attr:$scale, UnitAttr:$causal);
  let results = (outs NN_FloatTensor:$out, NN_FloatTensor:$lse);
  let assemblyFormat = [{
    $query `,` $key `,` $value (`mask` $mask^)? attr-dict `:` type($query) `,` type($key) `,` type($value)
    (`mask` type($mask)^)? `->` type($out) `,` type($lse)
  }];
  let hasCanonicalizeMethod = 1;
}

def NN_AttentionGradOp : NN_Op<"attention_grad"> {
  let summary = "gradient of attention for query, key and value";
  let description = [{
    With p = exp(s − lse) recomputed from the forward operands, and g the gradient of `out`:

        dv = pᵀ g,  dp = g vᵀ,  ds = p ∘ (dp − Σ_e g ∘ out),  dq = scale * ds k,  dk = scale * dsᵀ q

    summed over the query heads that share a key head. A mask has `nn.attention_mask_grad`.

    Constraints:
    - (nn_attention_grad_c1) `out` and `out_grad` have the type of the forward result, `lse` its type
    - (nn_attention_grad_c2) results have the types of `query`, `key` and `value`
  }];
  let arguments = (ins NN_FloatTensor:$query, NN_FloatTensor:$key, NN_FloatTensor:$value,
                       Optional<NN_MaskTensor>:$mask, NN_FloatTensor:$out, NN_FloatTensor:$lse,
                       NN_FloatTensor:$out_grad, F64Attr:$scale, UnitAttr:$causal);
  let results = (outs NN_FloatTensor:$query_grad, NN_FloatTensor:$key_grad, NN_FloatTensor:$value_grad);
  let assemblyFormat = [{
    $query `,` $key `,` $value (`mask` $mask^)? `out` $out `,` $lse `grad` $out_grad attr-dict
    `:` type($query) `,` type($key) `,` type($value) (`mask` type($mask)^)? `,` type($out) `,` type($lse) `,`
    type($out_grad) `->` type($query_grad) `,` type($key_grad) `,` type($value_grad)
  }];
}

def NN_AttentionMaskGradOp : NN_Op<"attention_mask_grad"> {
  let summary = "gradient of attention for a floating-point mask";
  let description = [{
    With p and dp as in `nn.attention_grad`: p ∘ (dp − Σ_e g ∘ out), summed over the dimensions in which the mask
    broadcasts.

    Constraints:
    - (nn_attention_mask_grad_c1) `mask` is of floating point, and the result has its type
    - (nn_attention_mask_grad_c2) `out` and `out_grad` have the type of the forward result, `lse` its type
  }];
  let arguments = (ins NN_FloatTensor:$query, NN_FloatTensor:$key, NN_FloatTensor:$value, NN_FloatTensor:$mask,
                       NN_FloatTensor:$out, NN_FloatTensor:$lse, NN_FloatTensor:$out_grad, F64Attr:$scale,
                       UnitAttr:$causal);
  let results = (outs NN_FloatTensor:$mask_grad);
  let assemblyFormat = [{
    $query `,` $key `,` $value `mask` $mask `out` $out `,` $lse `grad` $out_grad attr-dict
    `:` type($query) `,` type($key) `,` type($value) `mask` type($mask) `,` type($out) `,` type($lse) `,`
    type($out_grad) `->` type($mask_grad)
  }];
}

//===----------------------------------------------------------------------===//
// Norms
//===----------------------------------------------------------------------===//

def NN_LayerNormOp : NN_DifferentiableOp<"layer_norm", [AttrSizedOperandSegments]> {
  let summary = "layer normalisation over the last dimension";
  let description = [{
    Over the last dimension of `input` [..., D]:

        mean = Σ x / D,  rstd = 1 / sqrt(Σ (x − mean)² / D + eps)       [...]
        out = (x − mean) * rstd * weight + bias

    `weight` and `bias` are [D]; absent they count as one and zero. A norm over several dimensions collapses them.

    ```mlir
    %out, %mean, %rstd = nn.layer_norm %x weight %w bias %b {eps = 1.0e-5 : f64}
      : tensor<4x8xf32>, tensor<8xf32>, tensor<8xf32> -> tensor<4x8xf32>, tensor<4xf32>, tensor<4xf32>
    ```

    Constraints:
    - (nn_layer_norm_c1) `input` has a rank of at least 1 and `out` has its type
    - (nn_layer_norm_c2) `weight` and `bias` are [D]
    - (nn_layer_norm_c3) `mean` and `rstd` have the shape of `input` without its last dimension
    - (nn_layer_norm_c4) `eps` is finite
  }];
  let arguments = (ins NN_FloatTensor:$input, Optional<NN_FloatTensor>:$weight, Optional<NN_FloatTensor>:$bias,
                       F64Attr:$eps);
  let results = (outs NN_FloatTensor:$out, NN_FloatTensor:$mean, NN_FloatTensor:$rstd);
  let assemblyFormat = [{
    $input (`weight` $weight^)? (`bias` $bias^)? attr-dict `:` type($input) (`,` type($weight)^)?
    (`bias` type($bias)^)? `->` type($out) `,` type($mean) `,` type($rstd)
  }];
}

def NN_LayerNormGradOp : NN_Op<"layer_norm_grad"> {
  let summary = "gradient of layer normalisation for its input";
  let description = [{
    With x̂ = (x − mean) * rstd and g = out_grad * weight:

        dx = rstd * (g − Σ g / D − x̂ * Σ (g ∘ x̂) / D)

    Constraints:
    - (nn_layer_norm_grad_c1) `out_grad` and the result have the type of `input`
    - (nn_layer_norm_grad_c2) `weight` is [D]; `mean` and `rstd` have the shape of `input` without its last dimension
  }];
  let arguments = (ins NN_FloatTensor:$input, Optional<NN_FloatTensor>:$weight, NN_FloatTensor:$mean,
                       NN_FloatTensor:$rstd, NN_FloatTensor:$out_grad);
  let results = (outs NN_FloatTensor:$input_grad);
  let assemblyFormat = [{
    $input (`weight` $weight^)? `stats` $mean `,` $rstd `grad` $out_grad attr-dict `:` type($input)
    (`,` type($weight)^)? `stats` type($mean) `,` type($rstd) `grad` type($out_grad) `->` type($input_grad)
  }];
}

def NN_RMSNormOp : NN_DifferentiableOp<"rms_norm"> {
  let summary = "root-mean-square normalisation over the last dimension";
  let description = [{
    Over the last dimension of `input` [..., D]: rstd = 1 / sqrt(Σ x² / D + eps), out = x * rstd * weight.

    Constraints:
    - (nn_rms_norm_c1) `input` has a rank of at least 1 and `out` has its type
    - (nn_rms_norm_c2) `weight` is [D]
    - (nn_rms_norm_c3) `rstd` has the shape of `input` without its last dimension
    - (nn_rms_norm_c4) `eps` is finite
  }];
  let arguments = (ins NN_FloatTensor:$input, Optional<NN_FloatTensor>:$weight, F64Attr:$eps);
  let results = (outs NN_FloatTensor:$out, NN_FloatTensor:$rstd);
  let assemblyFormat = [{
    $input (`weight` $weight^)? attr-dict `:` type($input) (`,` type($weight)^)? `->` type($out) `,` type($rstd)
  }];
}

def NN_RMSNormGradOp : NN_Op<"rms_norm_grad"> {
  let summary = "gradient of root-mean-square normalisation for its input";
  let description = [{
    With x̂ = x * rstd and g = out_grad * weight: dx = rstd * (g − x̂ * Σ (g ∘ x̂) / D).

    Constraints:
    - (nn_rms_norm_grad_c1) `out_grad` and the result have the type of `input`
    - (nn_rms_norm_grad_c2) `weight` is [D]; `rstd` has the shape of `input` without its last dimension
  }];
  let arguments = (ins NN_FloatTensor:$input, Optional<NN_FloatTensor>:$weight, NN_FloatTensor:$rstd,
                       NN_FloatTensor:$out_grad);
  let results = (outs NN_FloatTensor:$input_grad);
  let assemblyFormat = [{
    $input (`weight` $weight^)? `stats` $rstd `grad` $out_grad attr-dict `:` type($input) (`,` type($weight)^)?
    `stats` type($rstd) `grad` type($out_grad) `->` type($input_grad)
  }];
}

//===----------------------------------------------------------------------===//
// Embedding and loss
//===----------------------------------------------------------------------===//

def NN_EmbeddingOp : NN_DifferentiableOp<"embedding"> {
  let summary = "rows of a table by index";
  let description = [{
    out[..., d] = table[indices[...], d] for `table` [V, D]. An index outside [0, V) is an error at run time.
    Rows of index `padding_index` get no gradient.

    Constraints:
    - (nn_embedding_c1) `table` is of rank 2
    - (nn_embedding_c2) `out` has the shape of `indices` followed by D, and the element type of `table`
    - (nn_embedding_c3) `padding_index` is in [0, V)
  }];
  let arguments = (ins NN_FloatTensor:$table, NN_IntTensor:$indices, OptionalAttr<I64Attr>:$padding_index);
  let results = (outs NN_FloatTensor:$out);
  let assemblyFormat = "$table `,` $indices attr-dict `:` type($table) `,` type($indices) `->` type($out)";
}

def NN_EmbeddingGradOp : NN_Op<"embedding_grad"> {
  let summary = "sum of gradients by index";
  let description = [{
    result[v, d] = Σ over positions with indices[...] = v of out_grad[..., d], added in the order of the positions,
    so that the result does not depend on the number of threads; 0 for `padding_index`.

    Constraints:
    - (nn_embedding_grad_c1) the result is of rank 2
    - (nn_embedding_grad_c2) `out_grad` has the shape of `indices` followed by D
    - (nn_embedding_grad_c3) `padding_index` is in [0, V)
  }];
  let arguments = (ins NN_FloatTensor:$out_grad, NN_IntTensor:$indices, OptionalAttr<I64Attr>:$padding_index);
  let results = (outs NN_FloatTensor:$table_grad);
  let assemblyFormat = "$out_grad `,` $indices attr-dict `:` type($out_grad) `,` type($indices) `->` type($table_grad)";
}

def NN_CrossEntropyOp : NN_DifferentiableOp<"cross_entropy"> {
  let summary = "negative log-likelihood of labels under softmax";
  let description = [{
    For `logits` [N, C] and `labels` [N], over the rows whose label is not `ignore_index`:

        loss_sum = Σ (lse(logits[i]) − logits[i, labels[i]])
        count = number of such rows, as a floating-point number

    lse [N] is log Σ exp of a row. The mean is `loss_sum / count`: kept apart, so that a sharded program divides by the
    count of all ranks. A label outside [0, C) that is not `ignore_index` is an error at run time.

    Constraints:
    - (nn_cross_entropy_c1) `logits` is of rank 2 and `labels` of rank 1 with the same first dimension
    - (nn_cross_entropy_c2) `lse` is [N]; results have the element type of `logits`
  }];
  let arguments = (ins NN_FloatTensor:$logits, NN_IntTensor:$labels, I64Attr:$ignore_index);
  let results = (outs NN_ScalarFloat:$loss_sum, NN_ScalarFloat:$count, NN_FloatTensor:$lse);
  let assemblyFormat = [{
    $logits `,` $labels attr-dict `:` type($logits) `,` type($labels) `->` type($loss_sum) `,` type($count) `,`
    type($lse)
  }];
}

def NN_CrossEntropyGradOp : NN_Op<"cross_entropy_grad"> {
  let summary = "gradient of cross-entropy for the logits";
  let description = [{
    result[i, c] = loss_grad * (exp(logits[i, c] − lse[i]) − [c = labels[i]]), 0 in ignored rows.

    Constraints:
    - (nn_cross_entropy_grad_c1) `logits` is of rank 2, `labels` and `lse` of rank 1 with the same first dimension
    - (nn_cross_entropy_grad_c2) the result has the type of `logits`
  }];
  let arguments = (ins NN_FloatTensor:$logits, NN_IntTensor:$labels, NN_FloatTensor:$lse, NN_ScalarFloat:$loss_grad,
                       I64Attr:$ignore_index);
  let results = (outs NN_FloatTensor:$logits_grad);
  let assemblyFormat = [{
    $logits `,` $labels `stats` $lse `grad` $loss_grad attr-dict `:` type($logits) `,` type($labels) `,` type($lse) `,`
    type($loss_grad) `->` type($logits_grad)
  }];
}

//===----------------------------------------------------------------------===//
// Barriers
//===----------------------------------------------------------------------===//

def NN_DetachOp : NN_DifferentiableOp<"detach"> {
  let summary = "a value through which no gradient flows";
  let description = [{
    Constraints:
    - (nn_detach_c1) the result has the type of the operand
  }];
  let arguments = (ins NN_FloatTensor:$input);
  let results = (outs NN_FloatTensor:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
}

def NN_RankMeanOp : NN_DifferentiableOp<"rank_mean"> {
  let summary = "the mean of a number over the ranks";
  let description = [{
    For divisors that depend on the batch alone, such as the weight of all labels: a rank's loss over the ranks' mean
    divisor is its part of the global loss. On one rank it is the number itself. No gradient flows through.

    ```mlir
    %mean = nn.rank_mean %weight : tensor<f32> -> tensor<f32>
    ```

    Constraints:
    - (nn_rank_mean_c1) the result has the type of the operand
  }];
  let arguments = (ins NN_ScalarFloat:$input);
  let results = (outs NN_ScalarFloat:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
}

//===----------------------------------------------------------------------===//
// Optimizers
//===----------------------------------------------------------------------===//

def NN_SquaredNormOp : NN_Op<"squared_norm"> {
  let summary = "sum of squares over several tensors";
  let description = [{
    The global norm of gradients is its square root. Stays whole until sharding, which gives it each rank's slices and
    adds the results of the ranks. Squares are added in f64 and the sum is rounded once.

    Constraints:
    - (nn_squared_norm_c1) there is at least one operand, and none has a wider element type than the result
  }];
  let arguments = (ins Variadic<NN_FloatTensor>:$tensors);
  let results = (outs NN_ScalarFloat:$result);
  let assemblyFormat = "$tensors attr-dict `:` type($tensors) `->` type($result)";
}

def NN_AdamWOp : NN_Op<"adamw", [AllTypesMatch<["param", "grad", "exp_avg", "exp_avg_sq", "new_param", "new_exp_avg",
                                                "new_exp_avg_sq"]>]> {
  let summary = "one step of AdamW";
  let description = [{
    As `torch.optim.AdamW` (decoupled weight decay, arXiv 1711.05101), elementwise, t = `step` from 1, g = `grad` times
    `grad_scale` where that is given:

        m' = beta1 m + (1 − beta1) g,  v' = beta2 v + (1 − beta2) g²
        p' = p (1 − lr weight_decay) − lr (m' / (1 − beta1^t)) / (sqrt(v' / (1 − beta2^t)) + eps)

    Constraints:
    - (nn_adamw_c1) `beta1` and `beta2` are in [0, 1)
    - (nn_adamw_c2) `eps` and `weight_decay` are not negative
  }];
  let arguments = (ins NN_FloatTensor:$param, NN_FloatTensor:$grad, NN_FloatTensor:$exp_avg, NN_FloatTensor:$exp_avg_sq,
                       NN_ScalarFloat:$lr, NN_ScalarInt:$step, Optional<NN_ScalarFloat>:$grad_scale, F64Attr:$beta1, F64Attr:$beta2, F64Attr:$eps,
                       F64Attr:$weight_decay);
  let results = (outs NN_FloatTensor:$new_param, NN_FloatTensor:$new_exp_avg, NN_FloatTensor:$new_exp_avg_sq);
  let assemblyFormat = [{
    $param `grad` $grad (`scale` $grad_scale^ `:` type($grad_scale))? `state` $exp_avg `,` $exp_avg_sq `lr` $lr
    `step` $step attr-dict `:` type($param) `,` type($lr) `,` type($step)
  }];
}

def NN_SGDOp : NN_Op<"sgd", [AllTypesMatch<["param", "grad", "momentum_buffer", "new_param", "new_momentum_buffer"]>]> {
  let summary = "one step of stochastic gradient descent with momentum";
  let description = [{
    As `torch.optim.SGD` without dampening and Nesterov: d = g + weight_decay p, b' = momentum b + d, p' = p − lr b', with
    g = `grad` times `grad_scale` where that is given.
    With a buffer of zeros the first step equals torch's.

    Constraints:
    - (nn_sgd_c1) `momentum` is in [0, 1)
    - (nn_sgd_c2) `weight_decay` is not negative
  }];
  let arguments = (ins NN_FloatTensor:$param, NN_FloatTensor:$grad, NN_FloatTensor:$momentum_buffer,
                       NN_ScalarFloat:$lr, Optional<NN_ScalarFloat>:$grad_scale, F64Attr:$momentum, F64Attr:$weight_decay);
  let results = (outs NN_FloatTensor:$new_param, NN_FloatTensor:$new_momentum_buffer);
  let assemblyFormat = [{
    $param `grad` $grad (`scale` $grad_scale^ `:` type($grad_scale))? `state` $momentum_buffer `lr` $lr attr-dict
    `:` type($param) `,` type($lr)
  }];
}

include "raddle/Dialect/NN/IR/NNBatchNormOps.td"
include "raddle/Dialect/NN/IR/NNConvolutionOps.td"
include "raddle/Dialect/NN/IR/NNPoolingOps.td"
include "raddle/Dialect/NN/IR/NNIndexing.td"
include "raddle/Dialect/NN/IR/NNRandomOps.td"
include "raddle/Dialect/NN/IR/NNScanOps.td"

#endif // RADDLE_DIALECT_NN_IR_NNOPS_TD
