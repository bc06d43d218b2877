#ifndef RADDLE_DIALECT_EXEC_IR_EXECOPS_TD
#define RADDLE_DIALECT_EXEC_IR_EXECOPS_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Exec_Dialect : Dialect {
  let name = "exec";
  let cppNamespace = "::raddle::exec";
  let summary = "the lowered program: buffers with addresses, kernels, library calls, collectives, streams";
  let description = [{
    The dialect lives in two forms. After `fuse`, its ops are on tensors: they have results and no `outs`. After
    `schedule`, they are inside an `exec.program`, on buffers (memrefs with an address), have `outs` and no results, and
    run in the order that they are written in, each on its stream.

    A kernel is a private `func.func` with the unit attribute `exec.kernel`. Integers `exec.flops` and `exec.bytes` estimate its
    work; code has `exec.args`, the number of its pointers, and `exec.range`, what may be split over threads.
  }];
  let useDefaultAttributePrinterParser = 1;
  let hasOperationAttrVerify = 1;
}

class Exec_Op<string mnemonic, list<Trait> traits = []> : Op<Exec_Dialect, mnemonic, traits> {
  let hasVerifier = 1;
}

def Exec_Space : I32EnumAttr<"Space", "where a buffer lives", [
    I32EnumAttrCase<"Arena", 0, "arena">, I32EnumAttrCase<"State", 1, "state">, I32EnumAttrCase<"Input", 2, "input">,
    I32EnumAttrCase<"Output", 3, "output">, I32EnumAttrCase<"Constant", 4, "constant">]> {
  let cppNamespace = "::raddle::exec";
  let genSpecializedAttr = 0;
}
def Exec_SpaceAttr : EnumAttr<Exec_Dialect, Exec_Space, "space">;

def Exec_CollectiveKind : I32EnumAttr<"CollectiveKind", "which collective", [
    I32EnumAttrCase<"AllGather", 0, "all_gather">, I32EnumAttrCase<"ReduceScatter", 1, "reduce_scatter">,
    I32EnumAttrCase<"AllReduce", 2, "all_reduce">, I32EnumAttrCase<"Transfer", 3, "transfer">]> {
  let cppNamespace = "::raddle::exec";
  let genSpecializedAttr = 0;
}
def Exec_CollectiveKindAttr : EnumAttr<Exec_Dialect, Exec_CollectiveKind, "collective">;

def Exec_Reduction : I32EnumAttr<"Reduction", "how values of the ranks are combined", [
    I32EnumAttrCase<"Sum", 0, "sum">, I32EnumAttrCase<"Mean", 1, "mean">, I32EnumAttrCase<"Max", 2, "max">]> {
  let cppNamespace = "::raddle::exec";
  let genSpecializedAttr = 0;
}
def Exec_ReductionAttr : EnumAttr<Exec_Dialect, Exec_Reduction, "reduction">;

def Exec_Group : I32EnumAttr<"Group", "which ranks take part", [
    I32EnumAttrCase<"All", 0, "all">, I32EnumAttrCase<"Shards", 1, "shards">,
    I32EnumAttrCase<"Replicas", 2, "replicas">]> {
  let cppNamespace = "::raddle::exec";
  let genSpecializedAttr = 0;
}
def Exec_GroupAttr : EnumAttr<Exec_Dialect, Exec_Group, "group">;

def Exec_Activation : I32EnumAttr<"Activation", "what a product applies to its result, of GELU in its form with tanh", [
    I32EnumAttrCase<"None", 0, "none">, I32EnumAttrCase<"Gelu", 1, "gelu">,
    I32EnumAttrCase<"GeluGradient", 2, "gelu_gradient">]> {
  let cppNamespace = "::raddle::exec";
  let genSpecializedAttr = 0;
}
def Exec_ActivationAttr : EnumAttr<Exec_Dialect, Exec_Activation, "activation">;

def Exec_GemmSum : I32EnumAttr<"GemmSum", "what is summed beside a product", [
    I32EnumAttrCase<"None", 0, "none">, I32EnumAttrCase<"Result", 1, "result">, I32EnumAttrCase<"A", 2, "a">,
    I32EnumAttrCase<"B", 3, "b">]> {
  let cppNamespace = "::raddle::exec";
  let genSpecializedAttr = 0;
}
def Exec_GemmSumAttr : EnumAttr<Exec_Dialect, Exec_GemmSum, "sum">;

def Exec_Element : AnyTypeOf<[AnyFloat, AnySignlessInteger, UI8]>;
def Exec_Memory : StaticShapeMemRefOf<[Exec_Element]>;
def Exec_Tensor : Type<CPred<"::raddle::isStorable($_self)">,
                       "ranked tensor of static shape of floats or integers, of at most 2^47 bytes">;
def Exec_Shaped : AnyTypeOf<[Exec_Tensor, Exec_Memory]>;

//===----------------------------------------------------------------------===//
// Program and buffers
//===----------------------------------------------------------------------===//

def Exec_ProgramOp : Exec_Op<"program", [Symbol, IsolatedFromAbove, NoTerminator, SingleBlock]> {
  let summary = "an entry point, lowered";
  let description = [{
    `inputs`, `outputs` and `states` are arrays of dictionaries that name what the indices of buffers mean; `arena` is the
    number of bytes that a rank needs for everything that lives within one call. `allocations` says what each part of the
    arena is used for: dictionaries of `name`, `offset` and `bytes`, and `first` and `last`, the positions of the first and the
    last op, counted without buffers, that use it.

    Constraints:
    - (exec_program_c1) every arena buffer lies inside the arena
    - (exec_program_c2) indices of buffers are inside their tables
    - (exec_program_c3) no tensor is left
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, I64Attr:$arena, I64Attr:$streams, I64Attr:$events, ArrayAttr:$inputs,
                       ArrayAttr:$outputs, ArrayAttr:$states, ArrayAttr:$allocations);
  let regions = (region SizedRegion<1>:$body);
  let hasVerifier = 0;
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    /// The ops that do something, in order: all but buffers. Positions in `allocations` count these.
    ::llvm::SmallVector<::mlir::Operation *> getInstructions();
  }];
  let assemblyFormat = [{
    $sym_name `arena` $arena `streams` $streams `events` $events `inputs` $inputs `outputs` $outputs `states` $states
    `allocations` $allocations attr-dict-with-keyword $body
  }];
}

def Exec_BufferOp : Exec_Op<"buffer", [Pure]> {
  let summary = "an array at a fixed address";
  let description = [{
    ```mlir
    %x = exec.buffer arena[0] at 4096 : memref<4x8xf32>
    ```
    `index` counts states, inputs, outputs or constants and is 0 in the arena; the offset is in bytes.

    Constraints:
    - (exec_buffer_c1) index and offset are not negative
    - (exec_buffer_c2) the memref is contiguous
    - (exec_buffer_c3) the offset is a multiple of the element's size
  }];
  let arguments = (ins Exec_SpaceAttr:$space, I64Attr:$index, I64Attr:$offset);
  let results = (outs Exec_Memory:$buffer);
  let assemblyFormat = "$space `[` $index `]` `at` $offset attr-dict `:` type($buffer)";
}

def Exec_ConstantOp : Exec_Op<"constant", [Symbol]> {
  let summary = "read-only bytes of the bundle";
  let description = [{
    Constraints:
    - (exec_constant_c1) the value is a dense tensor of static shape
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, ElementsAttr:$value, I64Attr:$index);
  let assemblyFormat = "$sym_name $index $value attr-dict";
}

//===----------------------------------------------------------------------===//
// Work
//===----------------------------------------------------------------------===//

class Exec_WorkOp<string mnemonic, list<Trait> traits = []>
    : Exec_Op<mnemonic, !listconcat(traits, [AttrSizedOperandSegments])>;

def Exec_DispatchOp : Exec_WorkOp<"dispatch", [DeclareOpInterfaceMethods<SymbolUserOpInterface>,
                                               DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "runs a kernel";
  let description = [{
    ```mlir
    %y = exec.dispatch @kernel_3 ins(%x : tensor<4x8xf32>) -> tensor<4x8xf32>
    exec.dispatch @kernel_3 ins(%x : memref<4x8xf32>) outs(%y : memref<4x8xf32>) {stream = 0 : i64}
    ```
    Constraints:
    - (exec_dispatch_c1) the kernel is a function with the attribute `exec.kernel`, or code of that name
    - (exec_dispatch_c2) operands are all tensors with results, or all memrefs with `outs`
    - (exec_dispatch_c3) operands and results have the kernel's types
  }];
  let arguments = (ins FlatSymbolRefAttr:$kernel, Variadic<Exec_Shaped>:$ins,
                       Variadic<Exec_Memory>:$outs, DefaultValuedAttr<I64Attr, "0">:$stream);
  let results = (outs Variadic<Exec_Tensor>:$tensors);
  let assemblyFormat = [{
    $kernel (`ins` `(` $ins^ `:` type($ins) `)`)? (`outs` `(` $outs^ `:` type($outs) `)`)? attr-dict
    (`->` type($tensors)^)?
  }];
}

def Exec_GemmOp : Exec_WorkOp<"gemm", [DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "matrix product of a library, in a nest of batch loops";
  let description = [{
    C[b] = alpha * op(A[b]) op(B[b]), row-major, where op transposes if the flag is set; op(A) is m × k, op(B) is k × n.
    `lda`, `ldb`, `ldc` and the strides of the batch loops count elements. Products of 16-bit operands are summed in f32 and
    rounded once, where C has 16 bits as well.

    ```mlir
    %c = exec.gemm ins(%a, %b : tensor<4x8xf32>, tensor<16x8xf32>) m 4 n 16 k 8 ld [8, 8, 16] trans [0, 1]
      -> tensor<4x16xf32>
    ```
    With `accumulate` the product is added to what C holds. On tensors that is the last operand in `ins`; the result takes its memory
    where nothing reads it afterwards, and a copy of it else. On buffers the first of `outs` is read as well.

    ```mlir
    %dx = exec.gemm ins(%dk, %wk, %dq : tensor<4x8xf32>, tensor<8x16xf32>, tensor<4x16xf32>) m 4 n 16 k 8 ld [8, 16, 16]
      trans [0, 0] {accumulate} -> tensor<4x16xf32>
    ```
    Without a batch there may be more, of C's type. Of v, what C would be without it:
    - `bias`, the next operand, is a row of n elements that is added to each row of v
    - activation `gelu` makes C = gelu(v), in the form with tanh, and `kept` gives v as a further result
    - activation `gelu_gradient` makes C = v * gelu'(x), where x is the next operand
    - the last result is the `sum` of C's rows, which are n sums, with that activation only; of A over k, which are m, or of B over k,
      which are n, with neither bias nor activation

    ```mlir
    %c, %v = exec.gemm ins(%a, %b, %bias : tensor<4x8xf32>, tensor<16x8xf32>, tensor<16xf32>) m 4 n 16 k 8 ld [8, 8, 16]
      trans [0, 1] {activation = #exec<activation gelu>, bias, kept} -> tensor<4x16xf32>, tensor<4x16xf32>
    ```
    Constraints:
    - (exec_gemm_c1) operands are all tensors with results, or all memrefs with `outs`, as many as its form has
    - (exec_gemm_c2) A and B have one element type, f32, f64, f16 or bf16; C has the same, or f32 for operands of 16 bits
    - (exec_gemm_c3) `batch` and the three stride lists have one length
    - (exec_gemm_c4) every access lies inside its operand
    - (exec_gemm_c5) bias, activation and sum are combined as above, without batch and f64
    - (exec_gemm_c6) what belongs to them has C's element type and as many elements as it needs; v and x have rows of n in
      multiples of 8
    - (exec_gemm_c7) what C is added to has C's element type and as many elements
  }];
  let arguments = (ins Variadic<Exec_Shaped>:$ins, Variadic<Exec_Memory>:$outs,
                       I64Attr:$m, I64Attr:$n, I64Attr:$k, DenseI64ArrayAttr:$ld, DenseBoolArrayAttr:$trans,
                       DefaultValuedAttr<F64Attr, "1.0">:$alpha,
                       DefaultValuedAttr<DenseI64ArrayAttr, "{}">:$batch,
                       DefaultValuedAttr<DenseI64ArrayAttr, "{}">:$stride_a,
                       DefaultValuedAttr<DenseI64ArrayAttr, "{}">:$stride_b,
                       DefaultValuedAttr<DenseI64ArrayAttr, "{}">:$stride_c,
                       UnitAttr:$bias,
                       DefaultValuedAttr<Exec_ActivationAttr, "::raddle::exec::Activation::None">:$activation,
                       UnitAttr:$kept, DefaultValuedAttr<Exec_GemmSumAttr, "::raddle::exec::GemmSum::None">:$sum,
                       UnitAttr:$accumulate, DefaultValuedAttr<I64Attr, "0">:$stream);
  let results = (outs Variadic<Exec_Tensor>:$tensors);
  let extraClassDeclaration = [{
    bool hasEpilogue() {
      return getBias() || getActivation() != Activation::None || getSum() != GemmSum::None;
    }
    /// On tensors, what the product is added to; null without `accumulate`, and on buffers.
    ::mlir::Value getAddend() {
      return getAccumulate() && getOuts().empty() ? getIns().back() : ::mlir::Value();
    }
  }];
  let assemblyFormat = [{
    `ins` `(` $ins `:` type($ins) `)` (`outs` `(` $outs^ `:` type($outs) `)`)? `m` $m `n` $n `k` $k `ld` $ld
    `trans` $trans attr-dict (`->` type($tensors)^)?
  }];
}

def Exec_AttentionOp : Exec_WorkOp<"attention", [DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "attention of a library, forward or backward, without the scores of all pairs in memory";
  let description = [{
    What `nn.attention` and, with `backward`, `nn.attention_grad` compute, scores and sums in f32. Operands are `query`, `key`,
    `value`, with `masked` a mask, with `lengths` a number for each element of the batch, backward also `out`, its log-sum-exp and
    the gradient of `out`; results are `out` and its log-sum-exp, backward the gradients of `query`, `key` and `value`. Key t is
    visible where t < length: none where a length is zero or negative, all where it is the number of keys or more.

    `extents` are batch, heads of the keys, query heads that share one, queries, keys, and the widths of query and value.
    `strides` has for each operand and then for each result the steps, in elements, between batches, heads, positions and
    elements of a vector (of the mask: keys; of lengths: the first step counts); zero repeats. So an operand may be stored in
    another order of dimensions.
    `unordered` lets a GPU sum gradients in another order each time, for which it needs less scratch memory.

    ```mlir
    %out, %lse = exec.attention ins(%q, %k, %v : tensor<1x4x2x8xf32>, tensor<1x4x2x8xf32>, tensor<1x4x2x8xf32>)
      extents [1, 2, 1, 4, 4, 8, 8] strides [64, 8, 16, 1, 64, 8, 16, 1, 64, 8, 16, 1, 64, 8, 16, 1, 8, 4, 1, 1]
      scale 3.535534e-01 {causal} -> tensor<1x4x2x8xf32>, tensor<1x2x4xf32>
    ```
    Constraints:
    - (exec_attention_c1) operands are all tensors with results, or all memrefs with `outs`
    - (exec_attention_c2) the number of operands and results is that of the form
    - (exec_attention_c3) vectors are all of f32, f16 or bf16, the log-sum-exp is of f32, a mask of i1, f32 or the vectors' type,
      lengths of i32 or i64
    - (exec_attention_c4) there are 7 positive extents below 2^31, and 4 strides for each operand and result, none negative
    - (exec_attention_c5) every access lies inside its operand
    - (exec_attention_c6) the elements of a vector are side by side, and vectors do not overlap
    - (exec_attention_c7) there are a mask or lengths, not both
  }];
  let arguments = (ins Variadic<Exec_Shaped>:$ins, Variadic<Exec_Memory>:$outs, DenseI64ArrayAttr:$extents,
                       DenseI64ArrayAttr:$strides, F64Attr:$scale, UnitAttr:$causal, UnitAttr:$masked,
                       UnitAttr:$lengths, UnitAttr:$backward, UnitAttr:$unordered, DefaultValuedAttr<I64Attr, "0">:$stream);
  let results = (outs Variadic<Exec_Tensor>:$tensors);
  let extraClassDeclaration = [{
    ::raddle::attention::Hiding getHiding();
  }];
  let assemblyFormat = [{
    `ins` `(` $ins `:` type($ins) `)` (`outs` `(` $outs^ `:` type($outs) `)`)? `extents` $extents `strides` $strides
    `scale` $scale attr-dict (`->` type($tensors)^)?
  }];
}

def Exec_CheckIndexOp : Exec_Op<"check_index"> {
  let summary = "fails the call if an index is out of range";
  let description = [{
    Every element must be in [lowest, size) or equal `ignore`. `what` names what the index selects.

    ```mlir
    exec.check_index %rows in 16 for "index of aten.gather" {lowest = -16 : i64} : tensor<4xi64>
    ```
    Constraints:
    - (exec_check_index_c1) the size is positive
    - (exec_check_index_c2) `lowest` is not positive
  }];
  let arguments = (ins Exec_Shaped:$indices, I64Attr:$size, DefaultValuedAttr<I64Attr, "0">:$lowest,
                       OptionalAttr<I64Attr>:$ignore, StrAttr:$what,
                       DefaultValuedAttr<I64Attr, "0">:$stream);
  let assemblyFormat = "$indices `in` $size `for` $what attr-dict `:` type($indices)";
}

def Exec_CollectiveOp : Exec_Op<"collective"> {
  let summary = "a collective over a group of ranks, on buffers";
  let description = [{
    A transfer moves `pieces`, five numbers each: from this rank of the group, to that one, from this element of the source, to
    that one of the destination, and how many. `what` is its name in traces and errors.

    ```mlir
    exec.collective all_gather sum %slice into %full {group = #exec<group shards>} : memref<96xf32>, memref<384xf32>
    ```
    Constraints:
    - (exec_collective_c1) element types agree
    - (exec_collective_c2) all_gather: the destination is a multiple of the source; reduce_scatter: the source is a
      multiple of the destination; all_reduce: equal sizes
    - (exec_collective_c3) a transfer, and nothing else, has pieces; each lies inside source and destination
  }];
  let arguments = (ins Exec_CollectiveKindAttr:$kind, Exec_ReductionAttr:$reduction,
                       Exec_Memory:$src, Exec_Memory:$dst,
                       DefaultValuedAttr<Exec_GroupAttr, "::raddle::exec::Group::All">:$group,
                       OptionalAttr<DenseI64ArrayAttr>:$pieces, OptionalAttr<StrAttr>:$what,
                       DefaultValuedAttr<I64Attr, "1">:$stream);
  let assemblyFormat = "$kind $reduction $src `into` $dst attr-dict `:` type($src) `,` type($dst)";
}

def Exec_CopyOp : Exec_Op<"copy"> {
  let summary = "copies an array";
  let description = [{
    Constraints:
    - (exec_copy_c1) source and destination have one type
  }];
  let arguments = (ins Exec_Memory:$src, Exec_Memory:$dst,
                       DefaultValuedAttr<I64Attr, "0">:$stream);
  let assemblyFormat = "$src `into` $dst attr-dict `:` type($src) `,` type($dst)";
}

def Exec_ZeroOp : Exec_Op<"zero"> {
  let summary = "fills an array with zeros";
  let arguments = (ins Exec_Memory:$dst, DefaultValuedAttr<I64Attr, "0">:$stream);
  let assemblyFormat = "$dst attr-dict `:` type($dst)";
  let hasVerifier = 0;
}

def Exec_RecordOp : Exec_Op<"record"> {
  let summary = "marks a point of a stream";
  let description = [{
    Constraints:
    - (exec_record_c1) the event is inside the program's count and recorded once
  }];
  let arguments = (ins I64Attr:$event, I64Attr:$stream);
  let assemblyFormat = "$event `on` $stream attr-dict";
}

def Exec_WaitOp : Exec_Op<"wait"> {
  let summary = "makes a stream wait for a marked point of another";
  let description = [{
    Constraints:
    - (exec_wait_c1) the event is recorded earlier in the program
  }];
  let arguments = (ins I64Attr:$event, I64Attr:$stream);
  let assemblyFormat = "$event `on` $stream attr-dict";
  let hasVerifier = 0;
}

#endif // RADDLE_DIALECT_EXEC_IR_EXECOPS_TD
