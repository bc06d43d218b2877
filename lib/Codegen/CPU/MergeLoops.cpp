// Ops of a kernel that run over the same loops become one.
#include "KernelBody.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Transforms/RegionUtils.h"

using namespace mlir;

namespace raddle {

/// Tensors to write into have no order among other ops.
static void hoistInits(Block &block) {
  Operation *last = nullptr;
  for (Operation &op : llvm::make_early_inc_range(block)) {
    bool ready = isa<tensor::EmptyOp, linalg::FillOp>(op) || op.hasTrait<OpTrait::ConstantLike>();
    ready &= llvm::all_of(op.getOperands(), [&](Value operand) {
      Operation *producer = operand.getDefiningOp();
      return !producer || (last && (producer == last || producer->isBeforeInBlock(last)));
    });
    if (!ready)
      continue;
    if (last)
      op.moveAfter(last);
    else
      op.moveBefore(&block, block.begin());
    last = &op;
  }
}

static bool captures(linalg::GenericOp op, Operation *producer) {
  llvm::SetVector<Value> captured;
  getUsedValuesDefinedAbove(op->getRegions(), captured);
  return llvm::any_of(captured, [&](Value value) { return value.getDefiningOp() == producer; });
}

/// Whether the second op may compute an element right after the first has: it reads nothing that takes the first all of
/// its loops.
static bool canShareLoops(linalg::GenericOp first, linalg::GenericOp second) {
  if (first.getStaticLoopRanges() != second.getStaticLoopRanges() || captures(second, first))
    return false;
  for (OpOperand &operand : second->getOpOperands()) {
    if (operand.get().getDefiningOp() != first)
      continue;
    AffineMap written = first.getIndexingMapMatchingResult(cast<OpResult>(operand.get()));
    if (!second.isDpsInput(&operand) || second.getMatchingIndexingMap(&operand) != written || !written.isPermutation())
      return false;
  }
  return true;
}

/// A loop that one of the ops sums over is run in order; what the other writes in it is written once all the same.
static SmallVector<utils::IteratorType> mergedIterators(linalg::GenericOp first, linalg::GenericOp second) {
  SmallVector<utils::IteratorType> iterators = first.getIteratorTypesArray();
  for (auto [mine, other] : llvm::zip(iterators, second.getIteratorTypesArray()))
    if (other == utils::IteratorType::reduction)
      mine = other;
  return iterators;
}

/// Whether some op strictly between the two uses what `first` computes.
static bool isUsedBetween(Operation *first, Operation *second) {
  return llvm::any_of(first->getUsers(), [&](Operation *user) {
    Operation *inBlock = first->getBlock()->findAncestorOpInBlock(*user);
    return inBlock != second && inBlock->isBeforeInBlock(second);
  });
}

/// Whether `op` needs nothing that is computed behind `place`.
static bool isReadyAt(linalg::GenericOp op, Operation *place) {
  llvm::SetVector<Value> used(op->operand_begin(), op->operand_end());
  getUsedValuesDefinedAbove(op->getRegions(), used);
  return llvm::all_of(used, [&](Value value) {
    Operation *producer = value.getDefiningOp();
    return !producer || producer == place || producer->isBeforeInBlock(place);
  });
}

static linalg::GenericOp merge(linalg::GenericOp first, linalg::GenericOp second, Operation *place) {
  OpBuilder builder(place);
  SmallVector<Value> inputs, inits;
  SmallVector<AffineMap> inputMaps, initMaps;
  for (linalg::GenericOp op : {first, second}) {
    for (OpOperand *input : op.getDpsInputOperands()) {
      if (input->get().getDefiningOp() == first)
        continue;
      inputs.push_back(input->get());
      inputMaps.push_back(op.getMatchingIndexingMap(input));
    }
    for (OpOperand &init : op.getDpsInitsMutable()) {
      inits.push_back(init.get());
      initMaps.push_back(op.getMatchingIndexingMap(&init));
    }
  }
  SmallVector<AffineMap> maps(inputMaps);
  llvm::append_range(maps, initMaps);
  auto fill = [&](OpBuilder &nested, Location loc, ValueRange elements) {
    IRMapping mapping;
    SmallVector<Value> yielded;
    size_t nextInput = 0, nextInit = inputs.size();
    for (linalg::GenericOp op : {first, second}) {
      for (OpOperand *input : op.getDpsInputOperands()) {
        bool isInner = input->get().getDefiningOp() == first;
        Value element = isInner ? yielded[cast<OpResult>(input->get()).getResultNumber()] : elements[nextInput++];
        mapping.map(op.getMatchingBlockArgument(input), element);
      }
      for (OpOperand &init : op.getDpsInitsMutable())
        mapping.map(op.getMatchingBlockArgument(&init), elements[nextInit++]);
      for (Operation &inner : op.getBody()->without_terminator())
        nested.clone(inner, mapping);
      for (Value value : op.getBody()->getTerminator()->getOperands())
        yielded.push_back(mapping.lookupOrDefault(value));
    }
    linalg::YieldOp::create(nested, loc, yielded);
  };
  auto merged = linalg::GenericOp::create(builder, builder.getFusedLoc({first.getLoc(), second.getLoc()}),
                                          TypeRange(ValueRange(inits)), inputs, inits, maps,
                                          mergedIterators(first, second), fill);
  for (auto [index, result] : llvm::enumerate(first->getResults()))
    result.replaceAllUsesWith(merged->getResult(index));
  for (auto [index, result] : llvm::enumerate(second->getResults()))
    result.replaceAllUsesWith(merged->getResult(first->getNumResults() + index));
  second->erase();
  first->erase();
  return merged;
}

/// Merges the op with one before it; null if there is none to merge with.
static linalg::GenericOp mergeWithEarlier(linalg::GenericOp second) {
  for (Operation *op = second->getPrevNode(); op; op = op->getPrevNode()) {
    auto first = dyn_cast<linalg::GenericOp>(op);
    if (!first || !canShareLoops(first, second))
      continue;
    if (!isUsedBetween(first, second))
      return merge(first, second, second);
    if (isReadyAt(second, first))
      return merge(first, second, first);
  }
  return {};
}

void mergeLoops(func::FuncOp kernel) {
  Block &block = kernel.getBody().front();
  hoistInits(block);
  for (Operation *op = &block.front(); op;) {
    Operation *next = op->getNextNode();
    auto generic = dyn_cast<linalg::GenericOp>(op);
    while (generic && generic.hasPureTensorSemantics())
      generic = mergeWithEarlier(generic);
    op = next;
  }
}

} // namespace raddle
