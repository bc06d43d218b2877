#ifndef RADDLE_DIALECT_MOE_IR_MOEOPS_TD
#define RADDLE_DIALECT_MOE_IR_MOEOPS_TD

include "mlir/IR/OpBase.td"
include "mlir/Dialect/Linalg/IR/LinalgInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "raddle/Interfaces/DifferentiableOpInterface.td"

def MoE_Dialect : Dialect {
  let name = "moe";
  let cppNamespace = "::raddle::moe";
  let summary = "mixture of experts: products of rows with the matrix of the group that they belong to";
  let description = [{
    Rows are sorted by expert: group g is the rows from `offsets[g - 1]` (0 for the first) to `offsets[g]`. Offsets are
    data, non-decreasing and in [0, M]; one outside of that range is an error at run time. Rows at and behind the last
    offset belong to no group.
  }];
}

class MoE_Op<string mnemonic, list<Trait> traits = []>
    : Op<MoE_Dialect, mnemonic, !listconcat(traits,
        [Pure, AggregatedOpInterface, DeclareOpInterfaceMethods<DifferentiableOpInterface>])> {
  let hasVerifier = 1;
  // By hand: what TableGen declares for this interface of upstream is not qualified with its namespaces.
  let extraClassDeclaration = [{
    /// Builds the op's meaning in upstream dialects; gives one value a result.
    ::mlir::FailureOr<::llvm::SmallVector<::mlir::Value>> decomposeOperation(::mlir::OpBuilder &builder);
  }];
}

def MoE_FloatTensor : StaticShapeTensorOf<[AnyFloat]>;
def MoE_OffsetTensor : StaticShapeTensorOf<[I32, I64]>;

def MoE_GroupedMatmulOp : MoE_Op<"grouped_matmul"> {
  let summary = "product of each row with its group's matrix";
  let description = [{
    For `lhs` [M, K] and `rhs` [G, K, N], or [G, N, K] with `transposed`: out[m, n] = Σ_k lhs[m, k] rhs[g, k, n] for the
    rows m of group g, and 0 for rows of no group. The work is that of M rows, however many groups there are.

    ```mlir
    %y = moe.grouped_matmul %x, %w at %ends {transposed}
      : tensor<64x32xf32>, tensor<8x48x32xf32>, tensor<8xi32> -> tensor<64x48xf32>
    ```

    Constraints:
    - (moe_grouped_matmul_c1) `lhs` is of rank 2, `rhs` of rank 3 with at least one group
    - (moe_grouped_matmul_c2) `rhs` has the K and the element type of `lhs`
    - (moe_grouped_matmul_c3) `offsets` is [G]
    - (moe_grouped_matmul_c4) `out` is [M, N], of the operands' element type, or of f32 where they have 16 bits
  }];
  let arguments = (ins MoE_FloatTensor:$lhs, MoE_FloatTensor:$rhs, MoE_OffsetTensor:$offsets, UnitAttr:$transposed);
  let results = (outs MoE_FloatTensor:$out);
  let assemblyFormat = [{
    $lhs `,` $rhs `at` $offsets attr-dict `:` type($lhs) `,` type($rhs) `,` type($offsets) `->` type($out)
  }];
}

def MoE_GroupedOuterOp : MoE_Op<"grouped_outer"> {
  let summary = "sum of outer products over the rows of each group";
  let description = [{
    For `lhs` [M, K] and `rhs` [M, N]: out[g, k, n] = Σ lhs[m, k] rhs[m, n] over the rows m of group g, in their order.
    It is the gradient of `moe.grouped_matmul` for its matrices.

    ```mlir
    %dw = moe.grouped_outer %x, %dy at %ends
      : tensor<64x32xf32>, tensor<64x48xf32>, tensor<8xi32> -> tensor<8x32x48xf32>
    ```

    Constraints:
    - (moe_grouped_outer_c1) `lhs` and `rhs` are of rank 2, of one element type, with equally many rows
    - (moe_grouped_outer_c2) `offsets` is [G] with at least one group
    - (moe_grouped_outer_c3) `out` is [G, K, N], of the operands' element type, or of f32 where they have 16 bits
  }];
  let arguments = (ins MoE_FloatTensor:$lhs, MoE_FloatTensor:$rhs, MoE_OffsetTensor:$offsets);
  let results = (outs MoE_FloatTensor:$out);
  let assemblyFormat = [{
    $lhs `,` $rhs `at` $offsets attr-dict `:` type($lhs) `,` type($rhs) `,` type($offsets) `->` type($out)
  }];
}

#endif // RADDLE_DIALECT_MOE_IR_MOEOPS_TD
