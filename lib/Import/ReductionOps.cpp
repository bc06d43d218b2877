#include "ReductionOps.h"
#include <cmath>

using namespace mlir;

namespace raddle::import {

using Compare = Body::Compare;

std::optional<ReductionArguments> readReduction(NodeBuilder &node, StringRef tensor) {
  ReductionArguments arguments;
  arguments.self = node.tensor(tensor);
  if (node.failed())
    return std::nullopt;
  arguments.dims = node.dimensions("dim", node.rankOf(arguments.self));
  arguments.keep = node.boolean("keepdim", false);
  return node.failed() ? std::nullopt : std::optional(arguments);
}

SmallVector<int64_t> allDimensions(Value value) {
  return llvm::to_vector(llvm::seq<int64_t>(0, TensorBuilder::rankOf(value)));
}

int64_t reducedCount(Value value, ArrayRef<int64_t> dims) {
  int64_t count = 1;
  for (int64_t dim : dims)
    count *= TensorBuilder::shapeOf(value)[dim];
  return count;
}

Value sumOver(NodeBuilder &node, Value value, ArrayRef<int64_t> dims, bool keep, Type type) {
  return node.reduce(
      value, dims, keep, type, Scalar::ofInt(0),
      [](OpBuilder &builder, Location loc, Value acc, Value element) { return Body{builder, loc}.add(acc, element); });
}

Value meanOver(NodeBuilder &node, Value value, ArrayRef<int64_t> dims, bool keep, Type type) {
  if (node.failed())
    return nullptr;
  Type wide = arithmeticType(type);
  int64_t count = reducedCount(value, dims);
  Value total = sumOver(node, value, dims, keep, wide);
  return applyFn(node, {total}, wide, type,
                 [&](const Body &body, ValueRange elements) { return body.mul(elements[0], 1.0 / double(count)); });
}

Scalar extremeOf(Type type, bool maximum) {
  if (isa<FloatType>(type))
    return Scalar::ofFloat(maximum ? -INFINITY : INFINITY);
  if (type.isInteger(1))
    return Scalar::ofBool(!maximum);
  llvm::APInt limit = maximum ? llvm::APInt::getSignedMinValue(type.getIntOrFloatBitWidth())
                              : llvm::APInt::getSignedMaxValue(type.getIntOrFloatBitWidth());
  return Scalar::ofInt(limit.getSExtValue());
}

Value extremumOver(NodeBuilder &node, Value value, ArrayRef<int64_t> dims, bool keep, bool maximum) {
  if (node.failed())
    return nullptr;
  Type type = node.elementOf(value);
  return node.reduce(value, dims, keep, type, extremeOf(type, maximum),
                     [&](OpBuilder &builder, Location loc, Value acc, Value element) {
                       Body body{builder, loc};
                       return maximum ? body.max(acc, element) : body.min(acc, element);
                     });
}

Value flatRoot(const Body &body, Value x) {
  Value isZero = body.compare(Compare::Equal, x, 0);
  return body.select(isZero, 0, body.sqrt(body.select(isZero, 1, x)));
}

/// What a sum adds for one element: |x|^order, 0 with gradient 0 for x = 0.
static Value powerTerm(const Body &body, Value x, double order) {
  if (order == 2)
    return body.mul(x, x);
  Value isZero = body.compare(Compare::Equal, x, 0);
  if (order == 0)
    return body.select(isZero, 0, body.constant(x.getType(), 1));
  Value size = body.abs(x);
  if (order == 1)
    return size;
  Value power = body.make<math::PowFOp>(body.select(isZero, 1, size), body.constant(x.getType(), order));
  return body.select(isZero, order > 0 ? 0 : INFINITY, power);
}

Value normOver(NodeBuilder &node, Value value, ArrayRef<int64_t> dims, bool keep, double order, Type type) {
  if (node.failed())
    return nullptr;
  Type wide = arithmeticType(type);
  bool isExtreme = std::isinf(order), isLeast = isExtreme && order < 0;
  if (isExtreme && reducedCount(value, dims) == 0)
    return node.fail(node.node.target + " of infinite order over no elements");
  Value total = node.reduce(value, dims, keep, wide, Scalar::ofFloat(isLeast ? INFINITY : 0),
                            [&](OpBuilder &builder, Location loc, Value acc, Value element) {
                              Body body{builder, loc};
                              if (isExtreme)
                                return isLeast ? body.min(acc, body.abs(element)) : body.max(acc, body.abs(element));
                              return body.add(acc, powerTerm(body, element, order));
                            });
  return applyFn(node, {total}, wide, type, [&](const Body &body, ValueRange elements) {
    Value x = elements[0];
    if (isExtreme || order == 0 || order == 1)
      return x;
    if (order == 2)
      return flatRoot(body, x);
    Value isZero = body.compare(Compare::Equal, x, 0);
    Value root = body.make<math::PowFOp>(body.select(isZero, 1, x), body.constant(x.getType(), 1 / order));
    return body.select(isZero, order > 0 ? 0 : INFINITY, root);
  });
}

} // namespace raddle::import
