#include "ReductionOps.h"
#include <cmath>

using namespace mlir;

namespace raddle::import {

namespace {

using Compare = Body::Compare;

/// The type of a sum: what `dtype` asks for; else integers and booleans add as i64.
Type sumType(NodeBuilder &node, Value self) {
  Type type = node.elementOf(self);
  return node.dtype("dtype", isa<FloatType>(type) ? type : Type(node.builder.getI64Type()));
}

Value nanAsZero(const Body &body, Value x) { return Body::isFloat(x) ? body.select(body.isNan(x), 0, x) : x; }

template <bool skipsNan> LogicalResult sum(NodeBuilder &node) {
  std::optional<ReductionArguments> arguments = readReduction(node);
  if (!arguments)
    return failure();
  Value self = arguments->self;
  Type type = sumType(node, self);
  if (node.failed())
    return failure();
  if (skipsNan)
    self = applyUnary(node, self, node.elementOf(self), node.elementOf(self), nanAsZero);
  return node.result(sumOver(node, self, arguments->dims, arguments->keep, type));
}

/// The type of a mean and its like; an error for integers.
Type meanType(NodeBuilder &node, Value self) {
  Type type = node.dtype("dtype", node.elementOf(self));
  if (!node.failed() && !isa<FloatType>(type))
    node.fail(node.node.target + " of integers is not possible: convert to a floating-point type");
  return type;
}

LogicalResult mean(NodeBuilder &node) {
  std::optional<ReductionArguments> arguments = readReduction(node);
  if (!arguments)
    return failure();
  Type type = meanType(node, arguments->self);
  return node.result(meanOver(node, arguments->self, arguments->dims, arguments->keep, type));
}

/// The sum of numbers over their count.
LogicalResult nanMean(NodeBuilder &node) {
  std::optional<ReductionArguments> arguments = readReduction(node);
  if (!arguments)
    return failure();
  Type type = meanType(node, arguments->self);
  if (node.failed())
    return failure();
  Type wide = arithmeticType(type);
  Value numbers = applyUnary(node, arguments->self, wide, wide, nanAsZero);
  Value counted = applyUnary(node, arguments->self, wide, wide, [](const Body &body, Value x) {
    return body.select(body.isNan(x), 0, body.constant(x.getType(), 1));
  });
  Value total = sumOver(node, numbers, arguments->dims, arguments->keep, wide);
  Value count = sumOver(node, counted, arguments->dims, arguments->keep, wide);
  return node.result(applyBinary(node, total, count, wide, type,
                                 [](const Body &body, Value lhs, Value rhs) { return body.div(lhs, rhs); }));
}

LogicalResult product(NodeBuilder &node) {
  std::optional<ReductionArguments> arguments = readReduction(node);
  if (!arguments)
    return failure();
  Type type = sumType(node, arguments->self);
  return node.result(node.reduce(
      arguments->self, arguments->dims, arguments->keep, type, Scalar::ofInt(1),
      [](OpBuilder &builder, Location loc, Value acc, Value element) { return Body{builder, loc}.mul(acc, element); }));
}

LogicalResult countNonzero(NodeBuilder &node) {
  std::optional<ReductionArguments> arguments = readReduction(node);
  if (!arguments)
    return failure();
  Value isSet = node.cast(arguments->self, node.builder.getI1Type());
  return node.result(sumOver(node, isSet, arguments->dims, arguments->keep, node.builder.getI64Type()));
}

/// Variance by two passes, or its root; `withMean` gives the mean as well.
template <bool isRoot, bool withMean> LogicalResult variance(NodeBuilder &node) {
  std::optional<ReductionArguments> arguments = readReduction(node);
  // Older overloads say only whether the divisor is the count less one.
  double correction = node.real("correction", node.boolean("unbiased", true) ? 1.0 : 0.0);
  if (!arguments || node.failed())
    return failure();
  Type type = node.elementOf(arguments->self);
  if (!isa<FloatType>(type))
    return node.fail(node.node.target + " of integers is not possible"), failure();
  Type wide = arithmeticType(type);
  double divisor = std::max(0.0, double(reducedCount(arguments->self, arguments->dims)) - correction);
  Value center = meanOver(node, arguments->self, arguments->dims, /*keep=*/true, wide);
  Value squares =
      applyBinary(node, arguments->self, center, wide, wide, [](const Body &body, Value element, Value mean) {
        Value delta = body.sub(element, mean);
        return body.mul(delta, delta);
      });
  Value total = sumOver(node, squares, arguments->dims, arguments->keep, wide);
  Value result = applyFn(node, {total}, wide, type, [&](const Body &body, ValueRange elements) {
    Value value = body.div(elements[0], divisor);
    return isRoot ? flatRoot(body, value) : value;
  });
  if (!withMean)
    return node.result(result);
  return node.results({result, meanOver(node, arguments->self, arguments->dims, arguments->keep, type)});
}

template <bool isAny> LogicalResult anyOrAll(NodeBuilder &node) {
  std::optional<ReductionArguments> arguments = readReduction(node);
  if (!arguments)
    return failure();
  Value result = node.reduce(arguments->self, arguments->dims, arguments->keep, node.builder.getI1Type(),
                             Scalar::ofBool(!isAny), [](OpBuilder &builder, Location loc, Value acc, Value element) {
                               Body body{builder, loc};
                               return isAny ? body.max(acc, element) : body.min(acc, element);
                             });
  // Of bytes PyTorch gives bytes.
  return node.result(node.cast(result, node.declaredElement()));
}

/// max + log Σ exp(x − max). The maximum is a constant of the derivative; an infinite one is no number to subtract.
LogicalResult logSumExp(NodeBuilder &node) {
  std::optional<ReductionArguments> arguments = readReduction(node);
  if (!arguments)
    return failure();
  Type type = node.realType({arguments->self});
  if (node.failed())
    return failure();
  Type wide = arithmeticType(type);
  Value self = node.cast(arguments->self, wide);
  Value greatest = extremumOver(node, node.detach(self), arguments->dims, /*keep=*/true, /*maximum=*/true);
  greatest = applyUnary(node, greatest, wide, wide, [](const Body &body, Value x) {
    return body.select(body.compare(Compare::Less, body.abs(x), INFINITY), x, body.constant(x.getType(), 0));
  });
  Value powers = applyBinary(node, self, greatest, wide, wide,
                             [](const Body &body, Value x, Value shift) { return body.exp(body.sub(x, shift)); });
  Value total = sumOver(node, powers, arguments->dims, /*keep=*/true, wide);
  Value result = applyBinary(node, total, greatest, wide, type,
                             [](const Body &body, Value sum, Value shift) { return body.add(body.log(sum), shift); });
  if (node.failed() || arguments->keep)
    return node.result(result);
  Shape rest;
  for (auto [dim, size] : llvm::enumerate(node.shapeOf(self)))
    if (!llvm::is_contained(arguments->dims, int64_t(dim)))
      rest.push_back(size);
  return node.result(node.reshape(result, rest));
}

LogicalResult trace(NodeBuilder &node) {
  Value self = node.tensor("self");
  if (node.failed())
    return failure();
  if (node.rankOf(self) != 2)
    return node.fail("trace of a tensor of shape " + node.describe(node.shapeOf(self)) + ", expected a matrix"),
           failure();
  Type type = node.elementOf(self), sumType = isa<FloatType>(type) ? type : Type(node.builder.getI64Type());
  Value diagonal =
      node.mapElements(node.shapeOf(self), {self}, type, [&](OpBuilder &builder, Location loc, ValueRange elements) {
        Body body{builder, loc};
        Value row = linalg::IndexOp::create(builder, loc, 0), column = linalg::IndexOp::create(builder, loc, 1);
        Value isOnIt = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq, row, column);
        return body.select(isOnIt, elements[0], body.constant(type, 0));
      });
  return node.result(sumOver(node, diagonal, {0, 1}, /*keep=*/false, sumType));
}

} // namespace

void registerReductionOperators(OperatorTable &table) {
  table.add({"aten.sum.default", "aten.sum.dim_IntList"}, sum<false>);
  table.add("aten.nansum.default", sum<true>);
  table.add({"aten.mean.default", "aten.mean.dim"}, mean);
  table.add("aten.nanmean.default", nanMean);
  table.add({"aten.prod.default", "aten.prod.dim_int"}, product);
  table.add({"aten.count_nonzero.default", "aten.count_nonzero.dim_IntList"}, countNonzero);
  table.add({"aten.var.correction", "aten.var.dim", "aten.var.default"}, variance<false, false>);
  table.add({"aten.std.correction", "aten.std.dim", "aten.std.default"}, variance<true, false>);
  table.add({"aten.var_mean.correction", "aten.var_mean.dim", "aten.var_mean.default"}, variance<false, true>);
  table.add({"aten.std_mean.correction", "aten.std_mean.dim", "aten.std_mean.default"}, variance<true, true>);
  table.add({"aten.any.default", "aten.any.dim", "aten.any.dims", "aten._is_any_true.default"}, anyOrAll<true>);
  table.add({"aten.all.default", "aten.all.dim", "aten.all.dims", "aten._is_all_true.default"}, anyOrAll<false>);
  table.add({"aten.logsumexp.default", "aten.special_logsumexp.default"}, logSumExp);
  table.add("aten.trace.default", trace);
}

} // namespace raddle::import
