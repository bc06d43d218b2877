// Products of groups of rows, as mixtures of experts have them.
#include "NodeBuilder.h"
#include "Operators.h"
#include "raddle/Dialect/MoE/IR/MoEOps.h"

using namespace mlir;

namespace raddle::import {

namespace {

/// What stands before the swap of the last two dimensions that made `matrices`; null if nothing did.
Value beforeSwap(Value matrices) {
  auto swap = matrices.getDefiningOp<linalg::TransposeOp>();
  return swap && swap.getPermutation() == ArrayRef<int64_t>{0, 2, 1} ? swap.getInput() : Value();
}

Value swapped(NodeBuilder &node, Value matrix) { return node.failed() ? nullptr : node.transpose(matrix, {1, 0}); }

/// rows [M, K] times matrices [G, K, N] by groups of rows.
Value groupedMatmul(NodeBuilder &node, Value rows, Value matrices, Value offsets) {
  if (node.failed())
    return nullptr;
  ArrayRef<int64_t> left = node.shapeOf(rows), right = node.shapeOf(matrices);
  Type index = node.elementOf(offsets);
  bool fits = left.size() == 2 && right.size() == 3 && right[0] > 0 && left[1] == right[1] &&
              node.shapeOf(offsets) == right.take_front() && (index.isInteger(32) || index.isInteger(64)) &&
              isa<FloatType>(node.elementOf(rows)) && node.elementOf(rows) == node.elementOf(matrices);
  if (!fits)
    return node.fail(node.node.target + " of rows of shape " + node.describe(left) + " with matrices of shape " +
                     node.describe(right) + " and offsets of shape " + node.describe(node.shapeOf(offsets)));
  RankedTensorType type = node.tensorType({left[0], right[2]}, node.elementOf(rows));
  if (!type)
    return nullptr;
  // The matrices are read as they lie, and not turned first.
  Value turned = beforeSwap(matrices);
  return moe::GroupedMatmulOp::create(node.builder, node.loc, type, rows, turned ? turned : matrices, offsets,
                                      turned ? node.builder.getUnitAttr() : UnitAttr());
}

LogicalResult groupedFallback(NodeBuilder &node) {
  Value input = node.tensor("input"), weight = node.tensor("weight"), offsets = node.tensor("offs");
  return node.result(groupedMatmul(node, input, weight, offsets));
}

/// The sum over the rows of each group of outer products: left [M, K], right [M, N].
Value groupedOuter(NodeBuilder &node, Value left, Value right, Value offsets) {
  if (node.failed())
    return nullptr;
  Type index = node.elementOf(offsets);
  bool fits = node.rankOf(offsets) == 1 && node.shapeOf(offsets)[0] > 0 &&
              node.shapeOf(left)[0] == node.shapeOf(right)[0] && (index.isInteger(32) || index.isInteger(64)) &&
              isa<FloatType>(node.elementOf(left)) && node.elementOf(left) == node.elementOf(right);
  if (!fits)
    return node.fail(node.node.target + " of " + node.describe(node.shapeOf(left)) + " and " +
                     node.describe(node.shapeOf(right)));
  RankedTensorType type =
      node.tensorType({node.shapeOf(offsets)[0], node.shapeOf(left)[1], node.shapeOf(right)[1]}, node.elementOf(left));
  return type ? moe::GroupedOuterOp::create(node.builder, node.loc, type, left, right, offsets).getOut() : Value();
}

/// By the ranks of the operands, the groups are parts of the rows, of what is summed, of the columns, or a batch.
LogicalResult groupedMm(NodeBuilder &node) {
  Value self = node.tensor("self"), other = node.tensor("mat2");
  Value offsets = node.optionalTensor("offs"), bias = node.optionalTensor("bias");
  if (node.failed())
    return failure();
  int64_t left = node.rankOf(self), right = node.rankOf(other);
  bool isBatch = left == 3 && right == 3;
  if (bias || isBatch == bool(offsets) || (left != 2 && left != 3) || (right != 2 && right != 3))
    return node.fail("_grouped_mm of tensors of rank " + Twine(left) + " and " + Twine(right) +
                     (offsets ? " with" : " without") + " offsets" + (bias ? " and with a bias" : "")),
           failure();
  Value result;
  if (isBatch)
    result = node.batchMatmul(self, other);
  else if (left == 2 && right == 3)
    result = groupedMatmul(node, self, other, offsets);
  else if (left == 3)
    result = swapped(node, groupedMatmul(node, swapped(node, other), node.transpose(self, {0, 2, 1}), offsets));
  else
    result = groupedOuter(node, swapped(node, self), other, offsets);
  return node.failed() ? failure() : node.result(node.cast(result, node.dtype("out_dtype", node.elementOf(result))));
}

} // namespace

void registerExpertOperators(OperatorTable &table) {
  table.add("aten._grouped_mm.default", groupedMm);
  table.add("transformers.grouped_mm_fallback.default", groupedFallback);
}

} // namespace raddle::import
