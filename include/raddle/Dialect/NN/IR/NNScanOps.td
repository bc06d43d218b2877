#ifndef RADDLE_DIALECT_NN_IR_NNSCANOPS_TD
#define RADDLE_DIALECT_NN_IR_NNSCANOPS_TD

// Running sums and the like. NNOps.td includes this file.

def NN_NumberTensor : StaticShapeTensorOf<[AnyFloat, AnySignlessInteger]>;

// An op that walks one dimension and gives at every place what it has combined so far: linear time, parallel over the
// other dimensions. Its decomposition is an `scf.forall` over what lies before the dimension.
class NN_ScanConstraints {
  code constraints = [{

    Constraints:
    - (nn_scan_c1) `dim` is a dimension of the operands
    - (nn_scan_c2) all operands and results have one shape, and one element type except for indices
  }];
}

class NN_ScanOp<string mnemonic> : NN_DifferentiableOp<mnemonic>, NN_ScanConstraints;
class NN_ScanGradOp<string mnemonic> : NN_Op<mnemonic>, NN_ScanConstraints;

def NN_CumsumOp : NN_ScanOp<"cumsum"> {
  let summary = "running sum along a dimension";
  let description = !strconcat([{
    out[i] = Σ input[j] over j ≤ i, or over j ≥ i where `reverse`. Integers wrap. f32 adds up in f64, 16-bit types in
    f32, as PyTorch does on a CPU. The gradient is the running sum in the other direction.

    ```mlir
    %y = nn.cumsum %x {dim = 1 : i64} : tensor<4x8xf32>
    ```
  }], constraints);
  let arguments = (ins NN_NumberTensor:$input, I64Attr:$dim, UnitAttr:$reverse);
  let results = (outs NN_NumberTensor:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
}

def NN_CumprodOp : NN_ScanOp<"cumprod"> {
  let summary = "running product along a dimension";
  let description = !strconcat([{
    out[i] = Π input[j] over j ≤ i, accumulated as `nn.cumsum` does.
  }], constraints);
  let arguments = (ins NN_NumberTensor:$input, I64Attr:$dim);
  let results = (outs NN_NumberTensor:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
}

def NN_CumprodGradOp : NN_ScanGradOp<"cumprod_grad"> {
  let summary = "gradient of the running product";
  let description = !strconcat([{
    With g = `out_grad`, p[k] = Π input[j] over j < k, and s[k] = g[k] + input[k + 1] s[k + 1] from the end:
    result[k] = p[k] s[k]. Nothing is divided by, so that zeros among the factors need no care.
  }], constraints);
  let arguments = (ins NN_FloatTensor:$input, NN_FloatTensor:$out_grad, I64Attr:$dim);
  let results = (outs NN_FloatTensor:$result);
  let assemblyFormat = "$input `grad` $out_grad attr-dict `:` type($input) `,` type($out_grad) `->` type($result)";
}

def NN_LogcumsumexpOp : NN_ScanOp<"logcumsumexp"> {
  let summary = "logarithm of the running sum of exponentials along a dimension";
  let description = !strconcat([{
    out[i] = log Σ exp input[j] over j ≤ i, by out[i] = max(a, b) + log(1 + exp(−|a − b|)) of a = out[i − 1] and
    b = input[i].
  }], constraints);
  let arguments = (ins NN_FloatTensor:$input, I64Attr:$dim);
  let results = (outs NN_FloatTensor:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
}

def NN_LogcumsumexpGradOp : NN_ScanGradOp<"logcumsumexp_grad"> {
  let summary = "gradient of the logarithm of the running sum of exponentials";
  let description = !strconcat([{
    With g = `out_grad` and s[k] = g[k] + exp(out[k] − out[k + 1]) s[k + 1] from the end:
    result[k] = exp(input[k] − out[k]) s[k]. No exponent is above zero.
  }], constraints);
  let arguments = (ins NN_FloatTensor:$input, NN_FloatTensor:$out, NN_FloatTensor:$out_grad, I64Attr:$dim);
  let results = (outs NN_FloatTensor:$result);
  let assemblyFormat = [{
    $input `out` $out `grad` $out_grad attr-dict `:` type($input) `,` type($out) `,` type($out_grad) `->` type($result)
  }];
}

class NN_CumextremumOp<string mnemonic, string relation> : NN_ScanOp<mnemonic> {
  let description = !strconcat([{
    values[i] is the extremum of input[j] over j ≤ i and indices[i] its last place among these: a new element takes over
    where it is }], relation, [{ what was found before. The first NaN stays.
  }], constraints);
  let arguments = (ins NN_NumberTensor:$input, I64Attr:$dim);
  let results = (outs NN_NumberTensor:$values, StaticShapeTensorOf<[I64]>:$indices);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($values) `,` type($indices)";
}

def NN_CummaxOp : NN_CumextremumOp<"cummax", "at least"> {
  let summary = "running maximum along a dimension, with its place";
}

def NN_CumminOp : NN_CumextremumOp<"cummin", "at most"> {
  let summary = "running minimum along a dimension, with its place";
}

def NN_CumextremumGradOp : NN_ScanGradOp<"cumextremum_grad"> {
  let summary = "gradient of a running maximum or minimum";
  let description = !strconcat([{
    result[k] = Σ out_grad[i] over the i with indices[i] = k. Equal indices are neighbours, as the forward op leaves
    them.
  }], constraints);
  let arguments = (ins StaticShapeTensorOf<[I64]>:$indices, NN_FloatTensor:$out_grad, I64Attr:$dim);
  let results = (outs NN_FloatTensor:$result);
  let assemblyFormat = "$indices `grad` $out_grad attr-dict `:` type($indices) `,` type($out_grad) `->` type($result)";
}

#endif // RADDLE_DIALECT_NN_IR_NNSCANOPS_TD
