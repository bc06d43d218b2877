// How a tensor may be cut, and how it is. Included by RaggedOps.td.
#ifndef RADDLE_DIALECT_RAGGED_IR_RAGGEDLAYOUT_TD
#define RADDLE_DIALECT_RAGGED_IR_RAGGEDLAYOUT_TD

def Ragged_KeepAttr : AttrDef<Ragged_Dialect, "Keep"> {
  let mnemonic = "keep";
  let summary = "what of a parameter must stay on one rank, and why";
  let description = [{
    The array `ragged.keep` on an argument that is a parameter holds one for each thing that the program does with it: a
    quantisation in blocks keeps tiles, a scale for each row keeps rows, an optimizer that works on matrices keeps it whole.
    `ragged-plan` cuts the parameter only between units that satisfy all of them.

    ```mlir
    #ragged.keep<tile [128, 128] for "fp8 blocks of blockq.linear">
    #ragged.keep<rows 1 for "scales of rows">
    #ragged.keep<whole for "muon">
    ```

    `block` is `[R, C]` for a tile, `[R]` for rows, empty for the whole.

    Constraints:
    - (ragged_keep_c1) extents are positive
    - (ragged_keep_c2) the cause is not empty
    - (ragged_keep_c3) `ragged.keep` is an array of these, on a tensor of static shape
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$block, StringRefParameter<"who asks">:$cause);
  let assemblyFormat = "`<` custom<KeptBlock>($block) `for` $cause `>`";
  let genVerifyDecl = 1;
}

def Ragged_StorageOrder : I32EnumAttr<"StorageOrder", "order of a matrix's elements in memory", [
    I32EnumAttrCase<"RowMajor", 0, "row_major">, I32EnumAttrCase<"Panels", 1, "panels">]> {
  let cppNamespace = "::raddle::ragged";
  let genSpecializedAttr = 0;
}

def Ragged_LayoutAttr : AttrDef<Ragged_Dialect, "Layout"> {
  let mnemonic = "layout";
  let summary = "how one tensor is cut over the ranks";
  let description = [{
    The tensor, flat in its storage order, is a sequence of units of `unit` elements, of which the last one may be shorter.
    Rank r owns the next `counts[r]` of them; zero is allowed, `[0, 0, n, 0]` puts a tensor on one rank. In the order
    `panels` panels of C columns follow one another, each row-major, so that a block `[R, C]` is contiguous and a unit.

    ```mlir
    #ragged.layout<unit 1024 counts [3, 0, 1] row_major>
    #ragged.layout<unit 16384 counts [2, 2] panels [128, 128]>
    ```

    `ragged.layout` on an argument that is a parameter asks for that cut: `ragged-plan` keeps its units whole, and
    refuses a plan that cuts the parameter in another way. A bucket that is laid out by hand makes any cut of contiguous
    ranks.

    A block-quantised tensor has a scale for each block. One cut serves both: whoever owns a block owns its scale. So the layout of
    the scales, a tensor of the blocks' grid, follows from that of the data: in panels each unit has one scale, in the same order,
    which is `panels [1, 1]`; in rows, units of whole rows of blocks have one row of scales or several. `ragged.scales = "w"` on
    an argument says that it holds the scales of the parameter `w`, and the verifier compares.

    ```mlir
    func.func @main(%w: tensor<512x256xf32> {nn.param = "w", ragged.layout = #ragged.layout<unit 16384 counts [3, 5] panels [128, 128]>},
                    %s: tensor<4x2xf32> {ragged.scales = "w", ragged.layout = #ragged.layout<unit 1 counts [3, 5] panels [1, 1]>})
    ```

    Constraints:
    - (ragged_layout_c1) the unit is positive
    - (ragged_layout_c2) there is a count for at least one rank, none negative
    - (ragged_layout_c3) a block has two positive extents
    - (ragged_layout_c4) the order `panels` has a block, whose elements are the unit
    - (ragged_layout_c5) the counts are all units of the tensor; in panels, the block divides its matrix
    - (ragged_scales_c1) `ragged.scales` names a parameter of the function; both have a layout, that of the parameter with a block
    - (ragged_scales_c2) in row-major order, the parameter's unit is a number of whole rows of blocks
    - (ragged_scales_c3) the tensor has an element for each block, and the layout that follows from the parameter's
  }];
  let parameters = (ins "int64_t":$unit, ArrayRefParameter<"int64_t">:$counts,
                        EnumParameter<Ragged_StorageOrder>:$order, OptionalArrayRefParameter<"int64_t">:$block);
  let assemblyFormat = [{
    `<` `unit` $unit `counts` custom<Extents>($counts) custom<Storage>($order, $block) `>`
  }];
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Checks ragged_layout_c5 for a tensor of static shape.
    ::llvm::LogicalResult verifyFor(::mlir::RankedTensorType type,
                                    ::llvm::function_ref<::mlir::InFlightDiagnostic()> emitError) const;

    /// The layout of the scales of a tensor of this layout, one for each block; checks ragged_scales_c1 and c2.
    ::llvm::FailureOr<LayoutAttr> scalesFor(::mlir::RankedTensorType type,
                                            ::llvm::function_ref<::mlir::InFlightDiagnostic()> emitError) const;
  }];
}

#endif // RADDLE_DIALECT_RAGGED_IR_RAGGEDLAYOUT_TD
