#ifndef RADDLE_DIALECT_RAGGED_IR_RAGGEDOPS_TD
#define RADDLE_DIALECT_RAGGED_IR_RAGGEDOPS_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Ragged_Dialect : Dialect {
  let name = "ragged";
  let cppNamespace = "::raddle::ragged";
  let summary = "buckets of tensors that are cut over ranks, and their collectives";
  let description = [{
    A bucket is one flat buffer of `ranks * shard` elements. Rank r owns elements [r * shard, (r + 1) * shard). Tensors
    lie contiguously at fixed offsets, so that a gathered bucket is a set of views and a gradient bucket is written in
    place by those that compute the gradients: nothing is copied to pack or to unpack.

    `ragged.state = "name"` on an argument of a function marks a rank's persistent slice; `ragged.bucket = @bucket` beside it
    names its layout, `ragged.role` is `param` or the name of an optimizer state. `ragged.alias = "name"` on a result says
    which state the result becomes. `ragged.ranks` on the module is the number of ranks.
  }];
  let useDefaultAttributePrinterParser = 1;
  let hasRegionArgAttrVerify = 1;
  let hasOperationAttrVerify = 1;
}

include "raddle/Dialect/Ragged/IR/RaggedLayout.td"

class Ragged_Op<string mnemonic, list<Trait> traits = []> : Op<Ragged_Dialect, mnemonic, traits> {
  let hasVerifier = 1;
}

def Ragged_Reduction : I32EnumAttr<"Reduction", "how values of the ranks are combined", [
    I32EnumAttrCase<"Sum", 0, "sum">, I32EnumAttrCase<"Mean", 1, "mean">, I32EnumAttrCase<"Max", 2, "max">]> {
  let cppNamespace = "::raddle::ragged";
  let genSpecializedAttr = 0;
}
def Ragged_ReductionAttr : EnumAttr<Ragged_Dialect, Ragged_Reduction, "reduction"> {
  let assemblyFormat = "`<` $value `>`";
}

def Ragged_SlotAttr : AttrDef<Ragged_Dialect, "Slot"> {
  let mnemonic = "slot";
  let summary = "where one tensor lies in a bucket";
  let description = [{
    `offset` counts elements from the start of the whole bucket, `unit` is the number of elements that no rank boundary
    may cut apart.
  }];
  let parameters = (ins StringRefParameter<"name of the tensor">:$name, "int64_t":$offset,
                        ArrayRefParameter<"int64_t">:$shape, "int64_t":$unit);
  let assemblyFormat = "`<` $name `at` $offset `shape` custom<Extents>($shape) `unit` $unit `>`";
  let extraClassDeclaration = [{
    /// Number of elements of the tensor.
    int64_t getElements() const;
  }];
}

def Ragged_BucketOp : Ragged_Op<"bucket", [Symbol]> {
  let summary = "a flat buffer of tensors, cut into one equal slice a rank";
  let description = [{
    ```mlir
    ragged.bucket @layers_0 ranks 4 shard 96 : f32 {
      slots = [#ragged.slot<"layers.0.weight" at 0 shape [16, 24] unit 1>]
    }
    ```

    `parameters` keeps, one dictionary a slot, what the argument attributes of the parameters said (`nn.source`,
    `nn.aliases`, …) when a program no longer has these arguments.

    Constraints:
    - (ragged_bucket_c1) `ranks` and `shard` are positive
    - (ragged_bucket_c2) every slot lies inside [0, ranks * shard)
    - (ragged_bucket_c3) slots do not overlap and have distinct names
    - (ragged_bucket_c4) the unit is positive, and every rank boundary inside a slot is at a whole number of units from its start;
      the last unit may be shorter
    - (ragged_bucket_c5) `parameters` has one dictionary a slot
    - (ragged_bucket_c6) elements are floats or integers, and all of them take at most 2^47 bytes
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, ConfinedAttr<I64Attr, []>:$ranks, I64Attr:$shard,
                       TypeAttr:$element_type, ArrayAttr:$slots, OptionalAttr<ArrayAttr>:$parameters);
  let assemblyFormat = "$sym_name `ranks` $ranks `shard` $shard `:` $element_type attr-dict";
  let extraClassDeclaration = [{
    /// Elements of the whole bucket: ranks * shard.
    int64_t getElements() { return getRanks() * getShard(); }
    /// The slot of a tensor, or null.
    SlotAttr findSlot(::llvm::StringRef name);
    /// Number of elements that belong to no tensor.
    int64_t getPadding();
  }];
}

def Ragged_GatherOp : Ragged_Op<"gather", [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "all-gather of a bucket from the slices of the ranks";
  let description = [{
    ```mlir
    %full = ragged.gather %slice of @layers_0 : tensor<96xf32> -> tensor<384xf32>
    ```
    Constraints:
    - (ragged_gather_c1) the operand is [shard] and the result [ranks * shard] of the bucket, of its element type
  }];
  let arguments = (ins 1DTensorOf<[AnyType]>:$slice, FlatSymbolRefAttr:$bucket);
  let results = (outs 1DTensorOf<[AnyType]>:$full);
  let assemblyFormat = "$slice `of` $bucket attr-dict `:` type($slice) `->` type($full)";
  let hasVerifier = 0;
}

def Ragged_SlotOp : Ragged_Op<"slot", [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "view of one tensor in a whole bucket";
  let description = [{
    ```mlir
    %w = ragged.slot "layers.0.weight" of %full in @layers_0 : tensor<384xf32> -> tensor<16x24xf32>
    ```
    Constraints:
    - (ragged_slot_c1) the bucket has a slot of that name
    - (ragged_slot_c2) the operand is [ranks * shard] and the result has the slot's shape, both of the bucket's element type
  }];
  let arguments = (ins 1DTensorOf<[AnyType]>:$full, StrAttr:$slot, FlatSymbolRefAttr:$bucket);
  let results = (outs AnyStaticShapeTensor:$tensor);
  let assemblyFormat = "$slot `of` $full `in` $bucket attr-dict `:` type($full) `->` type($tensor)";
  let hasVerifier = 0;
}

def Ragged_PackOp : Ragged_Op<"pack", [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "a whole bucket from its tensors";
  let description = [{
    Operands are in the order of the bucket's slots. What no slot covers is zero. The schedule gives each operand the slot's
    address, so that its producer writes there; only an operand that must live elsewhere too is copied.

    ```mlir
    %full = ragged.pack %dw into @layers_0 : (tensor<16x24xf32>) -> tensor<384xf32>
    ```
    Constraints:
    - (ragged_pack_c1) one operand a slot, of its shape and the bucket's element type
    - (ragged_pack_c2) the result is [ranks * shard]
  }];
  let arguments = (ins Variadic<AnyStaticShapeTensor>:$tensors, FlatSymbolRefAttr:$bucket);
  let results = (outs 1DTensorOf<[AnyType]>:$full);
  let assemblyFormat = "$tensors `into` $bucket attr-dict `:` functional-type($tensors, $full)";
  let hasVerifier = 0;
}

def Ragged_ReduceScatterOp : Ragged_Op<"reduce_scatter", [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "combines a bucket over the ranks; each keeps its slice";
  let description = [{
    ```mlir
    %slice = ragged.reduce_scatter mean %full of @layers_0 : tensor<384xf32> -> tensor<96xf32>
    ```
    Constraints:
    - (ragged_reduce_scatter_c1) the operand is [ranks * shard] and the result [shard] of the bucket, of its element type
  }];
  let arguments = (ins Ragged_ReductionAttr:$reduction, 1DTensorOf<[AnyType]>:$full, FlatSymbolRefAttr:$bucket);
  let results = (outs 1DTensorOf<[AnyType]>:$slice);
  let assemblyFormat = "$reduction $full `of` $bucket attr-dict `:` type($full) `->` type($slice)";
  let hasVerifier = 0;
}

def Ragged_AllReduceOp : Ragged_Op<"all_reduce", [Pure, SameOperandsAndResultType]> {
  let summary = "combines a tensor over the ranks; each gets the result";
  let description = [{
    ```mlir
    %loss = ragged.all_reduce <mean> %local over 4 : tensor<f32>
    ```
    Constraints:
    - (ragged_all_reduce_c1) the number of ranks is positive
  }];
  let arguments = (ins Ragged_ReductionAttr:$reduction, AnyStaticShapeTensor:$input, I64Attr:$ranks);
  let results = (outs AnyStaticShapeTensor:$result);
  let assemblyFormat = "$reduction $input `over` $ranks attr-dict `:` type($input)";
}

#endif // RADDLE_DIALECT_RAGGED_IR_RAGGEDOPS_TD
