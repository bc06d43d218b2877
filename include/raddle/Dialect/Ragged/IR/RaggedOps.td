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
    A bucket is one flat buffer of `ranks * shard` elements. Of the ranks that share one copy of it, rank r owns elements [r * shard, (r + 1) * shard). Tensors
    lie contiguously at fixed offsets, so that a gathered bucket is a set of views and a gradient bucket is written in
    place by those that compute the gradients: nothing is copied to pack or to unpack.

    `ragged.state = "name"` on an argument of a function marks a rank's persistent slice; `ragged.bucket = @bucket` beside it
    names its layout, `ragged.role` is `param` or the name of an optimizer state. `ragged.alias = "name"` on a result says
    which state the result becomes.

    The ranks are a grid of replicas x shards, which `ragged.mesh` of the module names: rank r holds slice r modulo shards, and is
    in replica r / shards. Without the attribute the only grid counts. `ragged.ranks` is the number of all ranks, of a module
    without a grid too: with n times as many as the buckets have there are n replicas.

    ```mlir
    module attributes {ragged.mesh = @mesh, ragged.ranks = 6 : i64} {
      shard.grid @mesh(shape = 2x3)
      ragged.bucket @layers_0 ranks 3 shard 128 : f32 {slots = [#ragged.slot<"layers.0.weight" at 0 shape [16, 24] unit 1>]}
    }
    ```
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

def Ragged_Group : I32EnumAttr<"Group", "which ranks take part", [
    I32EnumAttrCase<"All", 0, "all">, I32EnumAttrCase<"Shards", 1, "shards">,
    I32EnumAttrCase<"Replicas", 2, "replicas">]> {
  let cppNamespace = "::raddle::ragged";
  let genSpecializedAttr = 0;
}
def Ragged_GroupAttr : EnumAttr<Ragged_Dialect, Ragged_Group, "group"> {
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
    A bucket may be gathered several times, so that its memory is free in between; `phase` tells these gathers apart, or they
    would be merged as equal values.

    The element type may be another one than the bucket's: of a slice that was cast before it is gathered.

    Constraints:
    - (ragged_gather_c1) the operand is [shard] and the result [ranks * shard] of the bucket, of one element type
  }];
  let arguments = (ins 1DTensorOf<[AnyType]>:$slice, FlatSymbolRefAttr:$bucket,
                       DefaultValuedAttr<I64Attr, "0">:$phase);
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
    - (ragged_slot_c2) the operand is [ranks * shard] and the result has the slot's shape, both of one element type
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
    The element type may be another one than the bucket's: of gradients that are rounded before they are reduced.

    Constraints:
    - (ragged_pack_c1) one operand a slot, of its shape, all of one element type
    - (ragged_pack_c2) the result is [ranks * shard] of that type
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
    - (ragged_reduce_scatter_c1) the operand is [ranks * shard] and the result [shard] of the bucket, of one element type
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
    %slice = ragged.all_reduce <mean> %part over 2 {group = #ragged.group<replicas>} : tensor<96xf32>
    ```
    `group` says which ranks these are: all, those of one replica, or those that hold the same slice.

    Constraints:
    - (ragged_all_reduce_c1) the number of ranks is positive
  }];
  let arguments = (ins Ragged_ReductionAttr:$reduction, AnyStaticShapeTensor:$input, I64Attr:$ranks,
                       DefaultValuedAttr<Ragged_GroupAttr, "::raddle::ragged::Group::All">:$group);
  let results = (outs AnyStaticShapeTensor:$result);
  let assemblyFormat = "$reduction $input `over` $ranks attr-dict `:` type($input)";
}

def Ragged_RedistributeOp : Ragged_Op<"redistribute", [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "a rank's slice in another layout of the same tensors";
  let description = [{
    Every rank receives the elements that its slice of the second bucket covers from the ranks that own them in the first.
    Padding of the result is zero.

    ```mlir
    %b = ragged.redistribute %a from @rows to @blocks : tensor<96xf32> -> tensor<128xf32>
    ```
    Constraints:
    - (ragged_redistribute_c1) the operand is a slice of the first bucket, the result one of the second, of one element type
    - (ragged_redistribute_c2) both buckets have the same number of ranks, and slots of the same names and numbers of elements
  }];
  let arguments = (ins 1DTensorOf<[AnyType]>:$slice, FlatSymbolRefAttr:$source, FlatSymbolRefAttr:$target);
  let results = (outs 1DTensorOf<[AnyType]>:$result);
  let assemblyFormat = "$slice `from` $source `to` $target attr-dict `:` type($slice) `->` type($result)";
  let hasVerifier = 0;
}

def Ragged_GatherToRootsOp : Ragged_Op<"gather_to_roots", [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "whole tensors of a bucket, each on one rank";
  let description = [{
    Tensor i of the bucket arrives on rank `roots[i]`; on other ranks the result is unspecified. Without `roots` the compiler
    chooses them, so that every rank gets about the same work.

    ```mlir
    %w:2 = ragged.gather_to_roots %slice of @layers_0 roots [0, 1] : (tensor<96xf32>) -> (tensor<16x8xf32>, tensor<8x8xf32>)
    ```
    Constraints:
    - (ragged_gather_to_roots_c1) the operand is a slice of the bucket; one result a slot, of its shape, of one element type
    - (ragged_gather_to_roots_c2) one root a slot, each in [0, ranks)
  }];
  let arguments = (ins 1DTensorOf<[AnyType]>:$slice, FlatSymbolRefAttr:$bucket, OptionalAttr<DenseI64ArrayAttr>:$roots);
  let results = (outs Variadic<AnyStaticShapeTensor>:$tensors);
  let assemblyFormat = "$slice `of` $bucket (`roots` $roots^)? attr-dict `:` functional-type($slice, $tensors)";
  let hasVerifier = 0;
}

def Ragged_ScatterFromRootsOp : Ragged_Op<"scatter_from_roots", [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "a rank's slice of tensors that are whole, each on one rank";
  let description = [{
    The inverse of `ragged.gather_to_roots`. Padding of the result is zero.

    ```mlir
    %slice = ragged.scatter_from_roots %a, %b into @layers_0 roots [0, 1] : (tensor<16x8xf32>, tensor<8x8xf32>) -> tensor<96xf32>
    ```
    Constraints:
    - (ragged_scatter_from_roots_c1) one operand a slot, of its shape; the result is a slice of the bucket, of one element type
    - (ragged_scatter_from_roots_c2) one root a slot, each in [0, ranks)
  }];
  let arguments = (ins Variadic<AnyStaticShapeTensor>:$tensors, FlatSymbolRefAttr:$bucket,
                       OptionalAttr<DenseI64ArrayAttr>:$roots);
  let results = (outs 1DTensorOf<[AnyType]>:$slice);
  let assemblyFormat = "$tensors `into` $bucket (`roots` $roots^)? attr-dict `:` functional-type($tensors, $slice)";
  let hasVerifier = 0;
}

#endif // RADDLE_DIALECT_RAGGED_IR_RAGGEDOPS_TD
