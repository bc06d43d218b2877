#include "ElementwiseOps.h"
#include <cmath>

using namespace mlir;

namespace raddle::import {

bool readOperands(NodeBuilder &node, SmallVectorImpl<Operand> &operands, StringRef second) {
  operands.push_back(node.operand("self"));
  operands.push_back(node.operand(second));
  if (!node.failed() && !operands[0].tensor && !operands[1].tensor)
    node.fail(node.node.target + " has no tensor among its operands");
  return !node.failed();
}

namespace {

using Compare = Body::Compare;

/// self + alpha * other, or with the operands and signs that subtraction needs.
LogicalResult scaledSum(NodeBuilder &node, bool subtract, bool reversed) {
  SmallVector<Operand, 2> operands;
  if (!readOperands(node, operands))
    return failure();
  Scalar alpha = node.scalar("alpha", Scalar::ofInt(1));
  Type type = node.resultType(operands);
  if (reversed)
    std::swap(operands[0], operands[1]);
  return node.result(applyFn(node, operands, type, type, [&](const Body &body, ValueRange elements) {
    Value other = elements[1];
    if (alpha.real != 1)
      other = body.mul(other, body.constant(other.getType(), alpha));
    return subtract ? body.sub(elements[0], other) : body.add(elements[0], other);
  }));
}
LogicalResult add(NodeBuilder &node) { return scaledSum(node, false, false); }
LogicalResult sub(NodeBuilder &node) { return scaledSum(node, true, false); }
LogicalResult rsub(NodeBuilder &node) { return scaledSum(node, true, true); }

/// self + value * tensor1 * tensor2, or with a quotient.
template <bool isQuotient> LogicalResult addCombined(NodeBuilder &node) {
  SmallVector<Operand, 3> operands{node.operand("self"), node.operand("tensor1"), node.operand("tensor2")};
  Scalar value = node.scalar("value", Scalar::ofInt(1));
  Type type = node.resultType(operands);
  if (node.failed())
    return failure();
  if (isQuotient && !isa<FloatType>(type))
    return node.fail("addcdiv of integers is not possible"), failure();
  return node.result(applyFn(node, operands, type, type, [&](const Body &body, ValueRange elements) {
    Value scale = body.constant(elements[0].getType(), value);
    if (isQuotient)
      return body.add(elements[0], body.mul(scale, body.div(elements[1], elements[2])));
    return body.add(elements[0], body.mul(scale, body.mul(elements[1], elements[2])));
  }));
}

/// self + weight * (end − self), from the nearer end.
LogicalResult lerp(NodeBuilder &node) {
  SmallVector<Operand, 3> operands{node.operand("self"), node.operand("end"), node.operand("weight")};
  Type type = node.resultType({operands[0], operands[1]});
  return node.result(applyFn(node, operands, type, type, [](const Body &body, ValueRange elements) {
    Value self = elements[0], end = elements[1], weight = elements[2];
    Value delta = body.sub(end, self), one = body.constant(self.getType(), 1);
    Value near = body.add(self, body.mul(weight, delta));
    Value far = body.sub(end, body.mul(delta, body.sub(one, weight)));
    return body.select(body.compare(Compare::Less, body.abs(weight), 0.5), near, far);
  }));
}

Value multiply(const Body &body, Value lhs, Value rhs) { return body.mul(lhs, rhs); }
Value maximum(const Body &body, Value lhs, Value rhs) { return body.max(lhs, rhs); }
Value minimum(const Body &body, Value lhs, Value rhs) { return body.min(lhs, rhs); }
/// As maximum and minimum, but a number wins over NaN; the gradient of ties goes to the first.
template <bool isMaximum> Value numberExtremum(const Body &body, Value lhs, Value rhs) {
  if (!Body::isFloat(lhs))
    return isMaximum ? body.max(lhs, rhs) : body.min(lhs, rhs);
  Value first = body.compare(isMaximum ? Compare::GreaterEqual : Compare::LessEqual, lhs, rhs);
  return body.select(body.either(first, body.isNan(rhs)), lhs, rhs);
}
Value copySign(const Body &body, Value lhs, Value rhs) { return body.make<math::CopySignOp>(lhs, rhs); }
Value atan2(const Body &body, Value lhs, Value rhs) { return body.angle(lhs, rhs); }
/// In f64, where squares of f32 do not overflow; an infinite side wins over NaN.
Value hypot(const Body &body, Value lhs, Value rhs) {
  Value infinite = body.either(body.compare(Compare::Equal, body.abs(lhs), INFINITY),
                               body.compare(Compare::Equal, body.abs(rhs), INFINITY));
  return body.select(infinite, INFINITY, body.sqrt(body.add(body.mul(lhs, lhs), body.mul(rhs, rhs))));
}
Value loadExponent(const Body &body, Value lhs, Value rhs) { return body.mul(lhs, body.make<math::Exp2Op>(rhs)); }

/// The logarithm of the sum of two powers of the base whose natural logarithm is `scale`. Equal infinities have no
/// difference.
Value logSum(const Body &body, Value lhs, Value rhs, double scale) {
  Value sameInfinity =
      body.both(body.compare(Compare::Equal, lhs, rhs), body.compare(Compare::Equal, body.abs(lhs), INFINITY));
  Value greater = body.max(lhs, rhs);
  Value gap = body.abs(body.sub(lhs, rhs));
  Value rest = body.make<math::Log1pOp>(body.exp(body.mul(gap, -scale)));
  return body.select(sameInfinity, lhs, body.add(greater, body.div(rest, scale)));
}
Value logAddExp(const Body &body, Value lhs, Value rhs) { return logSum(body, lhs, rhs, 1); }
Value logAddExp2(const Body &body, Value lhs, Value rhs) { return logSum(body, lhs, rhs, M_LN2); }
Value heaviside(const Body &body, Value lhs, Value rhs) {
  Value positive = body.select(body.compare(Compare::Greater, lhs, 0), body.constant(lhs.getType(), 1),
                               body.constant(lhs.getType(), 0));
  if (Body::isFloat(lhs))
    positive = body.select(body.isNan(lhs), lhs, positive);
  return body.select(body.compare(Compare::Equal, lhs, 0), rhs, positive);
}
LogicalResult heavisideOf(NodeBuilder &node) {
  SmallVector<Operand, 2> operands;
  if (!readOperands(node, operands, "values"))
    return failure();
  Type type = node.resultType(operands);
  return node.result(applyBinary(node, operands[0], operands[1], type, type, heaviside));
}

/// The next number from lhs towards rhs, by the order that a number's bits have as an integer.
Value nextAfter(const Body &body, Value lhs, Value rhs) {
  Type type = lhs.getType(), bitsType = body.builder.getIntegerType(type.getIntOrFloatBitWidth());
  Value bits = body.make<arith::BitcastOp>(bitsType, lhs);
  Value away =
      body.compare(Compare::Equal, body.compare(Compare::Greater, rhs, lhs), body.compare(Compare::Greater, lhs, 0));
  Value moved = body.select(away, body.add(bits, 1), body.sub(bits, 1));
  Value smallest = body.make<arith::BitcastOp>(type, body.constant(bitsType, 1));
  Value next = body.make<arith::BitcastOp>(type, moved);
  next = body.select(body.compare(Compare::Equal, lhs, 0), body.make<math::CopySignOp>(smallest, rhs), next);
  next = body.select(body.compare(Compare::Equal, lhs, rhs), rhs, next);
  return body.select(body.either(body.isNan(lhs), body.isNan(rhs)), NAN, next);
}
LogicalResult nextAfterOf(NodeBuilder &node) {
  Value self = node.tensor("self"), other = node.tensor("other");
  Type type = node.promote({self, other});
  if (node.failed())
    return failure();
  if (!isa<FloatType>(type))
    return node.fail("nextafter of integers is not possible"), failure();
  // Without elementwise's conversion to f32, whose neighbours are others.
  Shape shape = node.broadcastShape({self, other});
  return node.result(node.mapElements(shape, {node.cast(self, type), node.cast(other, type)}, type,
                                      [](OpBuilder &builder, Location loc, ValueRange elements) {
                                        return nextAfter(Body{builder, loc}, elements[0], elements[1]);
                                      }));
}

} // namespace

void registerPointwiseOperators(OperatorTable &table) {
  table.add({"aten.add.Tensor", "aten.add.Scalar"}, add);
  table.add({"aten.sub.Tensor", "aten.sub.Scalar", "aten.subtract.Tensor", "aten.subtract.Scalar"}, sub);
  table.add({"aten.rsub.Tensor", "aten.rsub.Scalar"}, rsub);
  table.add({"aten.mul.Tensor", "aten.mul.Scalar", "aten.multiply.Tensor", "aten.multiply.Scalar"},
            arithmetic<multiply>);
  table.add("aten.addcmul.default", addCombined<false>);
  table.add("aten.addcdiv.default", addCombined<true>);
  table.add({"aten.lerp.Tensor", "aten.lerp.Scalar"}, lerp);
  table.add({"aten.maximum.default", "aten.max.other"}, arithmetic<maximum>);
  table.add({"aten.minimum.default", "aten.min.other"}, arithmetic<minimum>);
  table.add("aten.fmax.default", arithmetic<numberExtremum<true>>);
  table.add("aten.fmin.default", arithmetic<numberExtremum<false>>);
  table.add({"aten.copysign.Tensor", "aten.copysign.Scalar"}, realBinary<copySign>);
  table.add({"aten.atan2.default", "aten.arctan2.default"}, realBinary<atan2>);
  table.add("aten.hypot.default", wideBinary<hypot>);
  table.add("aten.ldexp.Tensor", realBinary<loadExponent>);
  table.add("aten.logaddexp.default", realBinary<logAddExp>);
  table.add("aten.logaddexp2.default", realBinary<logAddExp2>);
  table.add("aten.heaviside.default", heavisideOf);
  table.add("aten.nextafter.default", nextAfterOf);
}

} // namespace raddle::import
