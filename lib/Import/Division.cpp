#include "ElementwiseOps.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace raddle::import {

namespace {

using Compare = Body::Compare;

Value trueDivide(const Body &body, Value lhs, Value rhs) { return body.div(lhs, rhs); }

/// Machines have no quotient for a divisor of 0, and none for the least number by −1: 1 takes the divisor's place, and
/// the least number is its own quotient.
Value safeDivisor(const Body &body, Value lhs, Value rhs) {
  unsigned width = rhs.getType().getIntOrFloatBitWidth();
  Value least = body.constant(lhs.getType(), Scalar::ofInt(llvm::APInt::getSignedMinValue(width).getSExtValue()));
  Value overflows = body.both(body.compare(Compare::Equal, lhs, least), body.compare(Compare::Equal, rhs, -1));
  return body.select(body.either(overflows, body.compare(Compare::Equal, rhs, 0)), 1, rhs);
}

/// As Python's floor division: the quotient of what the remainder leaves, which is exact where lhs / rhs is rounded up.
Value floorDivide(const Body &body, Value lhs, Value rhs) {
  if (!Body::isFloat(lhs))
    return body.make<arith::FloorDivSIOp>(lhs, safeDivisor(body, lhs, rhs));
  Value rest = body.make<arith::RemFOp>(lhs, rhs);
  Value quotient = body.div(body.sub(lhs, rest), rhs);
  Value wrongSign = body.make<arith::XOrIOp>(body.compare(Compare::Less, rest, 0), body.compare(Compare::Less, rhs, 0));
  Value lower = body.both(body.compare(Compare::NotEqual, rest, 0), wrongSign);
  Value exact = body.make<math::RoundEvenOp>(body.select(lower, body.sub(quotient, 1), quotient));
  return body.select(body.compare(Compare::Equal, rhs, 0), body.make<math::FloorOp>(body.div(lhs, rhs)), exact);
}
Value truncDivide(const Body &body, Value lhs, Value rhs) {
  if (!Body::isFloat(lhs))
    return body.make<arith::DivSIOp>(lhs, safeDivisor(body, lhs, rhs));
  return body.make<math::TruncOp>(body.div(lhs, rhs));
}
/// The remainder has the divisor's sign.
Value remainder(const Body &body, Value lhs, Value rhs) {
  Value rest = Body::isFloat(lhs) ? body.make<arith::RemFOp>(lhs, rhs)
                                  : body.make<arith::RemSIOp>(lhs, safeDivisor(body, lhs, rhs));
  Value wrongSign = body.make<arith::XOrIOp>(body.compare(Compare::Less, rest, 0), body.compare(Compare::Less, rhs, 0));
  Value fix = body.both(body.compare(Compare::NotEqual, rest, 0), wrongSign);
  return body.select(fix, body.add(rest, rhs), rest);
}
Value fmod(const Body &body, Value lhs, Value rhs) {
  return Body::isFloat(lhs) ? body.make<arith::RemFOp>(lhs, rhs)
                            : body.make<arith::RemSIOp>(lhs, safeDivisor(body, lhs, rhs));
}

template <BinaryFn fn> LogicalResult dividing(NodeBuilder &node) {
  SmallVector<Operand, 2> operands;
  if (!readOperands(node, operands))
    return failure();
  Type type = node.resultType(operands);
  if (!isa<FloatType>(type) && !operands[1].tensor && operands[1].scalar.isZero())
    return node.fail(node.node.target + " divides integers by zero"), failure();
  return node.result(applyBinary(node, operands[0], operands[1], type, type, fn));
}

Value towardZero(const Body &body, Value x) { return body.make<math::TruncOp>(x); }

LogicalResult divideTruncating(NodeBuilder &node) {
  SmallVector<Operand, 2> operands;
  if (!readOperands(node, operands))
    return failure();
  Type type = node.resultType(operands);
  if (!isa<FloatType>(type) || type == arithmeticType(type))
    return dividing<truncDivide>(node);
  // PyTorch rounds the quotient to the type before it drops the fraction: a 16-bit one may reach the next whole number.
  Value quotient = applyBinary(node, operands[0], operands[1], type, type, trueDivide);
  if (node.failed())
    return failure();
  return node.result(applyUnary(node, quotient, type, type, towardZero));
}

LogicalResult divide(NodeBuilder &node) {
  StringRef mode = node.string("rounding_mode", "");
  if (mode == "floor")
    return dividing<floorDivide>(node);
  if (mode == "trunc")
    return divideTruncating(node);
  if (!mode.empty())
    return node.fail("div with rounding_mode='" + mode + "', expected 'floor' or 'trunc'"), failure();
  return realBinary<trueDivide>(node);
}

/// By squaring, for each bit of the exponent; wraps as integers do. Negative exponents leave only ±1.
Value integerPower(const Body &body, Value base, Value exponent) {
  Type type = base.getType();
  Value one = body.constant(type, 1), zero = body.constant(type, 0);
  Value result = one, square = base, rest = exponent;
  unsigned bits = type.getIntOrFloatBitWidth() - 1;
  llvm::APInt known;
  if (matchPattern(exponent, m_ConstantInt(&known)))
    bits = known.getActiveBits();
  for (unsigned bit = 0; bit < bits; ++bit) {
    Value isSet = body.compare(Compare::NotEqual, body.both(rest, one), 0);
    result = body.select(isSet, body.mul(result, square), result);
    square = body.mul(square, square);
    rest = body.make<arith::ShRSIOp>(rest, one);
  }
  Value isOdd = body.compare(Compare::NotEqual, body.both(exponent, one), 0);
  Value inverse = body.select(body.compare(Compare::Equal, base, 1), one, zero);
  inverse = body.select(body.compare(Compare::Equal, base, -1), body.select(isOdd, base, one), inverse);
  return body.select(body.compare(Compare::Less, exponent, 0), inverse, result);
}

/// Powers with the exponents that models use become multiplications and roots: exact, and cheap to differentiate.
Value powerOf(const Body &body, Value x, const Scalar &number) {
  double exponent = number.real;
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
    return integerPower(body, x, body.constant(type, number));
  if (exponent == 0.5)
    return body.sqrt(x);
  if (exponent == -0.5)
    return body.make<math::RsqrtOp>(x);
  if (exponent == -1)
    return body.div(one, x);
  if (exponent == -2)
    return body.div(one, body.mul(x, x));
  return body.make<math::PowFOp>(x, body.constant(type, exponent));
}

Value power(const Body &body, Value lhs, Value rhs) {
  return Body::isFloat(lhs) ? body.make<math::PowFOp>(lhs, rhs) : integerPower(body, lhs, rhs);
}

/// In `type`; nothing: in the operands' common one.
LogicalResult powerIn(NodeBuilder &node, Type type) {
  SmallVector<Operand, 2> operands{node.operand("self"), node.operand("exponent")};
  if (!type)
    type = node.resultType(operands);
  if (node.failed())
    return failure();
  if (operands[1].tensor)
    return node.result(applyBinary(node, operands[0], operands[1], type, type, power));
  if (!operands[0].tensor)
    return node.fail(node.node.target + " has no tensor among its operands"), failure();
  const Scalar &exponent = operands[1].scalar;
  if (!isa<FloatType>(type) && exponent.real < 0)
    return node.fail("integers cannot be raised to the negative power " + Twine(exponent.integer)), failure();
  return node.result(applyFn(node, {operands[0]}, type, type, [&](const Body &body, ValueRange elements) {
    return powerOf(body, elements[0], exponent);
  }));
}
LogicalResult pow(NodeBuilder &node) { return powerIn(node, Type()); }
LogicalResult floatPower(NodeBuilder &node) { return powerIn(node, node.builder.getF64Type()); }

/// Euclid's algorithm, with as many steps as neighbours among Fibonacci's numbers need, the slowest pairs of a type.
Value commonDivisor(const Body &body, Value lhs, Value rhs) {
  Type type = lhs.getType();
  constexpr double kStepsPerBit = 1.4405;
  int64_t steps = int64_t(kStepsPerBit * type.getIntOrFloatBitWidth()) + 2;
  Value greater = body.abs(lhs), less = body.abs(rhs);
  for (int64_t step = 0; step < steps; ++step) {
    Value isDone = body.compare(Compare::Equal, less, 0);
    Value rest = body.make<arith::RemSIOp>(greater, safeDivisor(body, greater, less));
    greater = body.select(isDone, greater, less);
    less = body.select(isDone, less, rest);
  }
  return greater;
}

Value commonMultiple(const Body &body, Value lhs, Value rhs) {
  Value divisor = commonDivisor(body, lhs, rhs);
  Value isZero = body.compare(Compare::Equal, divisor, 0);
  Value part = body.make<arith::DivSIOp>(lhs, body.select(isZero, 1, divisor));
  return body.abs(body.mul(part, rhs));
}

template <BinaryFn fn> LogicalResult ofIntegers(NodeBuilder &node) {
  SmallVector<Operand, 2> operands;
  if (!readOperands(node, operands))
    return failure();
  Type type = node.promote(operands);
  if (!isa<IntegerType>(type) || type.isInteger(1))
    return node.fail(node.node.target + " of numbers that are no integers"), failure();
  return node.result(applyBinary(node, operands[0], operands[1], type, type, fn));
}

} // namespace

void registerDivisionOperators(OperatorTable &table) {
  table.add({"aten.div.Tensor", "aten.div.Scalar", "aten.div.Tensor_mode", "aten.div.Scalar_mode", "aten.divide.Tensor",
             "aten.divide.Scalar", "aten.divide.Tensor_mode", "aten.divide.Scalar_mode", "aten.true_divide.Tensor",
             "aten.true_divide.Scalar"},
            divide);
  table.add({"aten.floor_divide.default", "aten.floor_divide.Scalar"}, dividing<floorDivide>);
  table.add({"aten.remainder.Tensor", "aten.remainder.Scalar", "aten.remainder.Scalar_Tensor"}, dividing<remainder>);
  table.add({"aten.fmod.Tensor", "aten.fmod.Scalar"}, dividing<fmod>);
  table.add("aten.gcd.default", ofIntegers<commonDivisor>);
  table.add("aten.lcm.default", ofIntegers<commonMultiple>);
  table.add({"aten.pow.Tensor_Scalar", "aten.pow.Tensor_Tensor", "aten.pow.Scalar"}, pow);
  table.add({"aten.float_power.Tensor_Scalar", "aten.float_power.Tensor_Tensor", "aten.float_power.Scalar"},
            floatPower);
}

} // namespace raddle::import
