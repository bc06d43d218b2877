// Canonical form of attention: key heads are not repeated.
#include "raddle/Dialect/NN/IR/NNOps.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace raddle;
using namespace raddle::nn;

/// The tensor [B, G, T, D] of which `value` [B, G * R, T, D] repeats every head R times; null where it does not. The
/// repetition is a copy to [B, G, R, T, D] and a view of that.
static Value findUnrepeated(Value value) {
  auto collapse = value.getDefiningOp<tensor::CollapseShapeOp>();
  if (!collapse || collapse.getReassociationIndices() != SmallVector<ReassociationIndices>{{0}, {1, 2}, {3}, {4}})
    return {};
  auto copy = collapse.getSrc().getDefiningOp<linalg::GenericOp>();
  if (!copy || copy.getNumDpsInputs() != 1 || copy.getNumDpsInits() != 1 || copy.getNumLoops() != 5 ||
      copy.getNumParallelLoops() != 5 || !copy.hasPureTensorSemantics())
    return {};
  auto yield = cast<linalg::YieldOp>(copy.getBody()->getTerminator());
  AffineMap out = copy.getIndexingMapsArray()[1];
  AffineMap wanted = out.isPermutation() ? out.dropResult(2) : AffineMap();
  if (copy.getIndexingMapsArray()[0] != wanted || yield.getOperand(0) != copy.getBody()->getArgument(0))
    return {};
  return copy.getDpsInputs()[0];
}

LogicalResult AttentionOp::canonicalize(AttentionOp op, PatternRewriter &rewriter) {
  Value key = findUnrepeated(op.getKey()), value = findUnrepeated(op.getValue());
  if (!key || !value)
    return failure();
  int64_t heads = cast<RankedTensorType>(key.getType()).getDimSize(1);
  if (cast<RankedTensorType>(value.getType()).getDimSize(1) != heads)
    return failure();
  rewriter.modifyOpInPlace(op, [&] {
    op.getKeyMutable().assign(key);
    op.getValueMutable().assign(value);
  });
  return success();
}
