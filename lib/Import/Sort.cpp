// Operators that order the elements of a dimension.
#include "SortOps.h"

#include "Body.h"
#include "Operators.h"
#include "Rows.h"
#include <cmath>

using namespace mlir;

namespace raddle::import {

/// Runs an op on the last dimension of `self` with dimension `dim` there, and moves the dimension back.
static Value onLastDimension(NodeBuilder &node, Value self, int64_t dim, llvm::function_ref<Value(Value)> build) {
  if (node.failed())
    return nullptr;
  SmallVector<int64_t> permutation = llvm::to_vector(llvm::seq<int64_t>(0, node.rankOf(self)));
  std::swap(permutation[dim], permutation.back());
  // The permutation is its own inverse.
  Value rows = node.transpose(self, permutation);
  return node.failed() ? nullptr : node.transpose(build(rows), permutation);
}

Value buildOrder(NodeBuilder &node, Value self, int64_t dim, bool descending) {
  return onLastDimension(node, self, dim, [&](Value rows) -> Value {
    auto type = RankedTensorType::get(node.shapeOf(rows), node.builder.getI64Type());
    if (type.getNumElements() == 0)
      return node.fill(type.getShape(), type.getElementType(), Scalar::ofInt(0));
    return nn::ArgSortOp::create(node.builder, node.loc, type, rows,
                                 descending ? node.builder.getUnitAttr() : UnitAttr());
  });
}

Value buildTopPositions(NodeBuilder &node, Value self, int64_t dim, int64_t count, bool largest) {
  return onLastDimension(node, self, dim, [&](Value rows) -> Value {
    Shape best(node.shapeOf(rows));
    best.back() = count;
    auto type = RankedTensorType::get(best, node.builder.getI64Type());
    if (type.getNumElements() == 0)
      return node.fill(best, type.getElementType(), Scalar::ofInt(0));
    return nn::TopKOp::create(node.builder, node.loc, type, rows, largest ? UnitAttr() : node.builder.getUnitAttr());
  });
}

namespace {

/// The tensor that an operator orders, at least a vector, and the dimension.
struct Ordered {
  Value self;
  int64_t dim = 0;
  Shape shape; // as given: without dimensions perhaps
};

Ordered readOrdered(NodeBuilder &node) {
  Ordered ordered;
  ordered.self = node.tensor("self");
  if (node.failed())
    return ordered;
  ordered.shape.assign(node.shapeOf(ordered.self).begin(), node.shapeOf(ordered.self).end());
  ordered.dim = node.dimension("dim", ordered.shape.size(), -1);
  if (ordered.shape.empty())
    ordered.self = node.reshape(ordered.self, {1});
  return ordered;
}

LogicalResult valuesAndPositions(NodeBuilder &node, const Ordered &ordered, Value positions, ArrayRef<int64_t> shape) {
  Value values = elementsAt(node, ordered.self, positions, ordered.dim);
  return node.results({node.reshape(values, shape), node.reshape(positions, shape)});
}

LogicalResult sort(NodeBuilder &node) {
  Ordered ordered = readOrdered(node);
  bool descending = node.boolean("descending", false);
  return valuesAndPositions(node, ordered, buildOrder(node, ordered.self, ordered.dim, descending), ordered.shape);
}

LogicalResult argsort(NodeBuilder &node) {
  Ordered ordered = readOrdered(node);
  bool descending = node.boolean("descending", false);
  return node.result(node.reshape(buildOrder(node, ordered.self, ordered.dim, descending), ordered.shape));
}

LogicalResult topk(NodeBuilder &node) {
  Ordered ordered = readOrdered(node);
  int64_t count = node.integer("k");
  bool largest = node.boolean("largest", true);
  if (node.failed())
    return failure();
  int64_t size = node.shapeOf(ordered.self)[ordered.dim];
  if (count < 0 || count > size)
    return node.fail("topk of " + Twine(count) + " elements of a dimension of size " + Twine(size)), failure();
  Shape shape(ordered.shape);
  if (!shape.empty())
    shape[ordered.dim] = count;
  Value positions = buildTopPositions(node, ordered.self, ordered.dim, count, largest);
  return valuesAndPositions(node, ordered, positions, shape);
}

/// The element that is at `rank` in the order of a dimension.
LogicalResult elementOfRank(NodeBuilder &node, const Ordered &ordered, Value rankPosition) {
  bool keep = node.boolean("keepdim", false);
  Shape shape(ordered.shape);
  if (!shape.empty() && keep)
    shape[ordered.dim] = 1;
  else if (!shape.empty())
    shape.erase(shape.begin() + ordered.dim);
  return valuesAndPositions(node, ordered, rankPosition, shape);
}

LogicalResult kthValue(NodeBuilder &node) {
  Ordered ordered = readOrdered(node);
  int64_t k = node.integer("k");
  if (node.failed())
    return failure();
  int64_t size = node.shapeOf(ordered.self)[ordered.dim];
  if (k < 1 || k > size)
    return node.fail("kthvalue " + Twine(k) + " of a dimension of size " + Twine(size)), failure();
  Value order = buildOrder(node, ordered.self, ordered.dim, /*descending=*/false);
  return elementOfRank(node, ordered, node.slice(order, ordered.dim, k - 1, 1));
}

/// The position, in the order of each row, of the row's median: that of the lower half's end. Where there is NaN it is
/// the first NaN, or with `skipNan` the median of the others.
Value medianPosition(NodeBuilder &node, Value self, int64_t dim, bool skipNan) {
  if (node.failed())
    return nullptr;
  Type type = node.builder.getI64Type();
  int64_t size = node.shapeOf(self)[dim];
  auto add = [](OpBuilder &builder, Location loc, Value acc, Value element) {
    return Body{builder, loc}.add(acc, element);
  };
  Value isNan = node.mapElements(node.shapeOf(self), {self}, node.builder.getI1Type(),
                                 [](OpBuilder &builder, Location loc, ValueRange elements) {
                                   return Body{builder, loc}.compare(Body::Compare::NotEqual, elements[0], elements[0]);
                                 });
  Value nans = node.reduce(isNan, {dim}, /*keep=*/true, type, Scalar::ofInt(0), add);
  if (node.failed())
    return nullptr;
  return node.mapElements(node.shapeOf(nans), {nans}, type, [&](OpBuilder &builder, Location loc, ValueRange elements) {
    Body body{builder, loc};
    auto number = [&](int64_t value) { return body.constant(type, Scalar::ofInt(value)); };
    Value numbers = body.sub(number(size), elements[0]);
    Value none = body.compare(Body::Compare::Equal, elements[0], number(0));
    if (!skipNan)
      return body.select(none, number((size - 1) / 2), numbers);
    Value last = body.max(body.sub(numbers, number(1)), number(0));
    return body.make<arith::ShRUIOp>(last, number(1));
  });
}

Value medianIndex(NodeBuilder &node, Value self, int64_t dim, bool skipNan) {
  Value order = buildOrder(node, self, dim, /*descending=*/false);
  return elementsAt(node, order, medianPosition(node, self, dim, skipNan), dim);
}

template <bool skipNan> LogicalResult medianOfDimension(NodeBuilder &node) {
  Ordered ordered = readOrdered(node);
  if (node.failed())
    return failure();
  if (node.shapeOf(ordered.self)[ordered.dim] == 0)
    return node.fail("median of a dimension of size 0"), failure();
  return elementOfRank(node, ordered, medianIndex(node, ordered.self, ordered.dim, skipNan));
}

/// The median of all elements. Those that equal it share the gradient: it is taken as their greatest.
template <bool skipNan> LogicalResult median(NodeBuilder &node) {
  Value self = node.tensor("self");
  if (node.failed())
    return failure();
  int64_t count = node.typeOf(self).getNumElements();
  if (count == 0)
    return node.fail("median of no elements"), failure();
  self = node.reshape(self, {count});
  Value found = elementsAt(node, self, medianIndex(node, self, 0, skipNan), 0);
  if (node.failed() || !isa<FloatType>(node.elementOf(self)))
    return node.failed() ? failure() : node.result(node.reshape(found, {}));
  Type type = node.elementOf(self);
  Value equal =
      node.mapElements({count}, {self, found}, type, [&](OpBuilder &builder, Location loc, ValueRange elements) {
        Body body{builder, loc};
        Value isEqual = body.compare(Body::Compare::Equal, elements[0], elements[1]);
        Value isNan = body.compare(Body::Compare::NotEqual, elements[1], elements[1]);
        return body.select(body.max(isEqual, isNan), elements[0], body.constant(type, -INFINITY));
      });
  return node.result(node.reduce(
      equal, {0}, /*keep=*/false, type, Scalar::ofFloat(-INFINITY),
      [](OpBuilder &builder, Location loc, Value acc, Value element) { return Body{builder, loc}.max(acc, element); }));
}

/// For each element x of a dimension the number of elements y of it with `x kind y`, as i64.
Value countPairs(NodeBuilder &node, Value self, int64_t dim, Body::Compare kind) {
  if (node.failed())
    return nullptr;
  Shape shape(node.shapeOf(self)), pairs(shape);
  pairs.insert(pairs.begin() + dim, shape[dim]);
  Value holds = node.mapElements(pairs, {node.insertUnitDim(self, dim), node.insertUnitDim(self, dim + 1)},
                                 node.builder.getI1Type(), [&](OpBuilder &builder, Location loc, ValueRange args) {
                                   return Body{builder, loc}.compare(kind, args[0], args[1]);
                                 });
  return node.reduce(
      holds, {dim + 1}, /*keep=*/false, node.builder.getI64Type(), Scalar::ofInt(0),
      [](OpBuilder &builder, Location loc, Value acc, Value element) { return Body{builder, loc}.add(acc, element); });
}

/// The most frequent element of a dimension, of several the least one, and where it is last. Every element is compared
/// with every other.
LogicalResult mode(NodeBuilder &node) {
  Ordered ordered = readOrdered(node);
  if (node.failed())
    return failure();
  int64_t size = node.shapeOf(ordered.self)[ordered.dim];
  if (size == 0)
    return node.fail("mode of a dimension of size 0"), failure();
  Type type = node.builder.getI64Type();
  Value equal = countPairs(node, ordered.self, ordered.dim, Body::Compare::Equal);
  Value greater = countPairs(node, ordered.self, ordered.dim, Body::Compare::Less);
  if (node.failed())
    return failure();
  // One number to compare by: how often, before how many greater ones, where.
  Value key = node.mapElements(node.shapeOf(ordered.self), {equal, greater}, type,
                               [&](OpBuilder &builder, Location loc, ValueRange args) {
                                 Body body{builder, loc};
                                 Value extent = body.constant(type, Scalar::ofInt(size));
                                 Value position = linalg::IndexOp::create(builder, loc, ordered.dim);
                                 position = arith::IndexCastOp::create(builder, loc, type, position);
                                 Value rank = body.add(body.mul(args[0], extent), args[1]);
                                 return body.add(body.mul(rank, extent), position);
                               });
  Value best = node.reduce(
      key, {ordered.dim}, /*keep=*/true, type, Scalar::ofInt(0),
      [](OpBuilder &builder, Location loc, Value acc, Value element) { return Body{builder, loc}.max(acc, element); });
  if (node.failed())
    return failure();
  Value place = node.mapElements(
      node.shapeOf(best), {best}, type, [&](OpBuilder &builder, Location loc, ValueRange args) -> Value {
        return arith::RemSIOp::create(builder, loc, args[0], scalarConstant(builder, loc, type, Scalar::ofInt(size)));
      });
  return elementOfRank(node, ordered, place);
}

} // namespace

void registerSortOperators(OperatorTable &table) {
  table.add({"aten.sort.default", "aten.sort.stable"}, sort);
  table.add({"aten.argsort.default", "aten.argsort.stable"}, argsort);
  table.add("aten.topk.default", topk);
  table.add("aten.kthvalue.default", kthValue);
  table.add("aten.mode.default", mode);
  table.add("aten.median.dim", medianOfDimension</*skipNan=*/false>);
  table.add("aten.nanmedian.dim", medianOfDimension</*skipNan=*/true>);
  table.add("aten.median.default", median</*skipNan=*/false>);
  table.add("aten.nanmedian.default", median</*skipNan=*/true>);
}

} // namespace raddle::import
