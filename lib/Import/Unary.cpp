#include "ElementwiseOps.h"
#include <cmath>

using namespace mlir;

namespace raddle::import {

namespace {

using Compare = Body::Compare;

template <typename Op> Value mathOp(const Body &body, Value x) { return body.make<Op>(x); }
/// Rounding leaves integers as they are.
template <typename Op> Value roundOp(const Body &body, Value x) { return Body::isFloat(x) ? body.make<Op>(x) : x; }

Value identity(const Body &, Value x) { return x; }
Value absolute(const Body &body, Value x) { return body.abs(x); }
Value negate(const Body &body, Value x) { return body.neg(x); }
Value reciprocal(const Body &body, Value x) { return body.div(body.constant(x.getType(), 1), x); }
/// Of booleans as integers.
LogicalResult squareOf(NodeBuilder &node) {
  Value self = node.tensor("self");
  Type type = node.declaredElement();
  return node.result(applyUnary(node, self, type, type, [](const Body &body, Value x) { return body.mul(x, x); }));
}
Value fraction(const Body &body, Value x) { return body.sub(x, body.make<math::TruncOp>(x)); }
Value toRadians(const Body &body, Value x) { return body.mul(x, M_PI / 180); }
Value toDegrees(const Body &body, Value x) { return body.mul(x, 180 / M_PI); }
/// ±1 or 0; the gradient is 0 everywhere.
Value sign(const Body &body, Value x) {
  if (Body::isBool(x))
    return x;
  Value zero = body.constant(x.getType(), 0), one = body.constant(x.getType(), 1);
  Value negative = body.select(body.compare(Compare::Less, x, 0), body.neg(one), zero);
  return body.select(body.compare(Compare::Greater, x, 0), one, negative);
}
/// The angle of a real number: π for negative ones; NaN passes.
Value angle(const Body &body, Value x) {
  Value positive = body.select(body.isNan(x), NAN, body.constant(x.getType(), 0));
  return body.select(body.compare(Compare::Less, x, 0), M_PI, positive);
}
LogicalResult angleOf(NodeBuilder &node) {
  Value self = node.tensor("self");
  Type type = node.realType({self});
  return node.result(applyUnary(node, self, type, type, angle));
}
/// sin(πx) / πx, 1 with gradient 0 at 0.
Value sinc(const Body &body, Value x) {
  Value isZero = body.compare(Compare::Equal, x, 0);
  Value inside = body.mul(body.select(isZero, 1, x), M_PI);
  return body.select(isZero, 1, body.div(body.make<math::SinOp>(inside), inside));
}

Value logicalNot(const Body &body, Value x) { return body.compare(Compare::Equal, x, 0); }
Value bitwiseNot(const Body &body, Value x) {
  return body.make<arith::XOrIOp>(x, body.constant(x.getType(), Scalar::ofInt(-1)));
}
Value isNan(const Body &body, Value x) { return body.isNan(x); }
/// Whether x equals what `infinite` is, after `of`; integers never do.
Value equalsInfinity(const Body &body, Value x, double infinite) {
  return Body::isFloat(x) ? body.compare(Compare::Equal, x, infinite) : body.constant(body.builder.getI1Type(), 0);
}
Value isInf(const Body &body, Value x) { return equalsInfinity(body, body.abs(x), INFINITY); }
Value isPosInf(const Body &body, Value x) { return equalsInfinity(body, x, INFINITY); }
Value isNegInf(const Body &body, Value x) { return equalsInfinity(body, x, -INFINITY); }
Value isFinite(const Body &body, Value x) {
  return Body::isFloat(x) ? body.compare(Compare::Less, body.abs(x), INFINITY)
                          : body.constant(body.builder.getI1Type(), 1);
}
Value isReal(const Body &body, Value) { return body.constant(body.builder.getI1Type(), 1); }
Value signBit(const Body &body, Value x) {
  if (Body::isBool(x))
    return body.constant(x.getType(), 0);
  if (Body::isFloat(x))
    x = body.make<arith::BitcastOp>(body.builder.getIntegerType(x.getType().getIntOrFloatBitWidth()), x);
  return body.compare(Compare::Less, x, 0);
}

/// Rounds to a power of ten, halves to even.
LogicalResult roundDecimals(NodeBuilder &node) {
  Value self = node.tensor("self");
  int64_t decimals = node.integer("decimals", 0);
  if (node.failed())
    return failure();
  Type type = node.elementOf(self);
  return node.result(applyFn(node, {self}, type, type, [&](const Body &body, ValueRange elements) {
    Value x = elements[0];
    if (!Body::isFloat(x))
      return x;
    double factor = std::pow(10.0, double(std::abs(decimals)));
    Value scaled = decimals > 0 ? body.mul(x, factor) : body.div(x, factor);
    Value rounded = body.make<math::RoundEvenOp>(scaled);
    return decimals > 0 ? body.div(rounded, factor) : body.mul(rounded, factor);
  }));
}

/// log(x / (1 − x)); with `eps`, x is held between eps and 1 − eps first.
LogicalResult logit(NodeBuilder &node) {
  Value self = node.tensor("self");
  std::optional<double> eps;
  if (node.has("eps"))
    eps = node.real("eps");
  Type type = node.realType({self});
  return node.result(applyFn(node, {self}, type, type, [&](const Body &body, ValueRange elements) {
    Value x = elements[0];
    if (eps) {
      x = body.select(body.compare(Compare::Less, x, *eps), *eps, x);
      x = body.select(body.compare(Compare::Greater, x, 1 - *eps), 1 - *eps, x);
    }
    return body.log(body.div(x, body.sub(body.constant(x.getType(), 1), x)));
  }));
}

/// Numbers in the place of NaN and infinities: by default 0 and the greatest and least numbers of the type.
LogicalResult nanToNum(NodeBuilder &node) {
  Value self = node.tensor("self");
  if (node.failed())
    return failure();
  Type type = node.elementOf(self);
  auto floatType = dyn_cast<FloatType>(type);
  if (!floatType)
    return node.result(self);
  double greatest = llvm::APFloat::getLargest(floatType.getFloatSemantics()).convertToDouble();
  double nan = node.real("nan", 0.0), positive = node.real("posinf", greatest),
         negative = node.real("neginf", -greatest);
  return node.result(applyFn(node, {self}, type, type, [&](const Body &body, ValueRange elements) {
    Value x = elements[0];
    Value result = body.select(body.compare(Compare::Equal, x, INFINITY), positive, x);
    result = body.select(body.compare(Compare::Equal, x, -INFINITY), negative, result);
    return body.select(body.isNan(x), nan, result);
  }));
}

/// x = mantissa · 2^exponent with 0.5 ≤ |mantissa| < 1, from the bits of x in f64, where f32's subnormals are normal.
LogicalResult frexp(NodeBuilder &node) {
  Value self = node.tensor("self");
  if (node.failed())
    return failure();
  Type type = node.elementOf(self), wide = node.builder.getF64Type();
  constexpr int64_t kFractionBits = 52, kBias = 1022, kExponentMask = 0x7ff;
  auto exponentOf = [&](const Body &body, Value x) {
    Type i64 = body.builder.getI64Type();
    Value bits = body.make<arith::BitcastOp>(i64, x);
    Value field = body.make<arith::ShRUIOp>(bits, body.constant(i64, Scalar::ofInt(kFractionBits)));
    field = body.both(field, body.constant(i64, Scalar::ofInt(kExponentMask)));
    // Zero, infinities and NaN have exponent 0.
    Value special =
        body.either(body.compare(Compare::Equal, field, 0), body.compare(Compare::Equal, field, double(kExponentMask)));
    return body.select(special, 0, body.sub(field, double(kBias)));
  };
  Value mantissa = applyFn(node, {self}, wide, type, [&](const Body &body, ValueRange elements) {
    Value exponent = body.sub(body.constant(body.builder.getI64Type(), 0), exponentOf(body, elements[0]));
    Value biased = body.add(exponent, double(kBias + 1));
    Value bits = body.make<arith::ShLIOp>(biased, body.constant(biased.getType(), Scalar::ofInt(kFractionBits)));
    return body.mul(elements[0], body.make<arith::BitcastOp>(wide, bits));
  });
  Value exponent = applyFn(node, {self}, wide, node.builder.getI32Type(),
                           [&](const Body &body, ValueRange elements) { return exponentOf(body, elements[0]); });
  return node.results({mantissa, exponent});
}

} // namespace

void registerUnaryOperators(OperatorTable &table) {
  table.add("aten.abs.default", typedUnary<absolute>);
  table.add("aten.neg.default", typedUnary<negate>);
  table.add("aten.positive.default", typedUnary<identity>);
  table.add("aten.square.default", squareOf);
  table.add({"aten.sign.default", "aten.sgn.default"}, typedUnary<sign>);
  table.add("aten.frac.default", typedUnary<fraction>);
  table.add("aten.angle.default", angleOf);
  table.add("aten.bitwise_not.default", typedUnary<bitwiseNot>);
  table.add("aten.floor.default", typedUnary<roundOp<math::FloorOp>>);
  table.add("aten.ceil.default", typedUnary<roundOp<math::CeilOp>>);
  table.add({"aten.trunc.default", "aten.fix.default"}, typedUnary<roundOp<math::TruncOp>>);
  table.add({"aten.round.default", "aten.round.decimals", "aten.special_round.default"}, roundDecimals);
  table.add("aten.exp.default", realUnary<mathOp<math::ExpOp>>);
  table.add({"aten.exp2.default", "aten.special_exp2.default"}, realUnary<mathOp<math::Exp2Op>>);
  table.add({"aten.expm1.default", "aten.special_expm1.default"}, realUnary<mathOp<math::ExpM1Op>>);
  table.add("aten.log.default", realUnary<mathOp<math::LogOp>>);
  table.add("aten.log2.default", realUnary<mathOp<math::Log2Op>>);
  table.add("aten.log10.default", realUnary<mathOp<math::Log10Op>>);
  table.add({"aten.log1p.default", "aten.special_log1p.default"}, realUnary<mathOp<math::Log1pOp>>);
  table.add({"aten.logit.default", "aten.special_logit.default"}, logit);
  table.add("aten.sqrt.default", realUnary<mathOp<math::SqrtOp>>);
  table.add("aten.rsqrt.default", realUnary<mathOp<math::RsqrtOp>>);
  table.add("aten.sin.default", realUnary<mathOp<math::SinOp>>);
  table.add("aten.cos.default", realUnary<mathOp<math::CosOp>>);
  table.add("aten.tan.default", realUnary<mathOp<math::TanOp>>);
  table.add({"aten.asin.default", "aten.arcsin.default"}, realUnary<mathOp<math::AsinOp>>);
  table.add({"aten.acos.default", "aten.arccos.default"}, realUnary<mathOp<math::AcosOp>>);
  table.add({"aten.atan.default", "aten.arctan.default"}, realUnary<mathOp<math::AtanOp>>);
  table.add("aten.sinh.default", realUnary<mathOp<math::SinhOp>>);
  table.add("aten.cosh.default", realUnary<mathOp<math::CoshOp>>);
  table.add("aten.tanh.default", realUnary<mathOp<math::TanhOp>>);
  table.add({"aten.asinh.default", "aten.arcsinh.default"}, realUnary<mathOp<math::AsinhOp>>);
  table.add({"aten.acosh.default", "aten.arccosh.default"}, realUnary<mathOp<math::AcoshOp>>);
  table.add({"aten.atanh.default", "aten.arctanh.default"}, realUnary<mathOp<math::AtanhOp>>);
  table.add({"aten.sinc.default", "aten.special_sinc.default"}, realUnary<sinc>);
  table.add("aten.reciprocal.default", realUnary<reciprocal>);
  table.add("aten.deg2rad.default", realUnary<toRadians>);
  table.add("aten.rad2deg.default", realUnary<toDegrees>);
  table.add("aten.nan_to_num.default", nanToNum);
  table.add("aten.frexp.Tensor", frexp);
  table.add("aten.logical_not.default", booleanUnary<logicalNot>);
  table.add("aten.isnan.default", booleanUnary<isNan>);
  table.add("aten.isinf.default", booleanUnary<isInf>);
  table.add("aten.isposinf.default", booleanUnary<isPosInf>);
  table.add("aten.isneginf.default", booleanUnary<isNegInf>);
  table.add("aten.isfinite.default", booleanUnary<isFinite>);
  table.add("aten.isreal.default", booleanUnary<isReal>);
  table.add("aten.signbit.default", booleanUnary<signBit>);
}

} // namespace raddle::import
