#include "ComplexOps.h"
#include "ReductionOps.h"

using namespace mlir;

namespace raddle::import {

namespace {

using Compare = Body::Compare;

/// fn of the operands' parts, element by element, in the arithmetic of their type.
Value apply(NodeBuilder &node, ArrayRef<Operand> operands, AnyFn fn) {
  if (node.failed())
    return nullptr;
  Type type = node.promote(operands);
  return applyFn(node, operands, type, type, fn);
}

/// A function of one complex tensor.
using PartsFn = ComplexParts (*)(NodeBuilder &, const ComplexParts &);
template <PartsFn fn> LogicalResult ofParts(NodeBuilder &node) {
  ComplexParts parts = splitParts(node, "self");
  if (node.failed())
    return failure();
  return node.result(joinParts(node, fn(node, parts)));
}

Value productOf(const Body &body, ValueRange elements) { return body.mul(elements[0], elements[1]); }
Value negated(const Body &body, ValueRange elements) { return body.neg(elements[0]); }
Value squaredSize(const Body &body, ValueRange parts) {
  return body.add(body.mul(parts[0], parts[0]), body.mul(parts[1], parts[1]));
}

ComplexParts conjugate(NodeBuilder &node, const ComplexParts &z) {
  return {z.real, apply(node, {z.imaginary}, negated)};
}
/// e^re (cos im + i sin im)
ComplexParts exponential(NodeBuilder &node, const ComplexParts &z) {
  auto part = [&](bool isSine) {
    return apply(node, {z.real, z.imaginary}, [&](const Body &body, ValueRange parts) {
      Value turn = isSine ? body.make<math::SinOp>(parts[1]) : body.make<math::CosOp>(parts[1]);
      return body.mul(body.exp(parts[0]), turn);
    });
  };
  return {part(false), part(true)};
}
/// log |z| + i arg z
ComplexParts logarithm(NodeBuilder &node, const ComplexParts &z) {
  Value size = apply(node, {z.real, z.imaginary}, [](const Body &body, ValueRange parts) {
    return body.mul(body.log(squaredSize(body, parts)), 0.5);
  });
  Value angle = apply(node, {z.imaginary, z.real},
                      [](const Body &body, ValueRange parts) { return body.angle(parts[0], parts[1]); });
  return {size, angle};
}
/// conj(z) / |z|²
ComplexParts reciprocal(NodeBuilder &node, const ComplexParts &z) {
  Value real = apply(node, {z.real, z.imaginary},
                     [](const Body &body, ValueRange parts) { return body.div(parts[0], squaredSize(body, parts)); });
  Value imaginary = apply(node, {z.real, z.imaginary}, [](const Body &body, ValueRange parts) {
    return body.neg(body.div(parts[1], squaredSize(body, parts)));
  });
  return {real, imaginary};
}

ComplexParts multiply(NodeBuilder &node, const ComplexParts &lhs, const ComplexParts &rhs) {
  auto cross = [&](Value a, Value b, Value c, Value d, bool subtract) {
    return apply(node, {a, b, c, d}, [&](const Body &body, ValueRange e) {
      Value first = body.mul(e[0], e[1]), second = body.mul(e[2], e[3]);
      return subtract ? body.sub(first, second) : body.add(first, second);
    });
  };
  if (!lhs.imaginary && !rhs.imaginary)
    return {apply(node, {lhs.real, rhs.real}, productOf), Value()};
  if (!lhs.imaginary)
    return {apply(node, {lhs.real, rhs.real}, productOf), apply(node, {lhs.real, rhs.imaginary}, productOf)};
  if (!rhs.imaginary)
    return {apply(node, {lhs.real, rhs.real}, productOf), apply(node, {lhs.imaginary, rhs.real}, productOf)};
  return {cross(lhs.real, rhs.real, lhs.imaginary, rhs.imaginary, /*subtract=*/true),
          cross(lhs.real, rhs.imaginary, lhs.imaginary, rhs.real, /*subtract=*/false)};
}
ComplexParts square(NodeBuilder &node, const ComplexParts &z) { return multiply(node, z, z); }

/// A tensor's parts, or a number's as tensors without dimensions.
ComplexParts readOperand(NodeBuilder &node, StringRef name, Type element) {
  const Argument *argument = node.node.find(name);
  if (!argument || argument->kind == Argument::Kind::Tensor)
    return splitParts(node, name);
  if (argument->kind == Argument::Kind::Complex)
    return {node.fill({}, element, Scalar::ofFloat(argument->real)),
            node.fill({}, element, Scalar::ofFloat(argument->imaginary))};
  Scalar number = node.scalar(name);
  return {node.fill({}, element, number), Value()};
}

LogicalResult multiplication(NodeBuilder &node) {
  Type element = node.declaredElement();
  ComplexParts lhs = readOperand(node, "self", element), rhs = readOperand(node, "other", element);
  if (node.failed())
    return failure();
  return node.result(joinParts(node, multiply(node, lhs, rhs)));
}

LogicalResult division(NodeBuilder &node) {
  Type element = node.declaredElement();
  ComplexParts lhs = readOperand(node, "self", element), rhs = readOperand(node, "other", element);
  if (node.failed())
    return failure();
  if (rhs.imaginary)
    return node.result(joinParts(node, multiply(node, lhs, reciprocal(node, rhs))));
  auto quotient = [](const Body &body, ValueRange e) { return body.div(e[0], e[1]); };
  return node.result(
      joinParts(node, {apply(node, {lhs.real, rhs.real}, quotient), apply(node, {lhs.imaginary, rhs.real}, quotient)}));
}

/// self ± alpha · other; a real operand has no part in the imaginary one.
template <bool isSubtraction, bool isReversed> LogicalResult addition(NodeBuilder &node) {
  Type element = node.declaredElement();
  double alpha = node.real("alpha", 1.0);
  ComplexParts lhs = readOperand(node, "self", element), rhs = readOperand(node, "other", element);
  if (node.failed())
    return failure();
  if (isReversed)
    std::swap(lhs, rhs);
  double factor = isSubtraction ? -alpha : alpha;
  auto sum = [&](Value a, Value b) {
    return apply(node, {a, b}, [&](const Body &body, ValueRange e) {
      return body.add(e[0], factor == 1 ? e[1] : body.mul(e[1], factor));
    });
  };
  Value real = sum(lhs.real, rhs.real), zero = node.fill({}, element, Scalar::ofInt(0));
  return node.result(
      joinParts(node, {real, sum(lhs.imaginary ? lhs.imaginary : zero, rhs.imaginary ? rhs.imaginary : zero)}));
}

/// Powers with a small whole exponent, by multiplication.
LogicalResult power(NodeBuilder &node) {
  ComplexParts base = splitParts(node, "self");
  Scalar number = node.scalar("exponent");
  constexpr double kGreatest = 64;
  double exponent = number.real, size = std::abs(exponent);
  if (node.failed())
    return failure();
  if (size != std::floor(size) || size > kGreatest || !base.imaginary)
    return node.fail("a power of complex numbers with exponent " + std::to_string(exponent) +
                     ", expected a whole number up to " + std::to_string(int(kGreatest))),
           failure();
  ComplexParts result{node.fill(node.shapeOf(base.real), node.elementOf(base.real), Scalar::ofInt(1)), Value()};
  for (int step = 0; step < int(size); ++step)
    result = step == 0 ? base : multiply(node, result, base);
  return node.result(joinParts(node, exponent < 0 ? reciprocal(node, result) : result));
}

LogicalResult complexOf(NodeBuilder &node) {
  Value real = node.tensor("real"), imaginary = node.tensor("imag");
  Shape shape = node.broadcastShape({real, imaginary});
  return node.result(joinParts(node, {node.broadcast(real, shape), node.broadcast(imaginary, shape)}));
}

/// abs (cos angle + i sin angle)
LogicalResult polar(NodeBuilder &node) {
  Value size = node.tensor("abs"), angle = node.tensor("angle");
  auto part = [&](bool isSine) {
    return apply(node, {size, angle}, [&](const Body &body, ValueRange e) {
      return body.mul(e[0], isSine ? body.make<math::SinOp>(e[1]) : body.make<math::CosOp>(e[1]));
    });
  };
  return node.result(joinParts(node, {part(false), part(true)}));
}

/// The pair itself: only its name changes.
LogicalResult reinterpret(NodeBuilder &node) { return node.result(node.tensor("self")); }
LogicalResult realPart(NodeBuilder &node) { return node.result(splitParts(node, "self").real); }
LogicalResult imaginaryPart(NodeBuilder &node) { return node.result(splitParts(node, "self").imaginary); }

LogicalResult absolute(NodeBuilder &node) {
  ComplexParts z = splitParts(node, "self");
  if (node.failed())
    return failure();
  return node.result(apply(node, {z.real, z.imaginary}, [](const Body &body, ValueRange parts) {
    return flatRoot(body, squaredSize(body, parts));
  }));
}

LogicalResult angle(NodeBuilder &node) {
  ComplexParts z = splitParts(node, "self");
  if (node.failed())
    return failure();
  return node.result(apply(node, {z.imaginary, z.real},
                           [](const Body &body, ValueRange parts) -> Value { return body.angle(parts[0], parts[1]); }));
}

/// A tensor of one real number.
LogicalResult filled(NodeBuilder &node, ArrayRef<int64_t> shape, double value) {
  Type element = node.declaredElement();
  return node.result(node.failed() ? Value()
                                   : joinParts(node, {node.fill(shape, element, Scalar::ofFloat(value)), {}}));
}
template <int value> LogicalResult constant(NodeBuilder &node) { return filled(node, node.integers("size"), value); }
template <int value> LogicalResult constantLike(NodeBuilder &node) {
  ComplexParts self = splitParts(node, "self");
  return node.failed() ? failure() : filled(node, Shape(node.shapeOf(self.real)), value);
}

} // namespace

void registerComplexOperators(OperatorTable &table) {
  // Moves and sums.
  table.addComplex({"aten.alias.default",
                    "aten.clone.default",
                    "aten.contiguous.default",
                    "aten.lift_fresh_copy.default",
                    "aten.detach.default",
                    "aten._assert_tensor_metadata.default",
                    "aten.view.default",
                    "aten.reshape.default",
                    "aten._unsafe_view.default",
                    "aten.flatten.using_ints",
                    "aten.unsqueeze.default",
                    "aten.squeeze.default",
                    "aten.squeeze.dim",
                    "aten.squeeze.dims",
                    "aten.expand.default",
                    "aten.transpose.int",
                    "aten.t.default",
                    "aten.permute.default",
                    "aten.slice.Tensor",
                    "aten.select.int",
                    "aten.repeat.default",
                    "aten.cat.default",
                    "aten.stack.default",
                    "aten.split.Tensor",
                    "aten.split_with_sizes.default",
                    "aten.chunk.default",
                    "aten.unbind.int",
                    "aten.index_select.default",
                    "aten.index.Tensor",
                    "aten.roll.default",
                    "aten.flip.default",
                    "aten.where.self",
                    "aten.sum.default",
                    "aten.sum.dim_IntList",
                    "aten.mean.default",
                    "aten.mean.dim",
                    "aten.neg.default",
                    "aten._to_copy.default",
                    "aten.constant_pad_nd.default",
                    "aten.cumsum.default"},
                   linearInParts);
  table.addComplex({"aten.mm.default", "aten.bmm.default", "aten.matmul.default", "aten.mv.default", "aten.dot.default",
                    "aten.einsum.default"},
                   bilinearInParts);
  table.addComplex({"aten.mul.Tensor", "aten.mul.Scalar"}, multiplication);
  table.addComplex({"aten.div.Tensor", "aten.div.Scalar"}, division);
  table.addComplex({"aten.add.Tensor", "aten.add.Scalar"}, addition<false, false>);
  table.addComplex({"aten.sub.Tensor", "aten.sub.Scalar"}, addition<true, false>);
  table.addComplex({"aten.rsub.Tensor", "aten.rsub.Scalar"}, addition<true, true>);
  table.addComplex("aten.pow.Tensor_Scalar", power);
  table.addComplex(
      {"aten.conj.default", "aten._conj.default", "aten.conj_physical.default", "aten._conj_physical.default"},
      ofParts<conjugate>);
  table.addComplex("aten.exp.default", ofParts<exponential>);
  table.addComplex("aten.log.default", ofParts<logarithm>);
  table.addComplex("aten.reciprocal.default", ofParts<reciprocal>);
  table.addComplex("aten.square.default", ofParts<square>);
  table.addComplex({"aten.resolve_conj.default", "aten.resolve_neg.default", "aten.view_as_complex.default",
                    "aten.view_as_real.default"},
                   reinterpret);
  table.addComplex("aten.complex.default", complexOf);
  table.addComplex("aten.polar.default", polar);
  table.addComplex("aten.real.default", realPart);
  table.addComplex("aten.imag.default", imaginaryPart);
  table.addComplex("aten.abs.default", absolute);
  table.addComplex("aten.angle.default", angle);
  table.addComplex({"aten.zeros.default", "aten.new_zeros.default"}, constant<0>);
  table.addComplex({"aten.ones.default", "aten.new_ones.default"}, constant<1>);
  table.addComplex("aten.zeros_like.default", constantLike<0>);
  table.addComplex("aten.ones_like.default", constantLike<1>);
}

} // namespace raddle::import
