#include "ReductionOps.h"
#include <limits>

using namespace mlir;

namespace raddle::import {

namespace {

using Compare = Body::Compare;

template <bool isMaximum> LogicalResult extremum(NodeBuilder &node) {
  std::optional<ReductionArguments> arguments = readReduction(node);
  if (!arguments)
    return failure();
  if (reducedCount(arguments->self, arguments->dims) == 0)
    return node.fail(node.node.target + " over no elements"), failure();
  return node.result(extremumOver(node, arguments->self, arguments->dims, arguments->keep, isMaximum));
}

LogicalResult bothExtrema(NodeBuilder &node) {
  std::optional<ReductionArguments> arguments = readReduction(node);
  if (!arguments)
    return failure();
  if (reducedCount(arguments->self, arguments->dims) == 0)
    return node.fail(node.node.target + " over no elements"), failure();
  Value least = extremumOver(node, arguments->self, arguments->dims, arguments->keep, /*maximum=*/false);
  Value greatest = extremumOver(node, arguments->self, arguments->dims, arguments->keep, /*maximum=*/true);
  return node.results({least, greatest});
}

/// The greatest (least) element along `dim` and its first position: a reduction with two results. NaN counts as the
/// greatest (least), and equal elements are decided by position, so that the order of the loop does not matter.
std::pair<Value, Value> searchExtremum(NodeBuilder &node, Value self, int64_t dim, bool maximum) {
  if (node.failed())
    return {};
  Type type = node.elementOf(self), indexType = node.builder.getI64Type();
  int64_t rank = node.rankOf(self);
  Shape rest(node.shapeOf(self));
  rest.erase(rest.begin() + dim);
  // Of one element nothing is left to search, nor a loop whose position a gradient could follow.
  if (node.shapeOf(self)[dim] == 1)
    return {node.reshape(self, rest), node.fill(rest, indexType, Scalar::ofInt(0))};
  Value bestInit = node.fill(rest, type, extremeOf(type, maximum));
  Value positionInit = node.fill(rest, indexType, Scalar::ofInt(std::numeric_limits<int64_t>::max()));
  if (node.failed())
    return {};
  MLIRContext *context = node.builder.getContext();
  SmallVector<AffineExpr> exprs;
  for (int64_t i = 0; i < rank; ++i)
    if (i != dim)
      exprs.push_back(node.builder.getAffineDimExpr(i));
  AffineMap out = AffineMap::get(rank, 0, exprs, context);
  SmallVector<AffineMap> maps{node.builder.getMultiDimIdentityMap(rank), out, out};
  SmallVector<utils::IteratorType> iterators(rank, utils::IteratorType::parallel);
  iterators[dim] = utils::IteratorType::reduction;
  auto op = linalg::GenericOp::create(
      node.builder, node.loc, TypeRange{bestInit.getType(), positionInit.getType()}, ValueRange{self},
      ValueRange{bestInit, positionInit}, maps, iterators, [&](OpBuilder &builder, Location loc, ValueRange arguments) {
        Body body{builder, loc};
        Value element = arguments[0], best = arguments[1], position = arguments[2];
        Value index = arith::IndexCastOp::create(builder, loc, indexType, linalg::IndexOp::create(builder, loc, dim));
        Value better = body.compare(maximum ? Compare::Greater : Compare::Less, element, best);
        Value equal = body.compare(Compare::Equal, element, best);
        if (Body::isFloat(element)) {
          Value isNan = body.compare(Compare::NotEqual, element, element);
          Value wasNan = body.compare(Compare::NotEqual, best, best);
          better = body.max(better, body.min(isNan, body.compare(Compare::Equal, best, best)));
          equal = body.max(equal, body.min(isNan, wasNan));
        }
        better = body.max(better, body.min(equal, body.compare(Compare::Less, index, position)));
        linalg::YieldOp::create(builder, loc,
                                ValueRange{body.select(better, element, best), body.select(better, index, position)});
      });
  return {op.getResult(0), op.getResult(1)};
}

template <bool isMaximum> LogicalResult extremumWithIndex(NodeBuilder &node) {
  Value self = node.tensor("self");
  if (node.failed())
    return failure();
  int64_t dim = node.dimension("dim", node.rankOf(self));
  bool keep = node.boolean("keepdim", false);
  if (node.failed())
    return failure();
  bool isScalar = node.rankOf(self) == 0;
  if (isScalar)
    self = node.reshape(self, {1});
  if (node.shapeOf(self)[dim] == 0)
    return node.fail(node.node.target + " over no elements"), failure();
  auto [best, position] = searchExtremum(node, self, dim, isMaximum);
  if (keep && !isScalar) {
    best = node.insertUnitDim(best, dim);
    position = node.insertUnitDim(position, dim);
  }
  return node.results({best, position});
}

template <bool isMaximum> LogicalResult positionOfExtremum(NodeBuilder &node) {
  Value self = node.tensor("self");
  if (node.failed())
    return failure();
  bool whole = !node.has("dim"), keep = node.boolean("keepdim", false);
  Shape shape(node.shapeOf(self));
  if (whole || shape.empty())
    self = node.reshape(self, {node.typeOf(self).getNumElements()});
  int64_t dim = whole ? 0 : node.dimension("dim", shape.size());
  if (node.failed())
    return failure();
  if (node.shapeOf(self)[dim] == 0)
    return node.fail(node.node.target + " over no elements"), failure();
  Value position = searchExtremum(node, self, dim, isMaximum).second;
  if (keep)
    position =
        whole || shape.empty() ? node.reshape(position, Shape(shape.size(), 1)) : node.insertUnitDim(position, dim);
  return node.result(position);
}

} // namespace

void registerExtremumOperators(OperatorTable &table) {
  table.add({"aten.amax.default", "aten.max.default"}, extremum<true>);
  table.add({"aten.amin.default", "aten.min.default"}, extremum<false>);
  table.add("aten.aminmax.default", bothExtrema);
  table.add("aten.max.dim", extremumWithIndex<true>);
  table.add("aten.min.dim", extremumWithIndex<false>);
  table.add("aten.argmax.default", positionOfExtremum<true>);
  table.add("aten.argmin.default", positionOfExtremum<false>);
}

} // namespace raddle::import
