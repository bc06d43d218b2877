#include "Body.h"
#include "Operators.h"
#include <cmath>

using namespace mlir;

namespace raddle::import {

namespace {

using Compare = Body::Compare;
using BinaryFn = Value (*)(const Body &, Value, Value);

Value applyBinary(NodeBuilder &node, Operand lhs, Operand rhs, Type compute, Type result, BinaryFn fn) {
  return node.elementwise({lhs, rhs}, compute, result, [&](OpBuilder &builder, Location loc, ValueRange elements) {
    return fn(Body{builder, loc}, elements[0], elements[1]);
  });
}

/// Both operands may be tensors or numbers, but not both numbers.
bool readOperands(NodeBuilder &node, SmallVectorImpl<Operand> &operands) {
  operands.push_back(node.operand("self"));
  operands.push_back(node.operand("other"));
  if (!node.failed() && !operands[0].tensor && !operands[1].tensor)
    node.fail(node.node.target + " has no tensor among its operands");
  return !node.failed();
}

template <BinaryFn fn> LogicalResult arithmetic(NodeBuilder &node) {
  SmallVector<Operand, 2> operands;
  if (!readOperands(node, operands))
    return failure();
  Type type = node.promote(operands);
  return node.result(applyBinary(node, operands[0], operands[1], type, type, fn));
}

template <BinaryFn fn> LogicalResult integral(NodeBuilder &node) {
  SmallVector<Operand, 2> operands;
  if (!readOperands(node, operands))
    return failure();
  Type type = node.promote(operands);
  if (isa<FloatType>(type))
    return node.fail(node.node.target + " of floating-point numbers is not possible"), failure();
  return node.result(applyBinary(node, operands[0], operands[1], type, type, fn));
}

template <Compare kind> LogicalResult comparison(NodeBuilder &node) {
  SmallVector<Operand, 2> operands;
  if (!readOperands(node, operands))
    return failure();
  return node.result(applyBinary(node, operands[0], operands[1], node.promote(operands), node.builder.getI1Type(),
                                 [](const Body &body, Value lhs, Value rhs) { return body.compare(kind, lhs, rhs); }));
}

template <BinaryFn fn> LogicalResult logical(NodeBuilder &node) {
  SmallVector<Operand, 2> operands;
  if (!readOperands(node, operands))
    return failure();
  Type type = node.builder.getI1Type();
  return node.result(applyBinary(node, operands[0], operands[1], type, type, fn));
}

/// self + alpha * other, or with the operands and signs that subtraction needs.
LogicalResult scaledSum(NodeBuilder &node, bool subtract, bool reversed) {
  SmallVector<Operand, 2> operands;
  if (!readOperands(node, operands))
    return failure();
  Scalar alpha = node.scalar("alpha", Scalar::ofInt(1));
  Type type = node.promote(operands);
  if (reversed)
    std::swap(operands[0], operands[1]);
  return node.result(node.elementwise(operands, type, type, [&](OpBuilder &builder, Location loc, ValueRange elements) {
    Body body{builder, loc};
    Value other = elements[1];
    if (alpha.real != 1)
      other = body.mul(other, body.constant(other.getType(), alpha));
    return subtract ? body.sub(elements[0], other) : body.add(elements[0], other);
  }));
}
LogicalResult add(NodeBuilder &node) { return scaledSum(node, false, false); }
LogicalResult sub(NodeBuilder &node) { return scaledSum(node, true, false); }
LogicalResult rsub(NodeBuilder &node) { return scaledSum(node, true, true); }

Value multiply(const Body &body, Value lhs, Value rhs) { return body.mul(lhs, rhs); }
Value maximum(const Body &body, Value lhs, Value rhs) { return body.max(lhs, rhs); }
Value minimum(const Body &body, Value lhs, Value rhs) { return body.min(lhs, rhs); }
Value trueDivide(const Body &body, Value lhs, Value rhs) { return body.div(lhs, rhs); }
Value floorDivide(const Body &body, Value lhs, Value rhs) {
  if (!Body::isFloat(lhs))
    return body.make<arith::FloorDivSIOp>(lhs, rhs);
  return body.make<math::FloorOp>(body.div(lhs, rhs));
}
Value truncDivide(const Body &body, Value lhs, Value rhs) {
  if (!Body::isFloat(lhs))
    return body.make<arith::DivSIOp>(lhs, rhs);
  return body.make<math::TruncOp>(body.div(lhs, rhs));
}
/// The remainder has the divisor's sign.
Value remainder(const Body &body, Value lhs, Value rhs) {
  Value rest = Body::isFloat(lhs) ? body.make<arith::RemFOp>(lhs, rhs) : body.make<arith::RemSIOp>(lhs, rhs);
  Value zero = body.constant(lhs.getType(), 0);
  Value wrongSign =
      body.make<arith::XOrIOp>(body.compare(Compare::Less, rest, zero), body.compare(Compare::Less, rhs, zero));
  Value fix = body.make<arith::AndIOp>(body.compare(Compare::NotEqual, rest, zero), wrongSign);
  return body.select(fix, body.add(rest, rhs), rest);
}
Value fmod(const Body &body, Value lhs, Value rhs) {
  return Body::isFloat(lhs) ? body.make<arith::RemFOp>(lhs, rhs) : body.make<arith::RemSIOp>(lhs, rhs);
}
Value bitAnd(const Body &body, Value lhs, Value rhs) { return body.make<arith::AndIOp>(lhs, rhs); }
Value bitOr(const Body &body, Value lhs, Value rhs) { return body.make<arith::OrIOp>(lhs, rhs); }
Value bitXor(const Body &body, Value lhs, Value rhs) { return body.make<arith::XOrIOp>(lhs, rhs); }

bool divisorIsZero(NodeBuilder &node, const SmallVectorImpl<Operand> &operands, Type type) {
  if (isa<FloatType>(type) || operands[1].tensor || !operands[1].scalar.isZero())
    return false;
  node.fail(node.node.target + " divides integers by zero");
  return true;
}

template <BinaryFn fn> LogicalResult dividing(NodeBuilder &node) {
  SmallVector<Operand, 2> operands;
  if (!readOperands(node, operands) || divisorIsZero(node, operands, node.promote(operands)))
    return failure();
  Type type = node.promote(operands);
  return node.result(applyBinary(node, operands[0], operands[1], type, type, fn));
}

LogicalResult divide(NodeBuilder &node) {
  StringRef mode = node.string("rounding_mode", "");
  if (mode == "floor")
    return dividing<floorDivide>(node);
  if (mode == "trunc")
    return dividing<truncDivide>(node);
  if (!mode.empty())
    return node.fail("div with rounding_mode='" + mode + "', expected 'floor' or 'trunc'"), failure();
  SmallVector<Operand, 2> operands;
  if (!readOperands(node, operands))
    return failure();
  Type type = node.promote(operands);
  // Integers divide as f32.
  if (!node.failed() && !isa<FloatType>(type))
    type = node.builder.getF32Type();
  return node.result(applyBinary(node, operands[0], operands[1], type, type, trueDivide));
}

/// Powers with the exponents that models use become multiplications and roots: exact, and cheap to differentiate.
Value powerOf(const Body &body, Value x, double exponent) {
  Type type = x.getType();
  Value one = body.constant(type, 1);
  if (exponent == 0)
    return one;
  if (exponent == 1)
    return x;
  if (exponent == 2)
    return body.mul(x, x);
  if (exponent == 3)
    return body.mul(body.mul(x, x), x);
  if (!Body::isFloat(x))
    return body.make<math::IPowIOp>(x, body.constant(type, exponent));
  if (exponent == 0.5)
    return body.make<math::SqrtOp>(x);
  if (exponent == -0.5)
    return body.make<math::RsqrtOp>(x);
  if (exponent == -1)
    return body.div(one, x);
  if (exponent == -2)
    return body.div(one, body.mul(x, x));
  return body.make<math::PowFOp>(x, body.constant(type, exponent));
}

Value power(const Body &body, Value lhs, Value rhs) {
  return Body::isFloat(lhs) ? body.make<math::PowFOp>(lhs, rhs) : body.make<math::IPowIOp>(lhs, rhs);
}

LogicalResult pow(NodeBuilder &node) {
  SmallVector<Operand, 2> operands{node.operand("self"), node.operand("exponent")};
  if (node.failed())
    return failure();
  Type type = node.promote(operands);
  if (operands[1].tensor)
    return node.result(applyBinary(node, operands[0], operands[1], type, type, power));
  if (!operands[0].tensor)
    return node.fail("pow has no tensor among its operands"), failure();
  double exponent = operands[1].scalar.real;
  if (!isa<FloatType>(type) && exponent < 0)
    return node.fail("integers cannot be raised to the negative power " + Twine(int64_t(exponent))), failure();
  return node.result(
      node.elementwise({operands[0]}, type, type, [&](OpBuilder &builder, Location loc, ValueRange elements) {
        return powerOf(Body{builder, loc}, elements[0], exponent);
      }));
}

LogicalResult where(NodeBuilder &node) {
  Value condition = node.tensor("condition");
  Operand yes = node.operand("self"), no = node.operand("other");
  if (node.failed())
    return failure();
  if (!node.elementOf(condition).isInteger(1))
    return node.fail("the condition of where is not boolean"), failure();
  Type type = node.promote({yes, no});
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
  Type type = node.promote(operands);
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

void registerPointwiseOperators(OperatorTable &table) {
  table.add({"aten.add.Tensor", "aten.add.Scalar"}, add);
  table.add({"aten.sub.Tensor", "aten.sub.Scalar"}, sub);
  table.add({"aten.rsub.Tensor", "aten.rsub.Scalar"}, rsub);
  table.add({"aten.mul.Tensor", "aten.mul.Scalar"}, arithmetic<multiply>);
  table.add({"aten.div.Tensor", "aten.div.Scalar", "aten.div.Tensor_mode", "aten.div.Scalar_mode"}, divide);
  table.add({"aten.floor_divide.default", "aten.floor_divide.Scalar"}, dividing<floorDivide>);
  table.add({"aten.remainder.Tensor", "aten.remainder.Scalar"}, dividing<remainder>);
  table.add({"aten.fmod.Tensor", "aten.fmod.Scalar"}, dividing<fmod>);
  table.add({"aten.maximum.default", "aten.max.other"}, arithmetic<maximum>);
  table.add({"aten.minimum.default", "aten.min.other"}, arithmetic<minimum>);
  table.add({"aten.pow.Tensor_Scalar", "aten.pow.Tensor_Tensor", "aten.pow.Scalar"}, pow);
  table.add({"aten.eq.Tensor", "aten.eq.Scalar"}, comparison<Compare::Equal>);
  table.add({"aten.ne.Tensor", "aten.ne.Scalar"}, comparison<Compare::NotEqual>);
  table.add({"aten.lt.Tensor", "aten.lt.Scalar"}, comparison<Compare::Less>);
  table.add({"aten.le.Tensor", "aten.le.Scalar"}, comparison<Compare::LessEqual>);
  table.add({"aten.gt.Tensor", "aten.gt.Scalar"}, comparison<Compare::Greater>);
  table.add({"aten.ge.Tensor", "aten.ge.Scalar"}, comparison<Compare::GreaterEqual>);
  table.add("aten.logical_and.default", logical<bitAnd>);
  table.add("aten.logical_or.default", logical<bitOr>);
  table.add("aten.logical_xor.default", logical<bitXor>);
  table.add({"aten.__and__.Tensor", "aten.__and__.Scalar", "aten.bitwise_and.Tensor", "aten.bitwise_and.Scalar"},
            integral<bitAnd>);
  table.add({"aten.__or__.Tensor", "aten.__or__.Scalar", "aten.bitwise_or.Tensor", "aten.bitwise_or.Scalar"},
            integral<bitOr>);
  table.add({"aten.__xor__.Tensor", "aten.__xor__.Scalar", "aten.bitwise_xor.Tensor", "aten.bitwise_xor.Scalar"},
            integral<bitXor>);
  table.add({"aten.where.self", "aten.where.Scalar", "aten.where.ScalarOther", "aten.where.ScalarSelf"}, where);
  table.add({"aten.masked_fill.Scalar", "aten.masked_fill.Tensor"}, maskedFill);
  table.add({"aten.clamp.default", "aten.clamp.Tensor", "aten.clamp_min.default", "aten.clamp_max.default",
             "aten.clamp_min.Tensor", "aten.clamp_max.Tensor"},
            clamp);
}

} // namespace raddle::import
