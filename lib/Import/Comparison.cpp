#include "ElementwiseOps.h"
#include <cmath>

using namespace mlir;

namespace raddle::import {

namespace {

using Compare = Body::Compare;

template <Compare kind> Value comparing(const Body &body, Value lhs, Value rhs) { return body.compare(kind, lhs, rhs); }
template <Compare kind> LogicalResult comparison(NodeBuilder &node) { return booleanBinary<comparing<kind>>(node); }

/// |self − other| ≤ atol + rtol · |other|, or equal as infinities are.
LogicalResult isClose(NodeBuilder &node) {
  SmallVector<Operand, 2> operands;
  constexpr double kRelative = 1e-5, kAbsolute = 1e-8;
  double relative = node.real("rtol", kRelative), absolute = node.real("atol", kAbsolute);
  bool equalNan = node.boolean("equal_nan", false);
  if (!readOperands(node, operands))
    return failure();
  Type type = node.realType(operands);
  return node.result(
      applyFn(node, operands, type, node.builder.getI1Type(), [&](const Body &body, ValueRange elements) {
        Value lhs = elements[0], rhs = elements[1];
        Value result = body.compare(Compare::Equal, lhs, rhs);
        if (equalNan)
          result = body.either(result, body.both(body.isNan(lhs), body.isNan(rhs)));
        Value allowed = body.add(body.mul(body.abs(rhs), relative), absolute);
        Value distance = body.abs(body.sub(lhs, rhs));
        Value near = body.both(body.compare(Compare::Less, distance, INFINITY),
                               body.compare(Compare::LessEqual, distance, allowed));
        return body.either(result, near);
      }));
}

Value bitAnd(const Body &body, Value lhs, Value rhs) { return body.both(lhs, rhs); }
Value bitOr(const Body &body, Value lhs, Value rhs) { return body.either(lhs, rhs); }
Value bitXor(const Body &body, Value lhs, Value rhs) { return body.make<arith::XOrIOp>(lhs, rhs); }

/// Shifts by as many bits as a number has, or more, move all of them out.
Value isShiftedOut(const Body &body, Value shift) {
  double width = shift.getType().getIntOrFloatBitWidth();
  return body.either(body.compare(Compare::Less, shift, 0), body.compare(Compare::GreaterEqual, shift, width));
}
Value shiftLeft(const Body &body, Value lhs, Value rhs) {
  Value out = isShiftedOut(body, rhs);
  return body.select(out, 0, body.make<arith::ShLIOp>(lhs, body.select(out, 0, rhs)));
}
Value shiftRight(const Body &body, Value lhs, Value rhs) {
  // What is left of a negative number is its sign.
  double greatest = rhs.getType().getIntOrFloatBitWidth() - 1;
  return body.make<arith::ShRSIOp>(lhs, body.select(isShiftedOut(body, rhs), greatest, rhs));
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

template <BinaryFn fn> LogicalResult logical(NodeBuilder &node) {
  SmallVector<Operand, 2> operands;
  if (!readOperands(node, operands))
    return failure();
  Type type = node.builder.getI1Type();
  return node.result(applyBinary(node, operands[0], operands[1], type, type, fn));
}

/// Whether an element is one of a list, by comparison with all of it.
LogicalResult isIn(NodeBuilder &node) {
  auto read = [&](StringRef tensor, StringRef number) {
    return node.has(tensor) ? node.operand(tensor) : node.operand(number);
  };
  Operand elements = read("elements", "element"), tests = read("test_elements", "test_element");
  bool inverts = node.boolean("invert", false);
  if (node.failed())
    return failure();
  if (!elements.tensor && !tests.tensor)
    return node.fail(node.node.target + " has no tensor among its operands"), failure();
  Type type = node.promote({elements, tests}), boolean = node.builder.getI1Type();
  Value list = tests.tensor ? tests.tensor : node.fill({}, node.elementOf(elements.tensor), tests.scalar);
  Value self = elements.tensor ? elements.tensor : node.fill({}, node.elementOf(tests.tensor), elements.scalar);
  if (node.failed())
    return failure();
  int64_t rank = node.rankOf(self);
  list = node.reshape(list, {node.typeOf(list).getNumElements()});
  Value equal = applyBinary(node, node.insertUnitDim(self, rank), list, type, boolean,
                            [](const Body &body, Value a, Value b) { return body.compare(Compare::Equal, a, b); });
  Value found = node.reduce(
      equal, {rank}, /*keep=*/false, boolean, Scalar::ofBool(false),
      [](OpBuilder &builder, Location loc, Value acc, Value element) { return Body{builder, loc}.add(acc, element); });
  if (inverts && !node.failed())
    found = applyUnary(node, found, boolean, boolean, [](const Body &body, Value x) {
      return body.make<arith::XOrIOp>(x, body.constant(x.getType(), Scalar::ofBool(true)));
    });
  return node.result(found);
}

/// The overloads of an operator on bits, which Python's operators have as well.
void addIntegral(OperatorTable &table, StringRef name, StringRef pythonName, Handler handler) {
  for (const char *overload : {".Tensor", ".Scalar", ".Scalar_Tensor"})
    table.add(("aten." + name + overload).str(), handler);
  for (const char *overload : {".Tensor", ".Scalar"})
    table.add(("aten." + pythonName + overload).str(), handler);
}

} // namespace

void registerComparisonOperators(OperatorTable &table) {
  table.add({"aten.eq.Tensor", "aten.eq.Scalar"}, comparison<Compare::Equal>);
  table.add({"aten.ne.Tensor", "aten.ne.Scalar", "aten.not_equal.Tensor", "aten.not_equal.Scalar"},
            comparison<Compare::NotEqual>);
  table.add({"aten.lt.Tensor", "aten.lt.Scalar", "aten.less.Tensor", "aten.less.Scalar"}, comparison<Compare::Less>);
  table.add({"aten.le.Tensor", "aten.le.Scalar", "aten.less_equal.Tensor", "aten.less_equal.Scalar"},
            comparison<Compare::LessEqual>);
  table.add({"aten.gt.Tensor", "aten.gt.Scalar", "aten.greater.Tensor", "aten.greater.Scalar"},
            comparison<Compare::Greater>);
  table.add({"aten.ge.Tensor", "aten.ge.Scalar", "aten.greater_equal.Tensor", "aten.greater_equal.Scalar"},
            comparison<Compare::GreaterEqual>);
  table.add("aten.isclose.default", isClose);
  table.add({"aten.isin.Tensor_Tensor", "aten.isin.Tensor_Scalar", "aten.isin.Scalar_Tensor"}, isIn);
  table.add("aten.logical_and.default", logical<bitAnd>);
  table.add("aten.logical_or.default", logical<bitOr>);
  table.add("aten.logical_xor.default", logical<bitXor>);
  addIntegral(table, "bitwise_and", "__and__", integral<bitAnd>);
  addIntegral(table, "bitwise_or", "__or__", integral<bitOr>);
  addIntegral(table, "bitwise_xor", "__xor__", integral<bitXor>);
  table.add({"aten.bitwise_left_shift.Tensor", "aten.bitwise_left_shift.Tensor_Scalar",
             "aten.bitwise_left_shift.Scalar_Tensor", "aten.__lshift__.Tensor", "aten.__lshift__.Scalar"},
            integral<shiftLeft>);
  table.add({"aten.bitwise_right_shift.Tensor", "aten.bitwise_right_shift.Tensor_Scalar",
             "aten.bitwise_right_shift.Scalar_Tensor", "aten.__rshift__.Tensor", "aten.__rshift__.Scalar"},
            integral<shiftRight>);
}

} // namespace raddle::import
