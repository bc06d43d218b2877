#include "ElementwiseOps.h"

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

} // namespace

void registerSelectionOperators(OperatorTable &table) {
  table.add({"aten.where.self", "aten.where.Scalar", "aten.where.ScalarOther", "aten.where.ScalarSelf"}, where);
  table.add({"aten.masked_fill.Scalar", "aten.masked_fill.Tensor"}, maskedFill);
  table.add({"aten.clamp.default", "aten.clamp.Tensor", "aten.clamp_min.default", "aten.clamp_max.default",
             "aten.clamp_min.Tensor", "aten.clamp_max.Tensor", "aten.clip.default", "aten.clip.Tensor"},
            clamp);
}

} // namespace raddle::import
