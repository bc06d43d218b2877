#include "CommonLoops.h"

#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace raddle {

/// The product of extents, or the largest number.
static int64_t product(ArrayRef<int64_t> extents) {
  int64_t points = 1;
  for (int64_t extent : extents)
    if (llvm::MulOverflow(points, extent, points))
      return std::numeric_limits<int64_t>::max();
  return points;
}

int64_t Division::points() const {
  // A copy: queries of ops are not const.
  if (scf::ForallOp loop = passes)
    return std::max<int64_t>(1, getConstantIntValue(loop.getMixedUpperBound().front()).value_or(1));
  return std::max<int64_t>(1, product(common));
}

void orderLoops(func::FuncOp kernel) {
  SmallVector<linalg::GenericOp> ops(kernel.getBody().front().getOps<linalg::GenericOp>());
  IRRewriter rewriter(kernel.getContext());
  for (linalg::GenericOp op : ops) {
    for (OpOperand &init : op.getDpsInitsMutable()) {
      auto fill = init.get().getDefiningOp<linalg::FillOp>();
      if (fill && !op.payloadUsesValueFromOperand(&init) && op.getMatchingIndexingMap(&init).isPermutation())
        init.set(fill.getDpsInits().front());
    }
    AffineMap output = op.getIndexingMapMatchingResult(op->getResult(0));
    if (!output.isProjectedPermutation())
      continue;
    llvm::SmallSetVector<unsigned, 8> order;
    for (AffineExpr expr : output.getResults())
      order.insert(cast<AffineDimExpr>(expr).getPosition());
    for (auto kind : {utils::IteratorType::parallel, utils::IteratorType::reduction})
      for (auto [loop, iterator] : llvm::enumerate(op.getIteratorTypesArray()))
        if (iterator == kind)
          order.insert(loop);
    rewriter.setInsertionPoint(op);
    // It fails for orders that are no permutations only.
    (void)linalg::interchangeGenericOp(rewriter, op, order.getArrayRef());
  }
}

namespace {

/// An operand's memory: the argument or allocation behind views, and how many of its leading dimensions they leave
/// whole.
struct Memory {
  Value base;
  unsigned wholeDims;
};

Memory memoryOf(Value value) {
  unsigned whole = cast<MemRefType>(value.getType()).getRank();
  while (Operation *op = value.getDefiningOp()) {
    if (auto view = dyn_cast<memref::SubViewOp>(op)) {
      MemRefType source = view.getSourceType();
      unsigned dim = 0;
      while (source.getRank() == view.getType().getRank() && dim < whole && view.getStaticOffsets()[dim] == 0 &&
             view.getStaticStrides()[dim] == 1 && view.getStaticSizes()[dim] == source.getDimSize(dim))
        ++dim;
      whole = dim;
      value = view.getSource();
    } else if (auto cast = dyn_cast<memref::CastOp>(op)) {
      value = cast.getSource();
    } else if (auto view = dyn_cast<ViewLikeOpInterface>(op)) {
      whole = 0;
      value = view.getViewSource();
    } else {
      break;
    }
  }
  return {value, whole};
}

} // namespace

Value baseOf(Value memory) { return memoryOf(memory).base; }

bool isIndependent(linalg::LinalgOp op, unsigned loop) {
  if (op.getIteratorTypesArray()[loop] != utils::IteratorType::parallel)
    return false;
  return llvm::all_of(op.getDpsInitsMutable(), [&](OpOperand &init) {
    AffineMap map = op.getMatchingIndexingMap(&init);
    AffineExpr dim = getAffineDimExpr(loop, map.getContext());
    return llvm::is_contained(map.getResults(), dim) &&
           llvm::count_if(map.getResults(), [&](AffineExpr expr) { return expr.isFunctionOfDim(loop); }) == 1;
  });
}

namespace {

/// Collects the ops of a kernel and how they touch memory.
class LoopFinder {
public:
  /// False for a kernel that has other effects than those of structured ops at its top level.
  bool collect(func::FuncOp kernel) {
    for (Operation &op : kernel.getBody().front().without_terminator()) {
      if (isMemoryEffectFree(&op) || isa<memref::AllocaOp>(op))
        continue;
      auto structured = dyn_cast<linalg::LinalgOp>(op);
      if (!structured)
        return false;
      ops.push_back(structured);
      structured->walk([&](memref::LoadOp load) { selected.insert(memoryOf(load.getMemRef()).base); });
      for (OpOperand &operand : structured->getOpOperands()) {
        if (!isa<MemRefType>(operand.get().getType()))
          continue;
        Memory memory = memoryOf(operand.get());
        ++touches[memory.base];
        if (structured.isDpsInit(&operand))
          written.insert(memory.base);
      }
    }
    return !ops.empty();
  }

  SmallVector<int64_t> common() {
    // What is selected by data may be any point's.
    if (llvm::any_of(selected, [&](Value memory) { return written.contains(memory); }))
      return {};
    unsigned count = ops.front().getNumLoops();
    SmallVector<int64_t> extents = ops.front().getStaticLoopRanges();
    for (linalg::LinalgOp op : ops)
      count = std::min(count, commonWith(op, extents));
    extents.truncate(count);
    return extents;
  }

  SmallVector<linalg::LinalgOp> ops;

private:
  unsigned commonWith(linalg::LinalgOp op, ArrayRef<int64_t> extents) {
    SmallVector<int64_t> own = op.getStaticLoopRanges();
    unsigned count = 0;
    while (count < own.size() && count < extents.size() && own[count] == extents[count] && isIndependent(op, count))
      ++count;
    for (OpOperand &operand : op->getOpOperands()) {
      if (!isa<MemRefType>(operand.get().getType()))
        continue;
      Memory memory = memoryOf(operand.get());
      // Points of one op write apart; what only one operand touches cannot be touched twice.
      if (!written.contains(memory.base) || touches.lookup(memory.base) == 1)
        continue;
      AffineMap map = op.getMatchingIndexingMap(&operand);
      unsigned inStep = 0;
      while (inStep < map.getNumResults() && map.getResult(inStep) == getAffineDimExpr(inStep, map.getContext()))
        ++inStep;
      count = std::min({count, inStep, memory.wholeDims});
    }
    return count;
  }

  llvm::DenseMap<Value, unsigned> touches;
  llvm::DenseSet<Value> written, selected;
};

/// The only loop of a kernel that has no effect outside of it, if its passes are independent.
scf::ForallOp findPasses(func::FuncOp kernel) {
  scf::ForallOp loop;
  for (Operation &op : kernel.getBody().front().without_terminator()) {
    if (isMemoryEffectFree(&op) || isa<memref::AllocaOp>(op))
      continue;
    if (loop || !isa<scf::ForallOp>(op))
      return {};
    loop = cast<scf::ForallOp>(op);
  }
  if (!loop || loop.getRank() != 1 || !loop.isNormalized() || !getConstantIntValue(loop.getMixedUpperBound().front()))
    return {};
  return loop;
}

} // namespace

Division divide(func::FuncOp kernel) {
  Division division;
  division.passes = findPasses(kernel);
  LoopFinder finder;
  if (!division.passes && finder.collect(kernel))
    division.common = finder.common();
  kernel.walk([&](linalg::LinalgOp op) {
    SmallVector<int64_t> extents = op.getStaticLoopRanges();
    division.rest = std::max(division.rest, product(ArrayRef(extents).drop_front(division.common.size())));
  });
  return division;
}

} // namespace raddle
