#include "ElementwiseOps.h"
#include <cmath>

using namespace mlir;

namespace raddle::import {

namespace {

using Compare = Body::Compare;

Value sigmoid(const Body &body, Value x) { return body.logistic(x); }
Value silu(const Body &body, Value x) { return body.mul(x, body.logistic(x)); }
/// log(1 + exp(x)), and x itself above the threshold. The exponential must not see what lies above: it would overflow,
/// and the gradient of the branch that is not taken would be 0 · ∞.
Value softplusOf(const Body &body, Value x, Value threshold) {
  Value above = body.compare(Compare::Greater, x, threshold);
  Value inside = body.select(above, 0, x);
  return body.select(above, x, body.make<math::Log1pOp>(body.exp(inside)));
}
/// Where PyTorch takes softplus for linear unless told otherwise.
constexpr double kSoftplusThreshold = 20;
Value mish(const Body &body, Value x) {
  Value threshold = body.constant(x.getType(), kSoftplusThreshold);
  return body.mul(x, body.make<math::TanhOp>(softplusOf(body, x, threshold)));
}
Value logSigmoid(const Body &body, Value x) {
  // min(x, 0) − log(1 + exp(−|x|)) does not overflow.
  Value tail = body.make<math::Log1pOp>(body.exp(body.neg(body.abs(x))));
  return body.sub(body.min(x, body.constant(x.getType(), 0)), tail);
}
/// The gradient at 0 is that of the constant branch, 0; NaN passes.
Value relu(const Body &body, Value x) { return body.select(body.compare(Compare::LessEqual, x, 0), 0, x); }
Value relu6(const Body &body, Value x) {
  constexpr double kLimit = 6;
  Value positive = relu(body, x);
  return body.select(body.compare(Compare::GreaterEqual, positive, kLimit), kLimit, positive);
}
Value hardSigmoid(const Body &body, Value x) { return body.div(relu6(body, body.add(x, 3)), 6); }
/// 0 · x, x (x + 3) / 6 and x in turn: PyTorch differentiates the pieces, each with its own bounds.
Value hardSwish(const Body &body, Value x) {
  Value curve = body.mul(x, body.div(body.add(x, 3), 6));
  Value upper = body.select(body.compare(Compare::GreaterEqual, x, 3), x, curve);
  return body.select(body.compare(Compare::LessEqual, x, -3), body.mul(x, 0), upper);
}
Value softSign(const Body &body, Value x) { return body.div(x, body.add(body.abs(x), 1)); }
Value tanhShrink(const Body &body, Value x) { return body.sub(x, body.make<math::TanhOp>(x)); }

/// gelu(x) = x Φ(x), exactly or by the approximation of tanh (arXiv 1606.08415).
Value geluExact(const Body &body, Value x) {
  Value erf = body.make<math::ErfOp>(body.mul(x, M_SQRT1_2));
  return body.mul(body.mul(x, 0.5), body.add(erf, 1));
}
Value geluTanh(const Body &body, Value x) {
  constexpr double kCubic = 0.044715;
  Value cube = body.mul(body.mul(body.mul(x, x), x), kCubic);
  Value tanh = body.make<math::TanhOp>(body.mul(body.add(x, cube), M_SQRT2 * M_2_SQRTPI / 2));
  return body.mul(body.mul(x, 0.5), body.add(tanh, 1));
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
  return node.result(applyFn(node, {input}, type, type, [&](const Body &body, ValueRange elements) {
    SmallVector<Value> values;
    for (const Scalar &number : numbers)
      values.push_back(body.constant(elements[0].getType(), number));
    return fn(body, elements[0], values);
  }));
}

Value leaky(const Body &body, Value x, ArrayRef<Value> slope) {
  return body.select(body.compare(Compare::Greater, x, 0), x, body.mul(x, slope[0]));
}
LogicalResult leakyRelu(NodeBuilder &node) {
  constexpr double kSlope = 0.01;
  return parametric(node, node.scalar("negative_slope", Scalar::ofFloat(kSlope)), leaky);
}
/// scale · x above 0, scale · alpha · (exp(input_scale · x) − 1) below.
Value eluOf(const Body &body, Value x, ArrayRef<Value> numbers) {
  Value positive = body.compare(Compare::Greater, x, 0);
  // As in softplus: the exponential must not see what it is not used for.
  Value inside = body.select(positive, 0, body.mul(x, numbers[2]));
  Value curve = body.mul(numbers[0], body.make<math::ExpM1Op>(inside));
  return body.mul(numbers[1], body.select(positive, x, curve));
}
LogicalResult elu(NodeBuilder &node) {
  Scalar one = Scalar::ofFloat(1);
  return parametric(node, {node.scalar("alpha", one), node.scalar("scale", one), node.scalar("input_scale", one)},
                    eluOf);
}
LogicalResult celu(NodeBuilder &node) {
  Scalar alpha = node.scalar("alpha", Scalar::ofFloat(1));
  return parametric(node, {alpha, Scalar::ofFloat(1), Scalar::ofFloat(1 / alpha.real)}, eluOf);
}
/// The constants that keep mean and variance (arXiv 1706.02515).
LogicalResult selu(NodeBuilder &node) {
  constexpr double kAlpha = 1.6732632423543772848170429916717, kScale = 1.0507009873554804934193349852946;
  return parametric(node, {Scalar::ofFloat(kAlpha), Scalar::ofFloat(kScale), Scalar::ofFloat(1)}, eluOf);
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

constexpr double kShrink = 0.5;
LogicalResult hardshrink(NodeBuilder &node) {
  return parametric(node, node.scalar("lambd", Scalar::ofFloat(kShrink)),
                    [](const Body &body, Value x, ArrayRef<Value> width) {
                      Value inside = body.both(body.compare(Compare::LessEqual, x, width[0]),
                                               body.compare(Compare::GreaterEqual, x, body.neg(width[0])));
                      return body.select(inside, 0, x);
                    });
}
LogicalResult softshrink(NodeBuilder &node) {
  return parametric(
      node, node.scalar("lambd", Scalar::ofFloat(kShrink)), [](const Body &body, Value x, ArrayRef<Value> width) {
        // x · 0 lets NaN through.
        Value low =
            body.select(body.compare(Compare::Less, x, body.neg(width[0])), body.add(x, width[0]), body.mul(x, 0));
        return body.select(body.compare(Compare::Greater, x, width[0]), body.sub(x, width[0]), low);
      });
}
LogicalResult threshold(NodeBuilder &node) {
  return parametric(node, {node.scalar("threshold"), node.scalar("value")},
                    [](const Body &body, Value x, ArrayRef<Value> numbers) {
                      return body.select(body.compare(Compare::LessEqual, x, numbers[0]), numbers[1], x);
                    });
}

/// A slope for all elements, or one for each index of dimension 1.
LogicalResult prelu(NodeBuilder &node) {
  Value self = node.tensor("self"), weight = node.tensor("weight");
  if (node.failed())
    return failure();
  int64_t rank = node.rankOf(self), slopes = node.typeOf(weight).getNumElements();
  if (slopes != 1 && (rank < 2 || node.shapeOf(self)[1] != slopes))
    return node.fail("prelu of a tensor of shape " + node.describe(node.shapeOf(self)) + " with " + Twine(slopes) +
                     " slopes"),
           failure();
  Shape shape(slopes == 1 ? 0 : rank, 1);
  if (slopes != 1)
    shape[1] = slopes;
  weight = node.reshape(weight, shape);
  Type type = node.elementOf(self);
  return node.result(applyBinary(node, self, weight, type, type, [](const Body &body, Value x, Value slope) {
    return body.select(body.compare(Compare::Greater, x, 0), x, body.mul(slope, x));
  }));
}

/// The first half of a dimension times the logistic function of the second.
LogicalResult glu(NodeBuilder &node) {
  Value self = node.tensor("self");
  if (node.failed())
    return failure();
  int64_t dim = node.dimension("dim", node.rankOf(self), -1);
  if (node.failed())
    return failure();
  if (node.rankOf(self) == 0 || node.shapeOf(self)[dim] % 2 != 0)
    return node.fail("glu halves dimension " + Twine(dim) + " of a tensor of shape " +
                     node.describe(node.shapeOf(self)) + ", which is not even"),
           failure();
  int64_t half = node.shapeOf(self)[dim] / 2;
  Value left = node.slice(self, dim, 0, half), right = node.slice(self, dim, half, half);
  Type type = node.elementOf(self);
  return node.result(applyBinary(node, left, right, type, type, [](const Body &body, Value x, Value gate) {
    return body.mul(x, body.logistic(gate));
  }));
}

} // namespace

void registerActivationOperators(OperatorTable &table) {
  table.add("aten.relu.default", typedUnary<relu>);
  table.add("aten.relu6.default", typedUnary<relu6>);
  table.add({"aten.sigmoid.default", "aten.special_expit.default"}, realUnary<sigmoid>);
  table.add("aten.log_sigmoid.default", realUnary<logSigmoid>);
  table.add("aten.silu.default", realUnary<silu>);
  table.add("aten.mish.default", realUnary<mish>);
  table.add("aten.hardsigmoid.default", realUnary<hardSigmoid>);
  table.add("aten.hardswish.default", realUnary<hardSwish>);
  table.add("aten.softsign.default", realUnary<softSign>);
  table.add("aten.tanhshrink.default", realUnary<tanhShrink>);
  table.add("aten.gelu.default", gelu);
  table.add("aten.leaky_relu.default", leakyRelu);
  table.add("aten.elu.default", elu);
  table.add("aten.celu.default", celu);
  table.add("aten.selu.default", selu);
  table.add("aten.softplus.default", softplus);
  table.add("aten.hardtanh.default", hardtanh);
  table.add("aten.hardshrink.default", hardshrink);
  table.add("aten.softshrink.default", softshrink);
  table.add("aten.threshold.default", threshold);
  table.add({"aten.prelu.default", "aten._prelu_kernel.default"}, prelu);
  table.add("aten.glu.default", glu);
}

} // namespace raddle::import
