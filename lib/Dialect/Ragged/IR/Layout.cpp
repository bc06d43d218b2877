// How tensors may be cut, and are: verifiers. The tag at each check is the constraint's in RaggedLayout.td.
#include "raddle/Dialect/Ragged/IR/Layout.h"

#include "mlir/Interfaces/FunctionInterfaces.h"

using namespace mlir;
using namespace raddle::ragged;

using EmitError = llvm::function_ref<InFlightDiagnostic()>;

LogicalResult KeepAttr::verify(EmitError emitError, ArrayRef<int64_t> block, StringRef cause) {
  for (int64_t extent : block)
    if (extent < 1) // ragged_keep_c1
      return emitError() << "expects positive extents of what is kept, is " << extent;
  if (cause.empty()) // ragged_keep_c2
    return emitError() << "expects a cause, is empty";
  return success();
}

LogicalResult LayoutAttr::verify(EmitError emitError, int64_t unit, ArrayRef<int64_t> counts, StorageOrder order,
                                 ArrayRef<int64_t> block) {
  if (unit < 1) // ragged_layout_c1
    return emitError() << "expects a positive unit, is " << unit;
  if (counts.empty()) // ragged_layout_c2
    return emitError() << "expects a count for each rank, has none";
  for (auto [rank, count] : llvm::enumerate(counts))
    if (count < 0) // ragged_layout_c2
      return emitError() << "expects counts from 0 on, is " << count << " of rank " << rank;
  if (!block.empty() && (block.size() != 2 || block[0] < 1 || block[1] < 1)) // ragged_layout_c3
    return emitError() << "expects a block of two positive extents, is [" << block << "]";
  if (order == StorageOrder::RowMajor)
    return success();
  if (block.empty()) // ragged_layout_c4
    return emitError() << "expects a block in the order 'panels'";
  int64_t elements;
  if (llvm::MulOverflow(block[0], block[1], elements) || elements != unit) // ragged_layout_c4
    return emitError() << "expects the elements of a block as unit, is " << unit << " with blocks of " << block[0]
                       << " x " << block[1];
  return success();
}

LogicalResult LayoutAttr::verifyFor(RankedTensorType type, EmitError emitError) const {
  int64_t sum = 0;
  for (int64_t count : getCounts())
    if (llvm::AddOverflow(sum, count, sum)) // ragged_layout_c5
      return emitError() << "expects fewer than 2^63 units in 'ragged.layout'";
  int64_t units = llvm::divideCeil(type.getNumElements(), getUnit());
  if (sum != units) // ragged_layout_c5
    return emitError() << "expects counts of all " << units << " units of " << getUnit() << " elements of " << type
                       << ", their sum is " << sum;
  if (getOrder() == StorageOrder::RowMajor)
    return success();
  ArrayRef<int64_t> block = getBlock(), shape = type.getShape();
  if (shape.size() < 2 || shape[shape.size() - 2] % block[0] != 0 || shape.back() % block[1] != 0) // ragged_layout_c5
    return emitError() << "expects a matrix that blocks of " << block[0] << " x " << block[1] << " divide, is " << type;
  return success();
}

FailureOr<LayoutAttr> LayoutAttr::scalesFor(RankedTensorType type, EmitError emitError) const {
  ArrayRef<int64_t> block = getBlock(), shape = type.getShape();
  if (block.empty() || shape.size() < 2) // ragged_scales_c1
    return emitError() << "expects a matrix in blocks, is " << type << " in " << *this;
  if (getOrder() == StorageOrder::Panels)
    return get(getContext(), 1, getCounts(), StorageOrder::Panels, {1, 1});
  int64_t rowOfBlocks, width = shape.back(), height = shape[shape.size() - 2];
  bool isWhole = !llvm::MulOverflow(block[0], width, rowOfBlocks) && rowOfBlocks > 0 && getUnit() % rowOfBlocks == 0;
  if (!isWhole || (shape.size() > 2 && height % block[0] != 0)) // ragged_scales_c2
    return emitError() << "expects units of whole rows of blocks of " << block[0] << " x " << block[1]
                       << " in row-major order, is " << getUnit() << " elements of " << type;
  int64_t scales = getUnit() / rowOfBlocks * llvm::divideCeil(width, block[1]);
  return get(getContext(), scales, getCounts(), StorageOrder::RowMajor, {});
}

/// The shape of a tensor of scales: one for each block of the last two dimensions.
static SmallVector<int64_t> blocksOf(ArrayRef<int64_t> shape, ArrayRef<int64_t> block) {
  SmallVector<int64_t> blocks(shape);
  for (size_t axis : {0, 1})
    blocks[shape.size() - 2 + axis] = llvm::divideCeil(shape[shape.size() - 2 + axis], block[axis]);
  return blocks;
}

/// The argument's layout is the one that follows from that of the parameter whose scales it holds.
static LogicalResult verifyScales(FunctionOpInterface function, unsigned argument, Attribute name,
                                  EmitError emitError) {
  for (unsigned index = 0; index < function.getNumArguments(); ++index) {
    if (!isa<StringAttr>(name) || function.getArgAttr(index, "nn.param") != name)
      continue;
    auto type = dyn_cast<RankedTensorType>(function.getArgumentTypes()[index]);
    auto data = function.getArgAttrOfType<LayoutAttr>(index, kLayoutAttr);
    auto scales = function.getArgAttrOfType<LayoutAttr>(argument, kLayoutAttr);
    if (!type || !type.hasStaticShape() || !data || !scales) // ragged_scales_c1
      return emitError() << "expects both the scales and parameter " << name << " to have a '" << kLayoutAttr << "'";
    FailureOr<LayoutAttr> expected =
        data.scalesFor(type, [&] { return emitError() << "of parameter " << name << " "; });
    if (failed(expected))
      return failure();
    auto found = cast<RankedTensorType>(function.getArgumentTypes()[argument]);
    auto grid = RankedTensorType::get(blocksOf(type.getShape(), data.getBlock()), found.getElementType());
    if (found != grid) // ragged_scales_c3
      return emitError() << "expects a scale for each block of parameter " << name << ", " << grid << ", is " << found;
    if (scales != *expected) // ragged_scales_c3
      return emitError() << "expects the cut of parameter " << name << ", " << *expected << ", is " << scales;
    return success();
  }
  return emitError() << "expects the name of a parameter of the function, is " << name; // ragged_scales_c1
}

LogicalResult RaggedDialect::verifyRegionArgAttribute(Operation *op, unsigned region, unsigned argument,
                                                      NamedAttribute attribute) {
  bool isKeep = attribute.getName() == kKeepAttr;
  if (!isKeep && attribute.getName() != kLayoutAttr && attribute.getName() != kScalesAttr)
    return success();
  auto emitError = [&] { return op->emitError() << "argument " << argument << ": '" << attribute.getName() << "' "; };
  auto function = dyn_cast<FunctionOpInterface>(op);
  auto type = function ? dyn_cast<RankedTensorType>(function.getArgumentTypes()[argument]) : RankedTensorType();
  if (!type || !type.hasStaticShape()) // ragged_keep_c3
    return emitError() << "expects a tensor of static shape";
  if (isKeep) {
    auto array = dyn_cast<ArrayAttr>(attribute.getValue());
    if (!array || !llvm::all_of(array, llvm::IsaPred<KeepAttr>)) // ragged_keep_c3
      return emitError() << "expects an array of '#ragged.keep', is " << attribute.getValue();
    return success();
  }
  if (attribute.getName() == kScalesAttr)
    return verifyScales(function, argument, attribute.getValue(), emitError);
  auto layout = dyn_cast<LayoutAttr>(attribute.getValue());
  if (!layout)
    return emitError() << "expects a '#ragged.layout', is " << attribute.getValue();
  return layout.verifyFor(type, emitError);
}

LayoutAttr raddle::ragged::layoutOf(BucketOp bucket, SlotAttr slot) {
  int64_t ranks = bucket.getRanks(), shard = bucket.getShard();
  int64_t begin = slot.getOffset(), end = begin + slot.getElements();
  SmallVector<int64_t> counts(ranks);
  for (int64_t rank = begin / shard; rank < ranks && rank * shard < end; ++rank) {
    int64_t owned = std::min(end, (rank + 1) * shard) - std::max(begin, rank * shard);
    counts[rank] = llvm::divideCeil(owned, slot.getUnit());
  }
  return LayoutAttr::get(bucket.getContext(), slot.getUnit(), counts, StorageOrder::RowMajor, {});
}
