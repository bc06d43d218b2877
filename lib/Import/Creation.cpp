#include "Body.h"
#include "Operators.h"
#include <cmath>

using namespace mlir;

namespace raddle::import {

namespace {

/// A tensor of one value. Without an argument `dtype` the file's declared type is PyTorch's choice.
LogicalResult filled(NodeBuilder &node, ArrayRef<int64_t> shape, const Scalar &value) {
  Type type = node.dtype("dtype", node.declaredElement());
  if (node.failed())
    return failure();
  return node.result(node.fill(shape, type, value));
}

LogicalResult full(NodeBuilder &node) {
  Scalar value = node.scalar("fill_value");
  return filled(node, node.integers("size"), value);
}
LogicalResult zeros(NodeBuilder &node) { return filled(node, node.integers("size"), Scalar::ofInt(0)); }
LogicalResult ones(NodeBuilder &node) { return filled(node, node.integers("size"), Scalar::ofInt(1)); }

LogicalResult likeSelf(NodeBuilder &node, const Scalar &value) {
  Value self = node.tensor("self");
  if (node.failed())
    return failure();
  return filled(node, Shape(node.shapeOf(self)), value);
}
LogicalResult fullLike(NodeBuilder &node) { return likeSelf(node, node.scalar("fill_value")); }
LogicalResult zerosLike(NodeBuilder &node) { return likeSelf(node, Scalar::ofInt(0)); }
LogicalResult onesLike(NodeBuilder &node) { return likeSelf(node, Scalar::ofInt(1)); }

LogicalResult scalarTensor(NodeBuilder &node) {
  Scalar value = node.scalar("s");
  return filled(node, {}, value);
}

LogicalResult fill(NodeBuilder &node) {
  Value self = node.tensor("self");
  Operand value = node.operand("value");
  if (node.failed())
    return failure();
  if (!value.tensor)
    return node.result(node.fill(node.shapeOf(self), node.elementOf(self), value.scalar));
  return node.result(node.broadcast(node.cast(value.tensor, node.elementOf(self)), node.shapeOf(self)));
}

/// What PyTorch makes of a bound of a range of integers.
Scalar wholePart(const Scalar &bound) {
  return bound.kind == Scalar::Kind::Float ? Scalar::ofInt(toInteger(bound.real)) : bound;
}

/// start, start + step, … below end. Floating-point elements are computed in f64, as PyTorch does, so that errors do
/// not add up. Those of integers start and step by whole numbers; PyTorch counts them by the bounds as they are given,
/// but for int64 by the whole numbers.
LogicalResult arange(NodeBuilder &node) {
  Scalar start = node.scalar("start", Scalar::ofInt(0)), end = node.scalar("end");
  Scalar step = node.scalar("step", Scalar::ofInt(1));
  Type type = node.dtype("dtype", node.declaredElement());
  if (node.failed())
    return failure();
  auto fail = [&] {
    return node.fail("arange from " + std::to_string(start.real) + " to " + std::to_string(end.real) + " by " +
                     std::to_string(step.real)),
           failure();
  };
  constexpr double kLargest = 1LL << 53;
  for (const Scalar &bound : {start, end, step})
    if (!(std::abs(bound.real) <= kLargest))
      return fail();
  double count = std::ceil((end.real - start.real) / step.real);
  bool isReal = isa<FloatType>(type);
  if (!isReal) {
    start = wholePart(start), end = wholePart(end), step = wholePart(step);
    if (type.isInteger(64))
      count = std::ceil((end.real - start.real) / step.real);
  }
  if (step.isZero() || !(count >= 0 && count <= kLargest))
    return fail();
  Type wide = isReal ? Type(node.builder.getF64Type()) : Type(node.builder.getI64Type());
  Value result = node.mapElements({int64_t(count)}, {}, type, [&](OpBuilder &builder, Location loc, ValueRange) {
    Body body{builder, loc};
    Value position = linalg::IndexOp::create(builder, loc, 0);
    Value value = arith::IndexCastOp::create(builder, loc, builder.getI64Type(), position);
    value = convertScalar(builder, loc, value, wide);
    if (step.real != 1)
      value = body.mul(value, body.constant(wide, step));
    if (!start.isZero())
      value = body.add(value, body.constant(wide, start));
    return convertScalar(builder, loc, value, type);
  });
  return node.result(result);
}

/// Keeps what is on and below (tril) or on and above (triu) a diagonal of the last two dimensions.
template <bool isLower> LogicalResult triangle(NodeBuilder &node) {
  Value self = node.tensor("self");
  int64_t diagonal = node.integer("diagonal", 0);
  if (node.failed())
    return failure();
  int64_t rank = node.rankOf(self);
  if (rank < 2)
    return node.fail(node.node.target + " of a tensor of rank " + Twine(rank) + ", expected at least 2"), failure();
  Type type = node.elementOf(self);
  return node.result(
      node.mapElements(node.shapeOf(self), {self}, type, [&](OpBuilder &builder, Location loc, ValueRange elements) {
        Body body{builder, loc};
        auto position = [&](int64_t dim) -> Value {
          return arith::IndexCastOp::create(builder, loc, builder.getI64Type(),
                                            linalg::IndexOp::create(builder, loc, dim));
        };
        Value limit = body.add(position(rank - 2), body.constant(builder.getI64Type(), Scalar::ofInt(diagonal)));
        Value kept =
            body.compare(isLower ? Body::Compare::LessEqual : Body::Compare::GreaterEqual, position(rank - 1), limit);
        return body.select(kept, elements[0], body.constant(type, 0));
      }));
}

} // namespace

void registerCreationOperators(OperatorTable &table) {
  table.add({"aten.full.default", "aten.new_full.default"}, full);
  // What an empty tensor holds is not defined; zeros are as good as anything.
  table.add({"aten.zeros.default", "aten.new_zeros.default", "aten.empty.memory_format", "aten.new_empty.default",
             "aten.empty_permuted.default"},
            zeros);
  table.add({"aten.ones.default", "aten.new_ones.default"}, ones);
  table.add("aten.full_like.default", fullLike);
  table.add({"aten.zeros_like.default", "aten.empty_like.default"}, zerosLike);
  table.add("aten.ones_like.default", onesLike);
  table.add("aten.scalar_tensor.default", scalarTensor);
  table.add({"aten.fill.Scalar", "aten.fill.Tensor"}, fill);
  table.add({"aten.arange.default", "aten.arange.start", "aten.arange.start_step"}, arange);
  table.add("aten.tril.default", triangle<true>);
  table.add("aten.triu.default", triangle<false>);
}

} // namespace raddle::import
