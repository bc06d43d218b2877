#include "raddle/Utils/RowLoops.h"

#include "mlir/Transforms/RegionUtils.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/SmallBitVector.h"

using namespace mlir;

namespace raddle {

/// Loops that some operand uses in another way than as the position in one dimension.
static llvm::SmallBitVector compoundLoops(linalg::LinalgOp op) {
  llvm::SmallBitVector compound(op.getNumLoops());
  for (AffineMap map : op.getIndexingMapsArray()) {
    llvm::SmallBitVector seen(op.getNumLoops());
    for (AffineExpr expr : map.getResults()) {
      auto single = dyn_cast<AffineDimExpr>(expr);
      if (single && !seen.test(single.getPosition())) {
        seen.set(single.getPosition());
        continue;
      }
      for (unsigned loop = 0; loop < op.getNumLoops(); ++loop)
        if (expr.isFunctionOfDim(loop))
          compound.set(loop);
    }
  }
  return compound;
}

SmallVector<unsigned> rowLoops(linalg::LinalgOp op) {
  if (!op.hasPureTensorSemantics() || op->getNumResults() == 0 ||
      llvm::any_of(op.getStaticLoopRanges(), ShapedType::isDynamic))
    return {};
  llvm::SmallBitVector compound = compoundLoops(op);
  SmallVector<utils::IteratorType> iterators = op.getIteratorTypesArray();
  SmallVector<unsigned> loops;
  AffineMap first = op.getIndexingMapMatchingResult(op->getResult(0));
  for (auto [dim, expr] : llvm::enumerate(first.getResults())) {
    auto loop = dyn_cast<AffineDimExpr>(expr);
    if (!loop || compound.test(loop.getPosition()) || iterators[loop.getPosition()] != utils::IteratorType::parallel)
      break;
    bool inAll = llvm::all_of(op->getResults(), [&, dim = dim, expr = expr](OpResult result) {
      AffineMap map = op.getIndexingMapMatchingResult(result);
      return dim < map.getNumResults() && map.getResult(dim) == expr;
    });
    if (!inAll)
      break;
    loops.push_back(loop.getPosition());
  }
  return loops;
}

std::optional<SmallVector<unsigned>> loopsOfProducer(linalg::LinalgOp producer, OpOperand &use,
                                                     ArrayRef<unsigned> loops) {
  AffineMap read = cast<linalg::LinalgOp>(use.getOwner()).getMatchingIndexingMap(&use);
  AffineMap written = producer.getIndexingMapMatchingResult(cast<OpResult>(use.get()));
  if (!read.isPermutation() || !written.isPermutation())
    return std::nullopt;
  llvm::SmallBitVector compound = compoundLoops(producer);
  SmallVector<unsigned> own;
  for (unsigned loop : loops) {
    std::optional<unsigned> dim = read.getResultPosition(getAffineDimExpr(loop, read.getContext()));
    own.push_back(written.getDimPosition(*dim));
    if (compound.test(own.back()))
      return std::nullopt;
  }
  return own;
}

unsigned rowsInStep(OpOperand &use, ArrayRef<unsigned> loops, unsigned count) {
  auto op = cast<linalg::LinalgOp>(use.getOwner());
  AffineMap map = op.getMatchingIndexingMap(&use);
  unsigned common = 0;
  for (; common < std::min<unsigned>({count, map.getNumResults(), static_cast<unsigned>(loops.size())}); ++common) {
    auto dim = dyn_cast<AffineDimExpr>(map.getResult(common));
    if (!dim || dim.getPosition() != loops[common])
      break;
  }
  return common;
}

unsigned commonRows(ArrayRef<linalg::LinalgOp> ops) {
  if (ops.empty())
    return 0;
  llvm::SmallPtrSet<Operation *, 16> members;
  SmallVector<int64_t> extents;
  for (auto [index, member] : llvm::enumerate(ops)) {
    linalg::LinalgOp op = member;
    members.insert(op);
    SmallVector<int64_t> own, ranges = op.getStaticLoopRanges();
    for (unsigned loop : rowLoops(op))
      own.push_back(ranges[loop]);
    if (index == 0)
      extents = own;
    auto end = std::mismatch(extents.begin(), extents.end(), own.begin(), own.end()).first;
    extents.truncate(std::distance(extents.begin(), end));
  }
  unsigned count = extents.size();
  for (linalg::LinalgOp op : ops) {
    SmallVector<unsigned> loops = rowLoops(op);
    llvm::SetVector<Value> captured;
    getUsedValuesDefinedAbove(op->getRegions(), captured);
    if (llvm::any_of(captured, [&](Value value) { return members.contains(value.getDefiningOp()); }))
      return 0;
    for (OpOperand &operand : op->getOpOperands())
      if (members.contains(operand.get().getDefiningOp()))
        count = std::min(count, rowsInStep(operand, loops, count));
  }
  return count;
}

bool rowsAreColumns(linalg::LinalgOp op, ArrayRef<unsigned> loops) {
  if (loops.empty() || op.getNumLoops() == loops.size())
    return false;
  // What is read most settles it; of several, one that lies row by row.
  int64_t most = 0;
  bool columns = false;
  for (OpOperand *input : op.getDpsInputOperands()) {
    AffineMap map = op.getMatchingIndexingMap(input);
    if (map.getNumResults() < 2)
      continue;
    int64_t elements = cast<RankedTensorType>(input->get().getType()).getNumElements();
    auto last = dyn_cast<AffineDimExpr>(map.getResults().back());
    bool byColumn = last && llvm::is_contained(loops, last.getPosition());
    if (elements >= most)
      columns = byColumn && (columns || elements > most);
    most = std::max(most, elements);
  }
  return columns;
}

} // namespace raddle
