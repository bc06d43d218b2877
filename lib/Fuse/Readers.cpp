#include "Readers.h"

#include "raddle/Utils/TensorQueries.h"

using namespace mlir;

namespace raddle {

static void collectReaders(Value value, SmallVectorImpl<OpOperand *> &readers) {
  for (OpOperand &use : value.getUses())
    if (isView(use.getOwner()))
      collectReaders(use.getOwner()->getResult(0), readers);
    else
      readers.push_back(&use);
}

SmallVector<OpOperand *> readersOf(Value value) {
  SmallVector<OpOperand *> readers;
  collectReaders(value, readers);
  return readers;
}

linalg::GenericOp elementwiseReader(OpOperand *reader, int64_t inputs) {
  auto op = dyn_cast<linalg::GenericOp>(reader->getOwner());
  if (!op || op.getNumDpsInputs() != inputs || op.getNumDpsInits() != 1 || !op.isDpsInput(reader) ||
      op.getNumParallelLoops() != op.getNumLoops() || !op.getMatchingIndexingMap(reader).isIdentity() ||
      !op.getMatchingIndexingMap(op.getDpsInitOperand(0)).isIdentity())
    return {};
  return op;
}

void eraseUnread(Operation *op) {
  for (Operation *view : llvm::make_early_inc_range(op->getUsers()))
    eraseUnread(view);
  op->erase();
}

} // namespace raddle
