#include "Body.h"
#include "Operators.h"
#include <cmath>

using namespace mlir;

namespace raddle::import {

namespace {

using Compare = Body::Compare;
using UnaryFn = Value (*)(const Body &, Value);

Value applyUnary(NodeBuilder &node, Value input, Type compute, Type result, UnaryFn fn) {
  return node.elementwise({input}, compute, result, [&](OpBuilder &builder, Location loc, ValueRange elements) {
    return fn(Body{builder, loc}, elements[0]);
  });
}

/// Functions of real numbers: integers are computed in f32.
template <UnaryFn fn> LogicalResult realUnary(NodeBuilder &node) {
  Value input = node.tensor("self");
  if (node.failed())
    return failure();
  Type type = node.elementOf(input);
  if (!isa<FloatType>(type))
    type = node.builder.getF32Type();
  return node.result(applyUnary(node, input, type, type, fn));
}

/// Functions that keep the type, integers too.
template <UnaryFn fn> LogicalResult typedUnary(NodeBuilder &node) {
  Value input = node.tensor("self");
  if (node.failed())
    return failure();
  Type type = node.elementOf(input);
  return node.result(applyUnary(node, input, type, type, fn));
}

/// Functions that give a boolean.
template <UnaryFn fn> LogicalResult booleanUnary(NodeBuilder &node) {
  Value input = node.tensor("self");
  if (node.failed())
    return failure();
  return node.result(applyUnary(node, input, node.elementOf(input), node.builder.getI1Type(), fn));
}

template <typename Op> Value mathOp(const Body &body, Value x) { return body.make<Op>(x); }
/// Rounding leaves integers as they are.
template <typename Op> Value roundOp(const Body &body, Value x) { return Body::isFloat(x) ? body.make<Op>(x) : x; }

Value absolute(const Body &body, Value x) {
  if (Body::isBool(x))
    return x;
  return Body::isFloat(x) ? body.make<math::AbsFOp>(x) : body.make<math::AbsIOp>(x);
}
Value negate(const Body &body, Value x) { return body.neg(x); }
Value reciprocal(const Body &body, Value x) { return body.div(body.constant(x.getType(), 1), x); }
Value square(const Body &body, Value x) { return body.mul(x, x); }
Value sigmoid(const Body &body, Value x) { return body.logistic(x); }
Value silu(const Body &body, Value x) { return body.mul(x, body.logistic(x)); }
/// log(1 + exp(x)), and x itself above the threshold. The exponential must not see what lies above: it would overflow,
/// and the gradient of the branch that is not taken would be 0 · ∞.
Value softplusOf(const Body &body, Value x, Value threshold) {
  Value above = body.compare(Compare::Greater, x, threshold);
  Value inside = body.select(above, body.constant(x.getType(), 0), x);
  return body.select(above, x, body.make<math::Log1pOp>(body.make<math::ExpOp>(inside)));
}
/// Where PyTorch takes softplus for linear unless told otherwise.
constexpr double kSoftplusThreshold = 20;
Value mish(const Body &body, Value x) {
  Value threshold = body.constant(x.getType(), kSoftplusThreshold);
  return body.mul(x, body.make<math::TanhOp>(softplusOf(body, x, threshold)));
}
Value logSigmoid(const Body &body, Value x) {
  // min(x, 0) − log(1 + exp(−|x|)) does not overflow.
  Value tail = body.make<math::Log1pOp>(body.make<math::ExpOp>(body.neg(body.make<math::AbsFOp>(x))));
  return body.sub(body.min(x, body.constant(x.getType(), 0)), tail);
}
Value sign(const Body &body, Value x) {
  Value zero = body.constant(x.getType(), 0), one = body.constant(x.getType(), 1);
  Value negative = body.select(body.compare(Compare::Less, x, zero), body.neg(one), zero);
  return body.select(body.compare(Compare::Greater, x, zero), one, negative);
}
/// The gradient at 0 is that of the constant branch, 0; NaN passes.
Value relu(const Body &body, Value x) {
  Value zero = body.constant(x.getType(), 0);
  return body.select(body.compare(Compare::LessEqual, x, zero), zero, x);
}
Value relu6(const Body &body, Value x) {
  Value limit = body.constant(x.getType(), 6);
  Value positive = relu(body, x);
  return body.select(body.compare(Compare::GreaterEqual, positive, limit), limit, positive);
}
Value hardSigmoid(const Body &body, Value x) {
  Type type = x.getType();
  return body.div(relu6(body, body.add(x, body.constant(type, 3))), body.constant(type, 6));
}
Value hardSwish(const Body &body, Value x) { return body.mul(x, hardSigmoid(body, x)); }

Value logicalNot(const Body &body, Value x) { return body.compare(Compare::Equal, x, body.constant(x.getType(), 0)); }
Value bitwiseNot(const Body &body, Value x) {
  return body.make<arith::XOrIOp>(x, body.constant(x.getType(), Scalar::ofInt(-1)));
}
Value isNan(const Body &body, Value x) { return body.compare(Compare::NotEqual, x, x); }
Value isInf(const Body &body, Value x) {
  if (!Body::isFloat(x))
    return body.constant(body.builder.getI1Type(), 0);
  return body.compare(Compare::Equal, body.make<math::AbsFOp>(x), body.constant(x.getType(), INFINITY));
}

/// gelu(x) = x Φ(x), exactly or by the approximation of tanh (arXiv 1606.08415).
Value geluExact(const Body &body, Value x) {
  Type type = x.getType();
  Value erf = body.make<math::ErfOp>(body.mul(x, body.constant(type, M_SQRT1_2)));
  return body.mul(body.mul(x, body.constant(type, 0.5)), body.add(erf, body.constant(type, 1)));
}
Value geluTanh(const Body &body, Value x) {
  constexpr double kCubic = 0.044715;
  Type type = x.getType();
  Value cube = body.mul(body.mul(body.mul(x, x), x), body.constant(type, kCubic));
  Value tanh = body.make<math::TanhOp>(body.mul(body.add(x, cube), body.constant(type, M_SQRT2 * M_2_SQRTPI / 2)));
  return body.mul(body.mul(x, body.constant(type, 0.5)), body.add(tanh, body.constant(type, 1)));
}
LogicalResult gelu(NodeBuilder &node) {
  StringRef approximate = node.string("approximate", "none");
  if (approximate != "none" && approximate != "tanh")
    return node.fail("gelu with approximate='" + approximate + "', expected 'none' or 'tanh'"), failure();
  return approximate == "none" ? realUnary<geluExact>(node) : realUnary<geluTanh>(node);
}

/// Activations with numbers: `fn` gets the element first, then the numbers.
using ParametricFn = Value (*)(const Body &, Value, ArrayRef<Value>);
LogicalResult parametric(NodeBuilder &node, ArrayRef<Scalar> numbers, ParametricFn fn) {
  Value input = node.tensor("self");
  if (node.failed())
    return failure();
  Type type = node.elementOf(input);
  return node.result(node.elementwise({input}, type, type, [&](OpBuilder &builder, Location loc, ValueRange elements) {
    Body body{builder, loc};
    SmallVector<Value> values;
    for (const Scalar &number : numbers)
      values.push_back(body.constant(elements[0].getType(), number));
    return fn(body, elements[0], values);
  }));
}

LogicalResult leakyRelu(NodeBuilder &node) {
  constexpr double kSlope = 0.01;
  return parametric(node, node.scalar("negative_slope", Scalar::ofFloat(kSlope)),
                    [](const Body &body, Value x, ArrayRef<Value> slope) {
                      Value zero = body.constant(x.getType(), 0);
                      return body.select(body.compare(Compare::Greater, x, zero), x, body.mul(x, slope[0]));
                    });
}

LogicalResult elu(NodeBuilder &node) {
  Scalar one = Scalar::ofFloat(1);
  return parametric(node, {node.scalar("alpha", one), node.scalar("scale", one), node.scalar("input_scale", one)},
                    [](const Body &body, Value x, ArrayRef<Value> numbers) {
                      Value zero = body.constant(x.getType(), 0);
                      Value positive = body.compare(Compare::Greater, x, zero);
                      // As in softplus: the exponential must not see what it is not used for.
                      Value inside = body.select(positive, zero, body.mul(x, numbers[2]));
                      Value curve = body.mul(numbers[0], body.make<math::ExpM1Op>(inside));
                      return body.mul(numbers[1], body.select(positive, x, curve));
                    });
}

LogicalResult softplus(NodeBuilder &node) {
  return parametric(
      node, {node.scalar("beta", Scalar::ofFloat(1)), node.scalar("threshold", Scalar::ofFloat(kSoftplusThreshold))},
      [](const Body &body, Value x, ArrayRef<Value> numbers) {
        return body.div(softplusOf(body, body.mul(x, numbers[0]), numbers[1]), numbers[0]);
      });
}

/// As clamp, but with gradient 0 at the bounds themselves.
LogicalResult hardtanh(NodeBuilder &node) {
  return parametric(node, {node.scalar("min_val", Scalar::ofFloat(-1)), node.scalar("max_val", Scalar::ofFloat(1))},
                    [](const Body &body, Value x, ArrayRef<Value> bounds) {
                      Value low = body.select(body.compare(Compare::LessEqual, x, bounds[0]), bounds[0], x);
                      return body.select(body.compare(Compare::GreaterEqual, low, bounds[1]), bounds[1], low);
                    });
}

} // namespace

void registerUnaryOperators(OperatorTable &table) {
  table.add("aten.abs.default", typedUnary<absolute>);
  table.add("aten.neg.default", typedUnary<negate>);
  table.add("aten.square.default", typedUnary<square>);
  table.add("aten.sign.default", typedUnary<sign>);
  table.add("aten.relu.default", typedUnary<relu>);
  table.add("aten.relu6.default", typedUnary<relu6>);
  table.add("aten.bitwise_not.default", typedUnary<bitwiseNot>);
  table.add("aten.floor.default", typedUnary<roundOp<math::FloorOp>>);
  table.add("aten.ceil.default", typedUnary<roundOp<math::CeilOp>>);
  table.add("aten.round.default", typedUnary<roundOp<math::RoundEvenOp>>);
  table.add("aten.trunc.default", typedUnary<roundOp<math::TruncOp>>);
  table.add("aten.exp.default", realUnary<mathOp<math::ExpOp>>);
  table.add("aten.exp2.default", realUnary<mathOp<math::Exp2Op>>);
  table.add("aten.expm1.default", realUnary<mathOp<math::ExpM1Op>>);
  table.add("aten.log.default", realUnary<mathOp<math::LogOp>>);
  table.add("aten.log2.default", realUnary<mathOp<math::Log2Op>>);
  table.add("aten.log10.default", realUnary<mathOp<math::Log10Op>>);
  table.add("aten.log1p.default", realUnary<mathOp<math::Log1pOp>>);
  table.add("aten.sqrt.default", realUnary<mathOp<math::SqrtOp>>);
  table.add("aten.rsqrt.default", realUnary<mathOp<math::RsqrtOp>>);
  table.add("aten.sin.default", realUnary<mathOp<math::SinOp>>);
  table.add("aten.cos.default", realUnary<mathOp<math::CosOp>>);
  table.add("aten.tan.default", realUnary<mathOp<math::TanOp>>);
  table.add("aten.atan.default", realUnary<mathOp<math::AtanOp>>);
  table.add("aten.tanh.default", realUnary<mathOp<math::TanhOp>>);
  table.add("aten.erf.default", realUnary<mathOp<math::ErfOp>>);
  table.add("aten.reciprocal.default", realUnary<reciprocal>);
  table.add("aten.sigmoid.default", realUnary<sigmoid>);
  table.add("aten.log_sigmoid.default", realUnary<logSigmoid>);
  table.add("aten.silu.default", realUnary<silu>);
  table.add("aten.mish.default", realUnary<mish>);
  table.add("aten.hardsigmoid.default", realUnary<hardSigmoid>);
  table.add("aten.hardswish.default", realUnary<hardSwish>);
  table.add("aten.gelu.default", gelu);
  table.add("aten.leaky_relu.default", leakyRelu);
  table.add("aten.elu.default", elu);
  table.add("aten.softplus.default", softplus);
  table.add("aten.hardtanh.default", hardtanh);
  table.add("aten.logical_not.default", booleanUnary<logicalNot>);
  table.add("aten.isnan.default", booleanUnary<isNan>);
  table.add("aten.isinf.default", booleanUnary<isInf>);
}

} // namespace raddle::import
