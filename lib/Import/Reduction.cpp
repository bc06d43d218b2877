#include "Body.h"
#include "Operators.h"
#include <cmath>

using namespace mlir;

namespace raddle::import {

namespace {

using Compare = Body::Compare;

Value sumOver(NodeBuilder &node, Value value, ArrayRef<int64_t> dims, bool keep, Type type) {
  return node.reduce(
      value, dims, keep, type, Scalar::ofInt(0),
      [](OpBuilder &builder, Location loc, Value acc, Value element) { return Body{builder, loc}.add(acc, element); });
}

/// The number of elements that fall together in one result.
int64_t reducedCount(NodeBuilder &node, Value value, ArrayRef<int64_t> dims) {
  int64_t count = 1;
  for (int64_t dim : dims)
    count *= node.shapeOf(value)[dim];
  return count;
}

/// The type of a sum: what `dtype` asks for; else integers and booleans add as i64.
Type sumType(NodeBuilder &node, Value self) {
  Type type = node.elementOf(self);
  return node.dtype("dtype", isa<FloatType>(type) ? type : Type(node.builder.getI64Type()));
}

LogicalResult sum(NodeBuilder &node) {
  Value self = node.tensor("self");
  if (node.failed())
    return failure();
  Type type = sumType(node, self);
  SmallVector<int64_t> dims = node.dimensions("dim", node.rankOf(self));
  bool keep = node.boolean("keepdim", false);
  if (node.failed())
    return failure();
  return node.result(sumOver(node, self, dims, keep, type));
}

Value meanOver(NodeBuilder &node, Value self, ArrayRef<int64_t> dims, bool keep, Type type) {
  Value total = sumOver(node, self, dims, keep, arithmeticType(type));
  int64_t count = reducedCount(node, self, dims);
  return node.elementwise({total}, arithmeticType(type), type,
                          [&](OpBuilder &builder, Location loc, ValueRange elements) {
                            Body body{builder, loc};
                            Type element = elements[0].getType();
                            return body.mul(elements[0], body.constant(element, 1.0 / double(count)));
                          });
}

LogicalResult mean(NodeBuilder &node) {
  Value self = node.tensor("self");
  if (node.failed())
    return failure();
  Type type = node.dtype("dtype", node.elementOf(self));
  SmallVector<int64_t> dims = node.dimensions("dim", node.rankOf(self));
  bool keep = node.boolean("keepdim", false);
  if (node.failed())
    return failure();
  if (!isa<FloatType>(type))
    return node.fail("mean of integers is not possible: convert to a floating-point type"), failure();
  return node.result(meanOver(node, self, dims, keep, type));
}

/// A square root whose gradient at 0 is 0, as PyTorch has it for norms and standard deviations.
Value flatRoot(const Body &body, Value x) {
  Value zero = body.constant(x.getType(), 0);
  Value isZero = body.compare(Body::Compare::Equal, x, zero);
  Value inside = body.select(isZero, body.constant(x.getType(), 1), x);
  return body.select(isZero, zero, body.make<math::SqrtOp>(inside));
}

/// Variance by two passes; `correction` is subtracted from the count.
LogicalResult variance(NodeBuilder &node, bool root) {
  Value self = node.tensor("self");
  if (node.failed())
    return failure();
  SmallVector<int64_t> dims = node.dimensions("dim", node.rankOf(self));
  bool keep = node.boolean("keepdim", false);
  // Older overloads say only whether the divisor is the count less one.
  double correction = node.real("correction", node.boolean("unbiased", true) ? 1.0 : 0.0);
  if (node.failed())
    return failure();
  Type type = node.elementOf(self);
  if (!isa<FloatType>(type))
    return node.fail("variance of integers is not possible"), failure();
  double divisor = std::max(0.0, double(reducedCount(node, self, dims)) - correction);
  Value center = meanOver(node, self, dims, /*keep=*/true, type);
  Value squares = node.elementwise({self, center}, type, arithmeticType(type),
                                   [](OpBuilder &builder, Location loc, ValueRange elements) {
                                     Body body{builder, loc};
                                     Value delta = body.sub(elements[0], elements[1]);
                                     return body.mul(delta, delta);
                                   });
  if (node.failed())
    return failure();
  Value total = sumOver(node, squares, dims, keep, arithmeticType(type));
  return node.result(node.elementwise({total}, type, type, [&](OpBuilder &builder, Location loc, ValueRange elements) {
    Body body{builder, loc};
    Value value = body.div(elements[0], body.constant(elements[0].getType(), divisor));
    return root ? flatRoot(body, value) : value;
  }));
}
LogicalResult var(NodeBuilder &node) { return variance(node, false); }
LogicalResult standardDeviation(NodeBuilder &node) { return variance(node, true); }

template <bool isAny> LogicalResult anyOrAll(NodeBuilder &node) {
  Value self = node.tensor("self");
  if (node.failed())
    return failure();
  SmallVector<int64_t> dims = node.dimensions("dim", node.rankOf(self));
  bool keep = node.boolean("keepdim", false);
  if (node.failed())
    return failure();
  return node.result(node.reduce(self, dims, keep, node.builder.getI1Type(), Scalar::ofBool(!isAny),
                                 [](OpBuilder &builder, Location loc, Value acc, Value element) {
                                   Body body{builder, loc};
                                   return isAny ? body.max(acc, element) : body.min(acc, element);
                                 }));
}

/// (Σ |x|^p)^(1/p) for p = 1, 2 and the greatest |x| for p = ∞.
LogicalResult vectorNorm(NodeBuilder &node) {
  Value self = node.tensor("self");
  double order = node.real(node.has("p") ? "p" : "ord", 2.0);
  if (node.failed())
    return failure();
  SmallVector<int64_t> dims = node.dimensions("dim", node.rankOf(self));
  bool keep = node.boolean("keepdim", false);
  Type type = node.elementOf(self);
  if (!isa<FloatType>(type) || (order != 1 && order != 2 && order != INFINITY))
    return node.fail("norm of order " + Twine(int64_t(order)) + " or of integers, expected order 1, 2 or infinity"),
           failure();
  Type wide = arithmeticType(type);
  Value total = node.reduce(self, dims, keep, wide, Scalar::ofFloat(0),
                            [&](OpBuilder &builder, Location loc, Value acc, Value element) {
                              Body body{builder, loc};
                              if (order == 2)
                                return body.add(acc, body.mul(element, element));
                              Value size = body.make<math::AbsFOp>(element);
                              return order == 1 ? body.add(acc, size) : body.max(acc, size);
                            });
  return node.result(node.elementwise({total}, wide, type, [&](OpBuilder &builder, Location loc, ValueRange elements) {
    return order == 2 ? flatRoot(Body{builder, loc}, elements[0]) : elements[0];
  }));
}

/// A running sum as a contraction: out[i] = Σ_j [j ≤ i] x[j]. Quadratic in the dimension, and differentiable by the
/// general rule; models use it on short integer sequences.
LogicalResult cumsum(NodeBuilder &node) {
  Value self = node.tensor("self");
  if (node.failed())
    return failure();
  Type type = sumType(node, self);
  int64_t rank = node.rankOf(self), dim = node.dimension("dim", rank);
  if (node.failed())
    return failure();
  if (rank == 0)
    return node.result(node.cast(self, type));
  Type wide = arithmeticType(type);
  Value init = node.fill(node.shapeOf(self), wide, Scalar::ofInt(0));
  if (!init)
    return failure();
  // Dimension `rank` of the loop runs over the terms of each sum.
  SmallVector<AffineExpr> terms;
  for (int64_t i = 0; i < rank; ++i)
    terms.push_back(node.builder.getAffineDimExpr(i == dim ? rank : i));
  MLIRContext *context = node.builder.getContext();
  SmallVector<AffineMap> maps{AffineMap::get(rank + 1, 0, terms, context),
                              AffineMap::getMultiDimIdentityMap(rank + 1, context).getMajorSubMap(rank)};
  SmallVector<utils::IteratorType> iterators(rank, utils::IteratorType::parallel);
  iterators.push_back(utils::IteratorType::reduction);
  Value result = linalg::GenericOp::create(node.builder, node.loc, init.getType(), self, init, maps, iterators,
                                           [&](OpBuilder &builder, Location loc, ValueRange arguments) {
                                             Body body{builder, loc};
                                             Value position = linalg::IndexOp::create(builder, loc, dim);
                                             Value term = linalg::IndexOp::create(builder, loc, rank);
                                             Value counts = body.compare(Compare::LessEqual, term, position);
                                             Value element = convertScalar(builder, loc, arguments[0], wide);
                                             Value added = body.select(counts, element, body.constant(wide, 0));
                                             linalg::YieldOp::create(builder, loc, body.add(arguments[1], added));
                                           })
                     .getResult(0);
  return node.result(node.cast(result, type));
}

} // namespace

void registerReductionOperators(OperatorTable &table) {
  table.add({"aten.sum.default", "aten.sum.dim_IntList"}, sum);
  table.add({"aten.mean.default", "aten.mean.dim"}, mean);
  table.add({"aten.var.correction", "aten.var.dim", "aten.var.default"}, var);
  table.add({"aten.std.correction", "aten.std.dim", "aten.std.default"}, standardDeviation);
  table.add({"aten.any.default", "aten.any.dim", "aten.any.dims"}, anyOrAll<true>);
  table.add({"aten.all.default", "aten.all.dim", "aten.all.dims"}, anyOrAll<false>);
  table.add({"aten.linalg_vector_norm.default", "aten.norm.ScalarOpt_dim"}, vectorNorm);
  table.add("aten.cumsum.default", cumsum);
}

} // namespace raddle::import
