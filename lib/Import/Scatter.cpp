// Operators that write elements by index. Positions of equal index meet in their order.
#include "Body.h"
#include "Operators.h"
#include "Rows.h"
#include <cmath>

using namespace mlir;
using raddle::nn::ScatterKind;

namespace raddle::import {

namespace {

/// Elements of `self` written along one dimension: what the scatter operators read.
struct Scatter {
  Value self, places, updates;
  Shape shape; // of the result
};

/// The arguments of a scatter: `source` is a tensor that covers the index tensor, or a number.
Scatter readScatter(NodeBuilder &node, StringRef source) {
  Scatter scatter;
  scatter.self = node.tensor("self");
  Value index = node.tensor("index");
  Operand value = node.operand(source);
  if (node.failed())
    return scatter;
  scatter.shape.assign(node.shapeOf(scatter.self).begin(), node.shapeOf(scatter.self).end());
  int64_t dim = node.dimension("dim", node.rankOf(scatter.self));
  // A tensor without dimensions counts as a vector of one element.
  auto atLeastVector = [&](Value tensor) { return node.rankOf(tensor) ? tensor : node.reshape(tensor, {1}); };
  scatter.self = atLeastVector(scatter.self);
  index = atLeastVector(index);
  if (!value.tensor) {
    scatter.updates = node.fill(node.shapeOf(index), node.elementOf(scatter.self), value.scalar);
  } else {
    Value updates = atLeastVector(value.tensor);
    if (node.rankOf(updates) != node.rankOf(index) || node.elementOf(updates) != node.elementOf(scatter.self))
      node.fail(node.node.target + " of values of shape " + node.describe(node.shapeOf(updates)) +
                " by indices of shape " + node.describe(node.shapeOf(index)));
    // What lies outside of the index tensor is not read.
    for (int64_t i = 0; !node.failed() && i < node.rankOf(index); ++i)
      updates = node.slice(updates, i, 0, node.shapeOf(index)[i]);
    scatter.updates = updates;
  }
  scatter.places = placesAlong(node, scatter.self, index, dim);
  return scatter;
}

LogicalResult finish(NodeBuilder &node, Value result, ArrayRef<int64_t> shape) {
  return node.failed() ? failure() : node.result(node.reshape(result, shape));
}

/// scatter, with how equal places combine where `reduce` is given.
template <bool isNumber> LogicalResult scatter(NodeBuilder &node) {
  Scatter scatter = readScatter(node, isNumber ? "value" : "src");
  StringRef reduce = node.string("reduce", "set");
  if (node.failed())
    return failure();
  ScatterKind kind = reduce == "add" ? ScatterKind::Add : reduce == "multiply" ? ScatterKind::Mul : ScatterKind::Set;
  return finish(node, scatterRows(node, kind, scatter.self, scatter.places, scatter.updates, 1), scatter.shape);
}

LogicalResult scatterAdd(NodeBuilder &node) {
  Scatter scatter = readScatter(node, "src");
  return finish(node, scatterRows(node, ScatterKind::Add, scatter.self, scatter.places, scatter.updates, 1),
                scatter.shape);
}

/// The element that a reduction starts from: it changes no other.
Scalar neutralOf(ScatterKind kind, Type type) {
  if (kind == ScatterKind::Add || kind == ScatterKind::Mul)
    return Scalar::ofInt(kind == ScatterKind::Mul);
  bool isMax = kind == ScatterKind::Max;
  if (isa<FloatType>(type))
    return Scalar::ofFloat(isMax ? -INFINITY : INFINITY);
  unsigned width = type.getIntOrFloatBitWidth();
  return width == 1
             ? Scalar::ofBool(!isMax)
             : Scalar::ofInt((isMax ? llvm::APInt::getSignedMinValue(width) : llvm::APInt::getSignedMaxValue(width))
                                 .getSExtValue());
}

std::optional<ScatterKind> reductionOf(NodeBuilder &node, StringRef reduce) {
  if (reduce == "sum" || reduce == "mean")
    return ScatterKind::Add;
  if (reduce == "prod")
    return ScatterKind::Mul;
  if (reduce == "amax" || reduce == "amin")
    return reduce == "amax" ? ScatterKind::Max : ScatterKind::Min;
  node.fail(node.node.target + " with reduce '" + reduce + "', expected sum, prod, mean, amax or amin");
  return std::nullopt;
}

/// Rows of `self` combined with those that are written to them; without `include_self` only what is written counts.
Value reduceRows(NodeBuilder &node, Value self, Value places, Value updates, int64_t width) {
  StringRef reduce = node.string("reduce", "");
  bool includeSelf = node.boolean("include_self", true);
  std::optional<ScatterKind> kind = node.failed() ? std::nullopt : reductionOf(node, reduce);
  if (node.failed() || !kind || node.typeOf(updates).getNumElements() == 0)
    return self;
  Type type = node.elementOf(self);
  Value start = self;
  if (!includeSelf)
    start = scatterRows(node, ScatterKind::Set, self, places,
                        node.fill(node.shapeOf(updates), type, neutralOf(*kind, type)), width);
  Value result = scatterRows(node, *kind, start, places, updates, width);
  if (reduce != "mean" || node.failed())
    return result;
  // The number of what was added together; 1 where nothing was written.
  Value counts = scatterRows(node, ScatterKind::Set, node.fill(node.shapeOf(self), type, Scalar::ofInt(1)), places,
                             node.fill(node.shapeOf(updates), type, Scalar::ofInt(includeSelf)), width);
  counts = scatterRows(node, ScatterKind::Add, counts, places, node.fill(node.shapeOf(updates), type, Scalar::ofInt(1)),
                       width);
  return node.elementwise({result, counts}, type, type, [](OpBuilder &builder, Location loc, ValueRange elements) {
    Body body{builder, loc};
    // Integers round down.
    return Body::isFloat(elements[0]) ? body.div(elements[0], elements[1])
                                      : body.make<arith::FloorDivSIOp>(elements[0], elements[1]);
  });
}

LogicalResult scatterReduce(NodeBuilder &node) {
  Scatter scatter = readScatter(node, "src");
  if (node.failed())
    return failure();
  return finish(node, reduceRows(node, scatter.self, scatter.places, scatter.updates, 1), scatter.shape);
}

/// self with values where a mask is true: the shape depends on no data if the values do not count the mask's elements.
LogicalResult putByMask(NodeBuilder &node, Value self, ArrayRef<Value> indices, Value values, bool accumulate) {
  int64_t position = llvm::find_if(indices, [](Value tensor) { return bool(tensor); }) - indices.begin();
  Value mask = indices[position];
  bool isOnly = llvm::count_if(indices, [](Value tensor) { return bool(tensor); }) == 1;
  int64_t behind = node.rankOf(self) - position - node.rankOf(mask);
  // A value that is the same for all of the mask's elements has no dimension of theirs, or one of size 1.
  if (!isOnly || behind < 0 || node.shapeOf(self).slice(position, node.rankOf(mask)) != node.shapeOf(mask) ||
      (node.rankOf(values) > behind && node.shapeOf(values)[node.rankOf(values) - behind - 1] != 1) ||
      node.rankOf(values) > behind + 1)
    return node.fail("index_put of several values by a boolean mask is not supported: which goes where depends on the "
                     "data"),
           failure();
  Shape aligned(node.shapeOf(mask)), rows(node.shapeOf(values).take_back(std::min(behind, node.rankOf(values))));
  aligned.append(behind, 1);
  mask = node.reshape(mask, aligned);
  values = node.reshape(values, rows);
  if (node.failed())
    return failure();
  Type type = node.elementOf(self);
  if (node.broadcastShape({self, mask, values}) != Shape(node.shapeOf(self)))
    return node.fail("index_put of values of shape " + node.describe(rows) + " into " +
                     node.describe(node.shapeOf(self))),
           failure();
  return node.result(node.mapElements(node.shapeOf(self), {mask, self, values}, type,
                                      [&](OpBuilder &builder, Location loc, ValueRange elements) {
                                        Body body{builder, loc};
                                        Value put = accumulate ? body.add(elements[1], elements[2]) : elements[2];
                                        return body.select(elements[0], put, elements[1]);
                                      }));
}

LogicalResult indexPut(NodeBuilder &node) {
  Value self = node.tensor("self"), values = node.tensor("values");
  SmallVector<Value> indices = node.tensors("indices");
  bool accumulate = node.boolean("accumulate", false);
  if (node.failed())
    return failure();
  auto isGiven = [](Value tensor) { return bool(tensor); };
  if (int64_t(indices.size()) > node.rankOf(self) || node.elementOf(values) != node.elementOf(self))
    return node.fail("index_put into a tensor of shape " + node.describe(node.shapeOf(self)) + " by " +
                     Twine(indices.size()) + " tensors"),
           failure();
  if (!llvm::any_of(indices, isGiven))
    return node.fail("index_put without an index"), failure();
  if (llvm::any_of(indices, [&](Value tensor) { return tensor && node.elementOf(tensor).isInteger(1); }))
    return putByMask(node, self, indices, values, accumulate);
  Selection selection = select(node, self, indices, /*fromEnd=*/true);
  if (node.failed())
    return failure();
  return node.result(scatterRows(node, accumulate ? ScatterKind::Add : ScatterKind::Set, self, selection.places,
                                 node.broadcast(values, selection.shape), selection.width));
}

/// The arguments of index_add and its kin: slices of `self` by a vector of indices, and what is written there.
struct SliceUpdate {
  Value self, updates;
  Selection selection;
  Shape shape; // of the result
};

SliceUpdate readSlices(NodeBuilder &node, StringRef source) {
  SliceUpdate update;
  update.self = node.tensor("self");
  Value index = node.tensor("index");
  Operand value = node.operand(source);
  if (node.failed())
    return update;
  update.shape.assign(node.shapeOf(update.self).begin(), node.shapeOf(update.self).end());
  int64_t dim = node.dimension("dim", node.rankOf(update.self));
  if (update.shape.empty())
    update.self = node.reshape(update.self, {1});
  if (!node.failed() && node.rankOf(index) > 1)
    node.fail(node.node.target + " by indices of shape " + node.describe(node.shapeOf(index)) + ", expected a vector");
  if (node.failed())
    return update;
  update.selection =
      selectSlices(node, update.self, dim, node.reshape(index, {node.typeOf(index).getNumElements()}), false);
  if (node.failed())
    return update;
  Type type = node.elementOf(update.self);
  if (!value.tensor)
    update.updates = node.fill(update.selection.shape, type, value.scalar);
  else if (node.rankOf(value.tensor) == 0)
    update.updates = node.broadcast(node.cast(value.tensor, type), update.selection.shape);
  else if (node.shapeOf(value.tensor) == ArrayRef<int64_t>(update.selection.shape) &&
           node.elementOf(value.tensor) == type)
    update.updates = value.tensor;
  else
    node.fail(node.node.target + " of a tensor of shape " + node.describe(node.shapeOf(value.tensor)) + ", expected " +
              node.describe(update.selection.shape));
  return update;
}

LogicalResult writeSlices(NodeBuilder &node, const SliceUpdate &update, ScatterKind kind, Value updates) {
  if (node.failed())
    return failure();
  const Selection &selection = update.selection;
  return finish(node, scatterRows(node, kind, update.self, selection.places, updates, selection.width), update.shape);
}

LogicalResult indexAdd(NodeBuilder &node) {
  SliceUpdate update = readSlices(node, "source");
  Scalar alpha = node.scalar("alpha", Scalar::ofInt(1));
  if (node.failed())
    return failure();
  Type type = node.elementOf(update.self);
  if (alpha.real != 1)
    update.updates = node.elementwise({update.updates, alpha}, type, type,
                                      [](OpBuilder &builder, Location loc, ValueRange elements) {
                                        return Body{builder, loc}.mul(elements[0], elements[1]);
                                      });
  return writeSlices(node, update, ScatterKind::Add, update.updates);
}

LogicalResult indexCopy(NodeBuilder &node) {
  SliceUpdate update = readSlices(node, "source");
  return writeSlices(node, update, ScatterKind::Set, update.updates);
}

LogicalResult indexFill(NodeBuilder &node) {
  SliceUpdate update = readSlices(node, "value");
  return writeSlices(node, update, ScatterKind::Set, update.updates);
}

LogicalResult indexReduce(NodeBuilder &node) {
  SliceUpdate update = readSlices(node, "source");
  if (node.failed())
    return failure();
  const Selection &selection = update.selection;
  return finish(node, reduceRows(node, update.self, selection.places, update.updates, selection.width), update.shape);
}

/// Elements of the flat tensor.
LogicalResult put(NodeBuilder &node) {
  Value self = node.tensor("self"), index = node.tensor("index"), source = node.tensor("source");
  bool accumulate = node.boolean("accumulate", false);
  if (node.failed())
    return failure();
  if (node.typeOf(index).getNumElements() != node.typeOf(source).getNumElements() ||
      node.elementOf(source) != node.elementOf(self))
    return node.fail("put of " + node.describe(node.shapeOf(source)) + " by indices of shape " +
                     node.describe(node.shapeOf(index))),
           failure();
  Value places = checkedIndex(node, index, node.typeOf(self).getNumElements(), /*fromEnd=*/true);
  return node.result(scatterRows(node, accumulate ? ScatterKind::Add : ScatterKind::Set, self, places, source, 1));
}

} // namespace

void registerScatterOperators(OperatorTable &table) {
  table.add({"aten.scatter.src", "aten.scatter.reduce"}, scatter</*isNumber=*/false>);
  table.add({"aten.scatter.value", "aten.scatter.value_reduce"}, scatter</*isNumber=*/true>);
  table.add("aten.scatter_add.default", scatterAdd);
  table.add("aten.scatter_reduce.two", scatterReduce);
  table.add({"aten.index_put.default", "aten._unsafe_index_put.default"}, indexPut);
  table.add("aten.index_add.default", indexAdd);
  table.add("aten.index_copy.default", indexCopy);
  table.add({"aten.index_fill.int_Scalar", "aten.index_fill.int_Tensor"}, indexFill);
  table.add("aten.index_reduce.default", indexReduce);
  table.add("aten.put.default", put);
}

} // namespace raddle::import
