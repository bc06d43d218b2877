// The range of a kernel that threads may share.
#include "KernelBody.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

using namespace mlir;

namespace raddle {

/// Whether the op walks the first dimension of the operand's memory with its first loop, in step.
static bool startsWithFirstLoop(linalg::LinalgOp op, OpOperand *operand) {
  AffineMap map = op.getMatchingIndexingMap(operand);
  return map.getNumResults() > 0 && map.getResult(0) == getAffineDimExpr(0, op.getContext());
}

/// Memory behind views that leave the first dimension whole; null for another view.
static Value wholeFirstDimension(Value value) {
  while (auto view = value.getDefiningOp<memref::SubViewOp>()) {
    auto source = cast<MemRefType>(view.getSource().getType()), type = view.getType();
    if (source.getRank() != type.getRank() || source.getDimSize(0) != type.getDimSize(0))
      return {};
    value = view.getSource();
  }
  return isa<BlockArgument>(value) ? value : Value();
}

/// Extent of the only loop of a kernel whose passes are independent by construction; 0 for another kernel.
static int64_t independentPasses(func::FuncOp kernel) {
  scf::ForallOp loop;
  for (Operation &op : kernel.getBody().front().without_terminator()) {
    // Memory on the stack is a thread's own.
    if (isMemoryEffectFree(&op) || isa<memref::AllocaOp>(op))
      continue;
    if (loop || !isa<scf::ForallOp>(op))
      return 0;
    loop = cast<scf::ForallOp>(op);
  }
  if (!loop || loop.getRank() != 1 || !loop.isNormalized())
    return 0;
  return std::max<int64_t>(getConstantIntValue(loop.getMixedUpperBound().front()).value_or(0), 0);
}

int64_t findRange(func::FuncOp kernel) {
  if (int64_t passes = independentPasses(kernel))
    return passes;
  std::optional<int64_t> range;
  llvm::DenseSet<Value> written;
  for (Operation &op : kernel.getBody().front().without_terminator()) {
    if (isMemoryEffectFree(&op))
      continue;
    auto structured = dyn_cast<linalg::LinalgOp>(op);
    SmallVector<OpOperand *> inputs, outputs;
    if (auto copy = dyn_cast<memref::CopyOp>(op)) {
      // A copy walks both sides in step.
      Value source = wholeFirstDimension(copy.getSource()), target = wholeFirstDimension(copy.getTarget());
      auto type = cast<MemRefType>(copy.getTarget().getType());
      if (!source || !target || type.getRank() == 0 || type.getDimSize(0) == 0 ||
          (range && *range != type.getDimSize(0)))
        return 1;
      range = type.getDimSize(0);
      written.insert(target);
      continue;
    }
    if (!structured || structured.getNumLoops() == 0 ||
        structured.getIteratorTypesArray()[0] != utils::IteratorType::parallel)
      return 1;
    int64_t extent = structured.getStaticLoopRanges()[0];
    if (extent <= 0 || (range && *range != extent))
      return 1;
    range = extent;
    // What one part of the range writes, no other part may read: all touch it row by row.
    for (OpOperand &operand : structured->getOpOperands()) {
      if (!isa<MemRefType>(operand.get().getType()))
        continue;
      bool writes = structured.isDpsInit(&operand);
      Value memory = wholeFirstDimension(operand.get());
      if ((writes || written.contains(memory)) && (!memory || !startsWithFirstLoop(structured, &operand)))
        return 1;
      if (writes)
        written.insert(memory);
    }
  }
  return range.value_or(1);
}

void splitRange(func::FuncOp kernel, int64_t range) {
  Type index = IndexType::get(kernel.getContext());
  unsigned begin = kernel.getNumArguments(), end = begin + 1;
  // Appending arguments cannot fail.
  (void)kernel.insertArgument(begin, index, {}, kernel.getLoc());
  (void)kernel.insertArgument(end, index, {}, kernel.getLoc());
  if (range == 1)
    return;
  for (auto loop : kernel.getBody().front().getOps<scf::ForOp>()) {
    loop.setLowerBound(kernel.getArgument(begin));
    loop.setUpperBound(kernel.getArgument(end));
  }
}

} // namespace raddle
