#include "ElementwiseOps.h"
#include "Rows.h"

using namespace mlir;

namespace raddle::import {

namespace {

using Compare = Body::Compare;

LogicalResult where(NodeBuilder &node) {
  Value condition = node.tensor("condition");
  Operand yes = node.operand("self"), no = node.operand("other");
  if (node.failed())
    return failure();
  if (!node.elementOf(condition).isInteger(1))
    return node.fail("the condition of where is not boolean"), failure();
  Type type = node.resultType({yes, no});
  SmallVector<Value> tensors{condition};
  for (const Operand &operand : {yes, no})
    if (operand.tensor)
      tensors.push_back(operand.tensor);
  Shape shape = node.broadcastShape({condition, yes, no});
  return node.result(node.mapElements(shape, tensors, type, [&](OpBuilder &builder, Location loc, ValueRange elements) {
    size_t next = 1;
    SmallVector<Value, 2> branches;
    for (const Operand &operand : {yes, no})
      branches.push_back(operand.tensor ? convertScalar(builder, loc, elements[next++], type)
                                        : scalarConstant(builder, loc, type, operand.scalar));
    return arith::SelectOp::create(builder, loc, elements[0], branches[0], branches[1]).getResult();
  }));
}

LogicalResult maskedFill(NodeBuilder &node) {
  Value self = node.tensor("self"), mask = node.tensor("mask");
  Operand fill = node.operand("value");
  if (node.failed())
    return failure();
  if (!node.elementOf(mask).isInteger(1) || (fill.tensor && node.rankOf(fill.tensor) != 0))
    return node.fail("masked_fill needs a boolean mask and a single value"), failure();
  Type type = node.elementOf(self);
  SmallVector<Value> tensors{mask, self};
  if (fill.tensor)
    tensors.push_back(fill.tensor);
  Shape shape = node.broadcastShape({self, mask});
  return node.result(node.mapElements(shape, tensors, type, [&](OpBuilder &builder, Location loc, ValueRange elements) {
    Value value =
        fill.tensor ? convertScalar(builder, loc, elements[2], type) : scalarConstant(builder, loc, type, fill.scalar);
    return arith::SelectOp::create(builder, loc, elements[0], value, elements[1]).getResult();
  }));
}

/// A bound itself is not replaced, so that the gradient passes there, and neither is NaN.
LogicalResult clamp(NodeBuilder &node) {
  Value self = node.tensor("self");
  if (node.failed())
    return failure();
  SmallVector<Operand, 3> operands{self};
  bool hasMin = node.has("min"), hasMax = node.has("max");
  if (hasMin)
    operands.push_back(node.operand("min"));
  if (hasMax)
    operands.push_back(node.operand("max"));
  Type type = node.resultType(operands);
  return node.result(node.elementwise(operands, type, type, [&](OpBuilder &builder, Location loc, ValueRange elements) {
    Body body{builder, loc};
    Value value = elements[0];
    if (hasMin)
      value = body.select(body.compare(Compare::Less, value, elements[1]), elements[1], value);
    if (hasMax)
      value = body.select(body.compare(Compare::Greater, value, elements.back()), elements.back(), value);
    return value;
  }));
}

/// Each of several ranks reads its own part of the source from the start. That is what a single one does with the whole
/// batch if every rank's mask takes all of its rank's part: 0, and an error at run time where it does not.
Value checkAllTaken(NodeBuilder &node, Value counts, int64_t available) {
  if (node.batchDimension() != 0 || node.batchDimension("source") != 0)
    return node.fail("masked_scatter on " + Twine(node.numRanks()) +
                     " ranks of a tensor or a source that is not cut along dimension 0: which elements a rank reads "
                     "depends on the masks of the others");
  Value taken = node.slice(counts, 0, node.shapeOf(counts)[0] - 1, 1);
  Type i64 = node.builder.getI64Type();
  Value left = applyFn(node, {taken, Scalar::ofInt(available)}, i64, i64,
                       [](const Body &body, ValueRange args) { return body.sub(args[1], args[0]); });
  if (node.failed())
    return nullptr;
  StringRef what = "elements that a rank's part of the mask leaves of its part of the source in masked_scatter";
  return nn::CheckedIndexOp::create(node.builder, node.loc, left.getType(), left, node.builder.getI64IntegerAttr(1),
                                    node.builder.getStringAttr(what), UnitAttr(), IntegerAttr());
}

/// Elements of a source, one after the other, where a mask is true. A mask that asks for more than there are is an
/// error at run time.
LogicalResult maskedScatter(NodeBuilder &node) {
  Value self = node.tensor("self"), mask = node.tensor("mask"), source = node.tensor("source");
  if (node.failed())
    return failure();
  Type type = node.elementOf(self), i64 = node.builder.getI64Type();
  if (!node.elementOf(mask).isInteger(1) || node.elementOf(source) != type)
    return node.fail("masked_scatter needs a boolean mask and a source of the tensor's type"), failure();
  Shape shape = node.broadcastShape({self, mask});
  int64_t size = ShapedType::getNumElements(shape);
  self = node.broadcast(self, shape);
  mask = node.broadcast(mask, shape);
  if (node.failed() || size == 0 || node.typeOf(source).getNumElements() == 0)
    return node.result(self);
  Value ones = node.cast(node.reshape(mask, {size}), i64);
  if (node.failed())
    return failure();
  Value counts =
      nn::CumsumOp::create(node.builder, node.loc, ones.getType(), ones, node.builder.getI64IntegerAttr(0), UnitAttr());
  SmallVector<Operand> operands{counts, ones};
  if (node.numRanks() > 1 && node.batchDimension())
    operands.push_back(checkAllTaken(node, counts, node.typeOf(source).getNumElements()));
  Value next = applyFn(node, operands, i64, i64, [&](const Body &body, ValueRange args) {
    Value before = body.sub(args[0], body.constant(i64, Scalar::ofInt(1)));
    if (args.size() > 2)
      before = body.add(before, args[2]);
    // Where nothing is read any place will do.
    return body.mul(before, args[1]);
  });
  Value places = checkedIndex(node, next, node.typeOf(source).getNumElements(), /*fromEnd=*/false);
  Value values = gatherRows(node, source, places, 1, shape);
  return node.result(
      node.mapElements(shape, {mask, values, self}, type, [](OpBuilder &builder, Location loc, ValueRange args) {
        return Body{builder, loc}.select(args[0], args[1], args[2]);
      }));
}

} // namespace

void registerSelectionOperators(OperatorTable &table) {
  table.add({"aten.where.self", "aten.where.Scalar", "aten.where.ScalarOther", "aten.where.ScalarSelf"}, where);
  table.add("aten.masked_scatter.default", maskedScatter);
  table.add({"aten.masked_fill.Scalar", "aten.masked_fill.Tensor"}, maskedFill);
  table.add({"aten.clamp.default", "aten.clamp.Tensor", "aten.clamp_min.default", "aten.clamp_max.default",
             "aten.clamp_min.Tensor", "aten.clamp_max.Tensor", "aten.clip.default", "aten.clip.Tensor"},
            clamp);
}

} // namespace raddle::import
