// Quantiles: elements at fractional places of the order of a dimension.
#include "ReductionOps.h"
#include "Rows.h"
#include "SortOps.h"
#include "llvm/ADT/SmallVectorExtras.h"

using namespace mlir;

namespace raddle::import {

namespace {

using Compare = Body::Compare;

/// What lies along the dimension, as rows [R, n], sorted.
struct SortedRows {
  Value rows;
  Shape shape; // of a quantile: the operand's without the dimension, or with 1 there
};

SortedRows sortRows(NodeBuilder &node, Value self) {
  SortedRows sorted;
  bool keep = node.boolean("keepdim", false);
  if (node.failed())
    return sorted;
  Shape shape(node.shapeOf(self));
  if (!node.has("dim")) {
    sorted.shape.assign(keep ? shape.size() : 0, 1);
    self = node.reshape(self, {node.typeOf(self).getNumElements()});
  }
  int64_t dim = node.has("dim") ? node.dimension("dim", shape.size()) : 0;
  if (node.has("dim")) {
    sorted.shape = shape;
    if (keep && !shape.empty())
      sorted.shape[dim] = 1;
    else if (!shape.empty())
      sorted.shape.erase(sorted.shape.begin() + dim);
  }
  if (node.failed())
    return sorted;
  if (node.rankOf(self) == 0)
    self = node.reshape(self, {1});
  SmallVector<int64_t> permutation = llvm::to_vector(llvm::seq<int64_t>(0, node.rankOf(self)));
  permutation.erase(permutation.begin() + dim);
  permutation.push_back(dim);
  int64_t size = node.shapeOf(self)[dim];
  if (size == 0)
    return node.fail(node.node.target + " of a dimension of size 0"), sorted;
  Value rows = node.reshape(node.transpose(self, permutation), {node.typeOf(self).getNumElements() / size, size});
  sorted.rows = elementsAt(node, rows, buildOrder(node, rows, 1, /*descending=*/false), 1);
  return sorted;
}

/// The place of each quantile in each row [Q, R]: q (m − 1) of m numbers. A row with NaN, which is at its end, has that
/// as all its quantiles, unless NaN is skipped.
Value placesOf(NodeBuilder &node, Value quantiles, Value rows, bool skipNan) {
  if (node.failed())
    return nullptr;
  Type type = node.elementOf(rows);
  Value isNan = applyFn(node, {rows}, type, node.builder.getI1Type(),
                        [](const Body &body, ValueRange e) { return body.isNan(e[0]); });
  Value nans = sumOver(node, node.cast(isNan, type), {1}, /*keep=*/false, type);
  if (node.failed())
    return nullptr;
  double last = double(node.shapeOf(rows)[1] - 1);
  return applyFn(node, {node.insertUnitDim(quantiles, 1), nans}, type, type, [&](const Body &body, ValueRange e) {
    Value end = body.constant(type, last);
    if (!skipNan)
      return body.select(body.compare(Compare::Greater, e[1], 0), end, body.mul(e[0], end));
    Value place = body.mul(e[0], body.sub(end, e[1]));
    // Of a row of NaN alone the first one.
    return body.select(body.compare(Compare::Less, place, 0), 0, place);
  });
}

/// The elements of rows [R, n] at whole places [Q, R].
Value readAt(NodeBuilder &node, Value rows, Value places, int64_t size) {
  if (node.failed())
    return nullptr;
  Shape shape(node.shapeOf(places));
  Type i64 = node.builder.getI64Type();
  Value positions = buildPlaces(node, shape, {node.cast(places, i64)},
                                [&](const Body &body, ArrayRef<Value> loops, ValueRange elements) {
                                  Value start = body.mul(loops[1], body.constant(i64, Scalar::ofInt(size)));
                                  return body.add(start, elements[0]);
                                });
  return gatherRows(node, rows, positions, 1, shape);
}

Value roundBy(NodeBuilder &node, Value places, UnaryFn fn) {
  return node.failed() ? nullptr : applyUnary(node, places, node.elementOf(places), node.elementOf(places), fn);
}
Value below(const Body &body, Value x) { return body.make<math::FloorOp>(x); }
Value above(const Body &body, Value x) { return body.make<math::CeilOp>(x); }
Value nearest(const Body &body, Value x) { return body.make<math::RoundEvenOp>(x); }

template <bool skipNan> LogicalResult quantile(NodeBuilder &node) {
  Value self = node.tensor("self");
  Operand q = node.operand("q");
  StringRef interpolation = node.string("interpolation", "linear");
  if (node.failed())
    return failure();
  Type type = node.elementOf(self);
  if (!isa<FloatType>(type) || (q.tensor && (node.rankOf(q.tensor) > 1 || node.elementOf(q.tensor) != type)))
    return node.fail(node.node.target + " of a tensor that is not floating point, or for quantiles of another type"),
           failure();
  Value quantiles = q.tensor ? q.tensor : node.fill({}, type, q.scalar);
  Shape result(node.shapeOf(quantiles));
  quantiles = node.reshape(quantiles, {node.typeOf(quantiles).getNumElements()});
  SortedRows sorted = sortRows(node, self);
  Value places = placesOf(node, quantiles, sorted.rows, skipNan);
  if (node.failed())
    return failure();
  int64_t size = node.shapeOf(sorted.rows)[1];
  auto read = [&](UnaryFn fn) { return readAt(node, sorted.rows, roundBy(node, places, fn), size); };
  Value value;
  if (interpolation == "lower" || interpolation == "higher" || interpolation == "nearest") {
    value = read(interpolation == "lower" ? below : interpolation == "higher" ? above : nearest);
  } else if (interpolation == "linear" || interpolation == "midpoint") {
    bool isMiddle = interpolation == "midpoint";
    value = applyFn(node, {read(below), read(above), places}, type, type, [&](const Body &body, ValueRange e) {
      Value part = isMiddle ? body.constant(e[2].getType(), 0.5) : body.sub(e[2], below(body, e[2]));
      Value gap = body.sub(e[1], e[0]), rest = body.sub(body.constant(part.getType(), 1), part);
      Value fromLow = body.add(e[0], body.mul(part, gap)), fromHigh = body.sub(e[1], body.mul(gap, rest));
      return body.select(body.compare(Compare::Less, part, 0.5), fromLow, fromHigh);
    });
  } else {
    return node.fail(node.node.target + " with interpolation '" + interpolation +
                     "', expected linear, lower, higher, midpoint or nearest"),
           failure();
  }
  result.append(sorted.shape);
  return node.result(node.reshape(value, result));
}

} // namespace

void registerQuantileOperators(OperatorTable &table) {
  table.add({"aten.quantile.default", "aten.quantile.scalar"}, quantile</*skipNan=*/false>);
  table.add({"aten.nanquantile.default", "aten.nanquantile.scalar"}, quantile</*skipNan=*/true>);
}

} // namespace raddle::import
