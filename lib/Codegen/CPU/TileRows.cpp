// Kernels of several ops that walk the same rows compute one row after the other, so that what one op leaves for the
// next is a row, not a tensor.
#include "KernelBody.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Utils/Utils.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "raddle/Utils/RowLoops.h"

using namespace mlir;

namespace raddle {
namespace {

/// Tiles that keep the threads of a large machine busy.
constexpr int64_t kEnoughTiles = 64;
/// Elements of a tile along columns, at most: a few cache lines of each row, and sums that stay in the first cache.
constexpr int64_t kLargestBlock = 256;
/// Fewer elements are not worth a loop of their own.
constexpr int64_t kSmallestBlock = 16;

/// How rows are cut: the extents of the leading dimensions, and how many neighbours of the last one a tile has.
struct Tiling {
  SmallVector<int64_t> extents;
  int64_t block = 1;

  int64_t count() const { return llvm::product_of(extents) / block; }
};

int64_t largestDivisor(int64_t extent, int64_t limit) {
  for (int64_t divisor = std::min(extent, limit); divisor > 1; --divisor)
    if (extent % divisor == 0)
      return divisor;
  return 1;
}

/// What the kernel computes, in order; nothing if it has other ops than structured ones and what they start from.
std::optional<SmallVector<linalg::LinalgOp>> structuredOps(func::FuncOp kernel) {
  SmallVector<linalg::LinalgOp> ops;
  for (Operation &op : kernel.getBody().front().without_terminator()) {
    if (isa<linalg::FillOp, tensor::EmptyOp>(op) || op.hasTrait<OpTrait::ConstantLike>())
      continue;
    if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op)) {
      if (slice.getSource().getDefiningOp<linalg::LinalgOp>())
        return std::nullopt;
      continue;
    }
    auto structured = dyn_cast<linalg::LinalgOp>(op);
    if (!structured)
      return std::nullopt;
    ops.push_back(structured);
  }
  return ops;
}

std::optional<Tiling> chooseTiling(ArrayRef<linalg::LinalgOp> ops) {
  unsigned count = commonRows(ops);
  if (count == 0)
    return std::nullopt;
  linalg::LinalgOp first = ops.front();
  Tiling tiling;
  SmallVector<int64_t> ranges = first.getStaticLoopRanges();
  SmallVector<unsigned> loops = rowLoops(first);
  for (unsigned loop : ArrayRef<unsigned>(loops).take_front(count))
    tiling.extents.push_back(ranges[loop]);
  if (llvm::is_contained(tiling.extents, 0))
    return std::nullopt;
  bool columns = llvm::any_of(
      ops, [&](linalg::LinalgOp op) { return rowsAreColumns(op, ArrayRef<unsigned>(rowLoops(op)).take_front(count)); });
  // Where nothing is left inside a row, the last dimension makes the rows.
  bool single = llvm::all_of(ops, [&](linalg::LinalgOp op) { return op.getNumLoops() == count; });
  if (single && count > 1)
    tiling.extents.pop_back();
  if (columns || (single && count == 1)) {
    tiling.block = largestDivisor(tiling.extents.back(), kLargestBlock);
    if (tiling.block < kSmallestBlock)
      tiling.block = tiling.extents.back();
  }
  if (ops.size() > 1 || columns)
    return tiling;
  // One op has loops of its own; only the threads may want more than the first one has.
  if (tiling.extents.front() >= kEnoughTiles || tiling.extents.size() < 2)
    return std::nullopt;
  int64_t tiles = 1;
  for (auto [dim, extent] : llvm::enumerate(tiling.extents)) {
    tiles *= extent;
    if (tiles >= kEnoughTiles) {
      tiling.extents.truncate(dim + 1);
      break;
    }
  }
  return tiling;
}

/// Rewrites the ops of a kernel for one tile.
class RowTiler {
public:
  RowTiler(func::FuncOp kernel, ArrayRef<linalg::LinalgOp> ops, const Tiling &tiling)
      : kernel(kernel), ops(ops), tiling(tiling) {}

  void run() {
    Operation *terminator = kernel.getBody().front().getTerminator();
    OpBuilder builder(terminator);
    Location loc = kernel.getLoc();
    SmallVector<Value> results(terminator->getOperands()), whole;
    for (Value result : results) {
      auto type = cast<RankedTensorType>(result.getType());
      whole.push_back(tensor::EmptyOp::create(builder, loc, type.getShape(), type.getElementType()));
    }
    auto loop = scf::ForallOp::create(builder, loc, ArrayRef<OpFoldResult>{builder.getIndexAttr(tiling.count())}, whole,
                                      std::nullopt);
    builder.setInsertionPointToStart(loop.getBody());
    setPositions(builder, loop.getInductionVar(0));
    for (auto [result, memory] : llvm::zip(results, loop.getRegionIterArgs()))
      destinations[result] = memory;
    for (linalg::LinalgOp op : ops)
      tile(builder, op);
    builder.setInsertionPointToStart(loop.getTerminator().getBody());
    for (auto [result, memory] : llvm::zip(results, loop.getRegionIterArgs())) {
      Slice slice = sliceOf(builder, cast<OpResult>(result));
      tensor::ParallelInsertSliceOp::create(builder, loc, tiles.lookup(result), memory, slice.offsets, slice.sizes,
                                            slice.strides);
    }
    terminator->setOperands(loop.getResults());
    for (linalg::LinalgOp op : llvm::reverse(ops))
      op->erase();
  }

private:
  struct Slice {
    SmallVector<OpFoldResult> offsets, sizes, strides;
  };

  /// Where the tile begins in each of the leading dimensions, the last one counting fastest.
  void setPositions(OpBuilder &builder, Value tile) {
    Location loc = kernel.getLoc();
    auto constant = [&](int64_t value) -> Value { return arith::ConstantIndexOp::create(builder, loc, value); };
    positions.resize(tiling.extents.size());
    for (unsigned dim = tiling.extents.size(); dim-- > 0;) {
      bool last = dim + 1 == tiling.extents.size();
      int64_t extent = last ? tiling.extents[dim] / tiling.block : tiling.extents[dim];
      Value position = dim == 0 ? tile : arith::RemUIOp::create(builder, loc, tile, constant(extent)).getResult();
      if (dim > 0)
        tile = arith::DivUIOp::create(builder, loc, tile, constant(extent));
      if (last && tiling.block > 1)
        position = arith::MulIOp::create(builder, loc, position, constant(tiling.block));
      positions[dim] = position;
    }
  }

  int64_t sizeOf(unsigned dim) const { return dim + 1 == tiling.extents.size() ? tiling.block : 1; }

  ArrayRef<unsigned> loopsOf(linalg::LinalgOp op) {
    SmallVector<unsigned> &loops = loopCache[op];
    if (loops.empty()) {
      loops = rowLoops(op);
      loops.truncate(tiling.extents.size());
    }
    return loops;
  }

  /// The part of an operand that a tile of its op touches.
  Slice sliceOf(OpBuilder &builder, linalg::LinalgOp op, AffineMap map, RankedTensorType type) {
    Slice slice;
    ArrayRef<unsigned> loops = loopsOf(op);
    for (auto [extent, expr] : llvm::zip(type.getShape(), map.getResults())) {
      auto loop = dyn_cast<AffineDimExpr>(expr);
      const unsigned *found = loop ? llvm::find(loops, loop.getPosition()) : loops.end();
      unsigned dim = std::distance(loops.begin(), found);
      bool moves = found != loops.end();
      slice.offsets.push_back(moves ? OpFoldResult(positions[dim]) : builder.getIndexAttr(0));
      slice.sizes.push_back(builder.getIndexAttr(moves ? sizeOf(dim) : extent));
      slice.strides.push_back(builder.getIndexAttr(1));
    }
    return slice;
  }

  Slice sliceOf(OpBuilder &builder, OpResult result) {
    auto op = cast<linalg::LinalgOp>(result.getOwner());
    return sliceOf(builder, op, op.getIndexingMapMatchingResult(result), cast<RankedTensorType>(result.getType()));
  }

  /// The operand's part, or what it starts from: memory of the result, if there is some.
  Value tileOf(OpBuilder &builder, linalg::LinalgOp op, OpOperand &operand) {
    Value value = operand.get();
    if (Value known = tiles.lookup(value))
      return known;
    auto type = dyn_cast<RankedTensorType>(value.getType());
    if (!type)
      return value;
    Location loc = op.getLoc();
    Slice slice = sliceOf(builder, op, op.getMatchingIndexingMap(&operand), type);
    auto fill = value.getDefiningOp<linalg::FillOp>();
    if (!fill && !value.getDefiningOp<tensor::EmptyOp>())
      return tensor::ExtractSliceOp::create(builder, loc, value, slice.offsets, slice.sizes, slice.strides);
    Value memory = op.isDpsInit(&operand) ? destinations.lookup(op.getTiedOpResult(&operand)) : Value();
    if (memory)
      memory = tensor::ExtractSliceOp::create(builder, loc, memory, slice.offsets, slice.sizes, slice.strides);
    else
      memory = tensor::EmptyOp::create(builder, loc, slice.sizes, type.getElementType());
    return fill ? linalg::FillOp::create(builder, loc, fill.value(), memory).getResult(0) : memory;
  }

  void tile(OpBuilder &builder, linalg::LinalgOp op) {
    SmallVector<Value> operands;
    for (OpOperand &operand : op->getOpOperands())
      operands.push_back(tileOf(builder, op, operand));
    auto inits = ArrayRef<Value>(operands).drop_front(op.getNumDpsInputs());
    auto tiled = cast<linalg::LinalgOp>(clone(builder, op, TypeRange(ValueRange(inits)), operands));
    SmallVector<OpFoldResult> offsets(op.getNumLoops());
    for (auto [loop, position] : llvm::zip(loopsOf(op), positions))
      offsets[loop] = position;
    linalg::offsetIndices(builder, tiled, offsets);
    for (auto [result, part] : llvm::zip(op->getResults(), tiled->getResults()))
      tiles[result] = part;
  }

  func::FuncOp kernel;
  ArrayRef<linalg::LinalgOp> ops;
  const Tiling &tiling;
  SmallVector<Value> positions;
  llvm::DenseMap<Operation *, SmallVector<unsigned>> loopCache;
  llvm::DenseMap<Value, Value> tiles, destinations;
};

} // namespace

void tileRows(func::FuncOp kernel) {
  std::optional<SmallVector<linalg::LinalgOp>> ops = structuredOps(kernel);
  if (!ops || ops->empty())
    return;
  llvm::SmallDenseSet<Value> results;
  for (Value result : kernel.getBody().front().getTerminator()->getOperands())
    if (!llvm::is_contained(*ops, result.getDefiningOp()) || !results.insert(result).second)
      return;
  if (std::optional<Tiling> tiling = chooseTiling(*ops))
    RowTiler(kernel, *ops, *tiling).run();
}

} // namespace raddle
