// Operators that read elements by index.
#include "Body.h"
#include "Operators.h"
#include "Rows.h"

using namespace mlir;

namespace raddle::import {

namespace {

LogicalResult embedding(NodeBuilder &node) {
  Value weight = node.tensor("weight"), indices = node.tensor("indices");
  int64_t padding = node.integer("padding_idx", -1);
  if (node.failed())
    return failure();
  if (node.rankOf(weight) != 2 || !isa<FloatType>(node.elementOf(weight)) || !isIndexType(node.elementOf(indices)))
    return node.fail("embedding of a table of shape " + node.describe(node.shapeOf(weight)) +
                     ": expected a floating-point matrix and integer indices"),
           failure();
  int64_t rows = node.shapeOf(weight)[0];
  // By the schema −1 is none; the module itself counts other negative numbers from the end.
  IntegerAttr paddingAttr;
  if (padding != -1) {
    int64_t row = padding < 0 ? padding + rows : padding;
    if (row < 0 || row >= rows)
      return node.fail("embedding with padding_idx " + Twine(padding) + " of a table of " + Twine(rows) + " rows"),
             failure();
    paddingAttr = node.builder.getI64IntegerAttr(row);
  }
  Shape shape(node.shapeOf(indices));
  shape.push_back(node.shapeOf(weight)[1]);
  RankedTensorType type = node.tensorType(shape, node.elementOf(weight));
  if (!type)
    return failure();
  return node.result(nn::EmbeddingOp::create(node.builder, node.loc, type, weight, indices, paddingAttr).getOut());
}

/// self[i0, :, i2, …].
LogicalResult index(NodeBuilder &node) {
  Value self = node.tensor("self");
  SmallVector<Value> indices = node.tensors("indices");
  if (node.failed())
    return failure();
  if (int64_t(indices.size()) > node.rankOf(self))
    return node.fail("index of a tensor of rank " + Twine(node.rankOf(self)) + " by " + Twine(indices.size()) +
                     " tensors"),
           failure();
  if (!llvm::any_of(indices, [](Value tensor) { return bool(tensor); }))
    return node.result(self);
  for (Value tensor : indices)
    if (tensor && node.elementOf(tensor).isInteger(1))
      return node.fail("index by a boolean mask is not supported: its result's shape depends on the data"), failure();
  Selection selection = select(node, self, indices, /*fromEnd=*/true);
  return node.result(gatherRows(node, self, selection.places, selection.width, selection.shape));
}

/// out[i, j, …] = self[index[i, j, …], j, …] for dimension 0, and so on.
LogicalResult gather(NodeBuilder &node) {
  Value self = node.tensor("self"), index = node.tensor("index");
  if (node.failed())
    return failure();
  int64_t dim = node.dimension("dim", node.rankOf(self));
  if (node.failed())
    return failure();
  Shape shape(node.shapeOf(index));
  // A tensor without dimensions counts as a vector of one element.
  if (node.rankOf(self) == 0)
    self = node.reshape(self, {1});
  if (shape.empty())
    index = node.reshape(index, {1});
  return node.result(gatherRows(node, self, placesAlong(node, self, index, dim), 1, shape));
}

LogicalResult indexSelect(NodeBuilder &node) {
  Value self = node.tensor("self"), index = node.tensor("index");
  if (node.failed())
    return failure();
  int64_t rank = node.rankOf(self), dim = node.dimension("dim", rank);
  if (node.failed())
    return failure();
  if (node.rankOf(index) > 1)
    return node.fail("index_select from " + node.describe(node.shapeOf(self)) + " by indices of shape " +
                     node.describe(node.shapeOf(index))),
           failure();
  Shape shape(node.shapeOf(self));
  if (rank == 0)
    self = node.reshape(self, {1});
  Selection selection = selectSlices(node, self, dim, node.reshape(index, {node.typeOf(index).getNumElements()}),
                                     /*fromEnd=*/false);
  return node.result(gatherRows(node, self, selection.places, selection.width, rank ? selection.shape : shape));
}

/// gather, with the other dimensions of both tensors stretched to each other's sizes.
LogicalResult takeAlongDim(NodeBuilder &node) {
  Value self = node.tensor("self"), index = node.tensor("indices");
  if (node.failed())
    return failure();
  if (!node.has("dim")) {
    self = node.reshape(self, {node.typeOf(self).getNumElements()});
    index = node.reshape(index, {node.typeOf(index).getNumElements()});
  }
  int64_t dim = node.dimension("dim", node.rankOf(self), 0);
  if (node.failed())
    return failure();
  Shape from(node.shapeOf(self)), shape(node.shapeOf(index));
  if (from.empty() || from.size() != shape.size())
    return node.fail("take_along_dim from " + node.describe(from) + " by indices of shape " + node.describe(shape)),
           failure();
  for (int64_t i = 0; i < int64_t(from.size()); ++i)
    if (i != dim && (from[i] == 1 || shape[i] == 1))
      from[i] = shape[i] = from[i] * shape[i];
  self = node.broadcast(self, from);
  index = node.broadcast(index, shape);
  return node.result(gatherRows(node, self, placesAlong(node, self, index, dim), 1, shape));
}

/// Elements of the flat tensor.
LogicalResult take(NodeBuilder &node) {
  Value self = node.tensor("self"), index = node.tensor("index");
  if (node.failed())
    return failure();
  Value places = checkedIndex(node, index, node.typeOf(self).getNumElements(), /*fromEnd=*/true);
  return node.result(gatherRows(node, self, places, 1, Shape(node.shapeOf(index))));
}

/// A row of zeros with a one at the class.
LogicalResult oneHot(NodeBuilder &node) {
  Value self = node.tensor("self");
  int64_t classes = node.integer("num_classes", -1);
  if (node.failed())
    return failure();
  if (classes < 1)
    return node.fail("one_hot without num_classes is not supported: its result's shape depends on the data"), failure();
  Value checked = checkedIndex(node, self, classes, /*fromEnd=*/false);
  if (node.failed())
    return failure();
  Shape shape(node.shapeOf(self));
  Value column = node.insertUnitDim(checked, shape.size());
  shape.push_back(classes);
  return node.result(
      buildPlaces(node, shape, {column}, [&](const Body &body, ArrayRef<Value> loops, ValueRange elements) {
        Value isClass = body.compare(Body::Compare::Equal, loops.back(), elements[0]);
        return convertScalar(body.builder, body.loc, isClass, body.builder.getI64Type());
      }));
}

} // namespace

void registerIndexingOperators(OperatorTable &table) {
  table.add("aten.embedding.default", embedding);
  table.add({"aten.index.Tensor", "aten._unsafe_index.Tensor"}, index);
  table.add("aten.gather.default", gather);
  table.add("aten.index_select.default", indexSelect);
  table.add("aten.take.default", take);
  table.add("aten.take_along_dim.default", takeAlongDim);
  table.add("aten.one_hot.default", oneHot);
}

} // namespace raddle::import
