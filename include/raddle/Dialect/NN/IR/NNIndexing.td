// Ops that read, write and order elements by index. A part of NNOps.td, which includes it.

#ifndef RADDLE_DIALECT_NN_IR_NNINDEXING_TD
#define RADDLE_DIALECT_NN_IR_NNINDEXING_TD

def NN_Tensor : StaticShapeTensorOf<[AnyFloat, AnySignlessInteger]>;
def NN_IndexTensor : StaticShapeTensorOf<[I64]>;

def NN_ScatterKind : I32EnumAttr<"ScatterKind", "how a row that is written meets what was there", [
    I32EnumAttrCase<"Set", 0, "set">, I32EnumAttrCase<"Add", 1, "add">, I32EnumAttrCase<"Mul", 2, "mul">,
    I32EnumAttrCase<"Max", 3, "max">, I32EnumAttrCase<"Min", 4, "min">]> {
  let cppNamespace = "::raddle::nn";
  let genSpecializedAttr = 0;
}
def NN_ScatterKindAttr : EnumAttr<NN_Dialect, NN_ScatterKind, "scatter">;

//===----------------------------------------------------------------------===//
// Lookup
//===----------------------------------------------------------------------===//

def NN_CheckedIndexOp : NN_Op<"checked_index"> {
  let summary = "indices from data, checked and counted from the start";
  let description = [{
    out[...] = indices[...], plus `size` where it is negative and `from_end` is set. An index outside of [0, size), or
    [−size, size) with `from_end`, is an error at run time that names `what`; the result is inside [0, size) whatever
    the data. Indices that equal `ignore_index` are not checked and stay as they are.

    ```mlir
    %i = nn.checked_index %ids in 16 for "index of aten.index" {from_end} : tensor<2x3xi32> -> tensor<2x3xi64>
    ```

    Constraints:
    - (nn_checked_index_c1) `size` is positive
    - (nn_checked_index_c2) `out` has the shape of `indices`
  }];
  let arguments = (ins NN_IntTensor:$indices, I64Attr:$size, StrAttr:$what, UnitAttr:$from_end,
                       OptionalAttr<I64Attr>:$ignore_index);
  let results = (outs NN_IndexTensor:$out);
  let assemblyFormat = "$indices `in` $size `for` $what attr-dict `:` type($indices) `->` type($out)";
}

def NN_GatherRowsOp : NN_DifferentiableOp<"gather_rows"> {
  let summary = "rows of a table by index";
  let description = [{
    out[..., d] = table[indices[...], d] for `table` [V, D]. Indices are in [0, V): what comes from data passes
    `nn.checked_index` first. Elements of a tensor of any shape are rows of width 1 of its flat view.

    ```mlir
    %rows = nn.gather_rows %table at %i : tensor<10x4xf32>, tensor<2x3xi64> -> tensor<2x3x4xf32>
    ```

    Constraints:
    - (nn_gather_rows_c1) `table` is of rank 2 and has at least one row
    - (nn_gather_rows_c2) `out` has the shape of `indices` followed by D, and the element type of `table`
  }];
  let arguments = (ins NN_Tensor:$table, NN_IndexTensor:$indices);
  let results = (outs NN_Tensor:$out);
  let assemblyFormat = "$table `at` $indices attr-dict `:` type($table) `,` type($indices) `->` type($out)";
}

def NN_ScatterRowsOp : NN_DifferentiableOp<"scatter_rows", [AllTypesMatch<["target", "out"]>]> {
  let summary = "writes rows by index";
  let description = [{
    out is `target` [V, D], into which the rows of `updates` [N, D] go one after the other, in the order of their
    positions, so that the result does not depend on the number of threads: with v = indices[n],

        out[v, d] = updates[n, d]                  (set)
        out[v, d] = out[v, d] + updates[n, d]      (add; or for booleans)
        out[v, d] = out[v, d] * updates[n, d]      (mul; and for booleans)
        out[v, d] = max(out[v, d], updates[n, d])  (max, min; NaN wins)

    Indices are in [0, V) as for `nn.gather_rows`. Rows that tie in a maximum or minimum share the gradient.

    ```mlir
    %out = nn.scatter_rows add %updates into %target at %i : tensor<3x4xf32>, tensor<10x4xf32>, tensor<3xi64>
    ```

    Constraints:
    - (nn_scatter_rows_c1) `target` is of rank 2 and has at least one row
    - (nn_scatter_rows_c2) `indices` is of rank 1
    - (nn_scatter_rows_c3) `updates` is [N, D] of the element type of `target`
  }];
  let arguments = (ins NN_ScatterKindAttr:$kind, NN_Tensor:$updates, NN_Tensor:$target, NN_IndexTensor:$indices);
  let results = (outs NN_Tensor:$out);
  let assemblyFormat = [{
    $kind $updates `into` $target `at` $indices attr-dict `:` type($updates) `,` type($target) `,` type($indices)
  }];
}

//===----------------------------------------------------------------------===//
// Order
//===----------------------------------------------------------------------===//

def NN_ArgSortOp : NN_Op<"argsort"> {
  let summary = "positions of the elements of each row in their order";
  let description = [{
    For each row of `input` [..., N] the positions of its elements, least first, or greatest first with `descending`.
    Equal elements stay in their order, and NaN counts as the greatest, as in PyTorch. Values in order are the rows'
    elements at these positions, so that their gradient is that of a gather.

    ```mlir
    %order = nn.argsort %x {descending} : tensor<4x100xf32> -> tensor<4x100xi64>
    ```

    Constraints:
    - (nn_argsort_c1) `input` has a rank of at least 1
    - (nn_argsort_c2) `indices` has the shape of `input`
  }];
  let arguments = (ins NN_Tensor:$input, UnitAttr:$descending);
  let results = (outs NN_IndexTensor:$indices);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($indices)";
}

def NN_TopKOp : NN_Op<"topk"> {
  let summary = "positions of the greatest elements of each row";
  let description = [{
    For each row of `input` [..., N] the positions of its K greatest elements, greatest first, or of its K least,
    least first, with `smallest`. Of equal elements the first comes first, and NaN counts as the greatest.

    ```mlir
    %experts = nn.topk %scores : tensor<32x64xf32> -> tensor<32x8xi64>
    ```

    Constraints:
    - (nn_topk_c1) `input` has a rank of at least 1
    - (nn_topk_c2) `indices` has the shape of `input` but for its last dimension K, which is in [1, N]
  }];
  let arguments = (ins NN_Tensor:$input, UnitAttr:$smallest);
  let results = (outs NN_IndexTensor:$indices);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($indices)";
}

#endif // RADDLE_DIALECT_NN_IR_NNINDEXING_TD
