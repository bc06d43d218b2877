#include "Body.h"
#include "Operators.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "raddle/Dialect/NN/IR/NNOps.h"

using namespace mlir;

namespace raddle::import {

namespace {

bool isIndexType(Type type) { return isa<IntegerType>(type) && !type.isInteger(1); }

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

/// An index of a dimension of `size` elements: from the end where negative. What is out of range moves to the nearest
/// element, so that the read stays in bounds whatever the data.
Value indexWithin(OpBuilder &builder, Location loc, Value index, int64_t size) {
  Body body{builder, loc};
  Type type = builder.getI64Type();
  index = convertScalar(builder, loc, index, type);
  auto number = [&](int64_t value) { return body.constant(type, Scalar::ofInt(value)); };
  Value negative = body.compare(Body::Compare::Less, index, number(0));
  index = body.select(negative, body.add(index, number(size)), index);
  index = body.min(body.max(index, number(0)), number(size - 1));
  return arith::IndexCastOp::create(builder, loc, builder.getIndexType(), index);
}

/// self[i0, :, i2, …]: the index tensors broadcast together. Their dimensions stand where the first of them stood if
/// all are neighbours, otherwise in front.
LogicalResult index(NodeBuilder &node) {
  Value self = node.tensor("self");
  SmallVector<Value> indices = node.tensors("indices");
  if (node.failed())
    return failure();
  int64_t rank = node.rankOf(self);
  if (int64_t(indices.size()) > rank)
    return node.fail("index of a tensor of rank " + Twine(rank) + " by " + Twine(indices.size()) + " tensors"),
           failure();
  indices.resize(rank);
  SmallVector<Value> given;
  SmallVector<int64_t> positions;
  for (auto [dim, tensor] : llvm::enumerate(indices)) {
    if (!tensor)
      continue;
    if (!isIndexType(node.elementOf(tensor)))
      return node.fail("index by a boolean mask is not supported: its result's shape depends on the data"), failure();
    if (node.shapeOf(self)[dim] == 0)
      return node.fail("index into a dimension of size 0"), failure();
    given.push_back(tensor);
    positions.push_back(dim);
  }
  if (given.empty())
    return node.result(self);
  Shape common = node.broadcastShape(SmallVector<Operand>(given.begin(), given.end()));
  if (node.failed())
    return failure();

  bool neighbours = positions.back() - positions.front() + 1 == int64_t(positions.size());
  int64_t front = neighbours ? positions.front() : 0;
  Shape shape;
  SmallVector<int64_t> loopOf(rank, 0); // the result's dimension that runs over a dimension taken whole
  for (int64_t dim = 0, taken = 0; dim <= rank; ++dim) {
    if (taken == front && int64_t(shape.size()) == taken)
      llvm::append_range(shape, common);
    if (dim == rank || indices[dim])
      continue;
    loopOf[dim] = shape.size();
    shape.push_back(node.shapeOf(self)[dim]);
    ++taken;
  }
  // Trailing unit dimensions align the index tensors with the place of their common shape.
  int64_t behind = int64_t(shape.size()) - front - int64_t(common.size());
  for (Value &tensor : given) {
    Shape padded(node.shapeOf(tensor));
    padded.append(behind, 1);
    tensor = node.reshape(tensor, padded);
  }
  if (node.failed())
    return failure();
  Shape selfShape(node.shapeOf(self));
  return node.result(
      node.mapElements(shape, given, node.elementOf(self), [&](OpBuilder &builder, Location loc, ValueRange elements) {
        SmallVector<Value> coordinates;
        size_t next = 0;
        for (int64_t dim = 0; dim < rank; ++dim) {
          if (indices[dim])
            coordinates.push_back(indexWithin(builder, loc, elements[next++], selfShape[dim]));
          else
            coordinates.push_back(linalg::IndexOp::create(builder, loc, loopOf[dim]));
        }
        return tensor::ExtractOp::create(builder, loc, self, coordinates).getResult();
      }));
}

/// Reads self at the loop's position, with dimension `dim` from an index tensor that `map` spreads over the result.
Value readAlong(NodeBuilder &node, Value self, Value index, int64_t dim, ArrayRef<int64_t> shape) {
  int64_t size = node.shapeOf(self)[dim], rank = node.rankOf(self);
  return node.mapElements(shape, {index}, node.elementOf(self),
                          [&](OpBuilder &builder, Location loc, ValueRange elements) {
                            SmallVector<Value> coordinates;
                            for (int64_t i = 0; i < rank; ++i) {
                              if (i == dim)
                                coordinates.push_back(indexWithin(builder, loc, elements[0], size));
                              else
                                coordinates.push_back(linalg::IndexOp::create(builder, loc, i));
                            }
                            return tensor::ExtractOp::create(builder, loc, self, coordinates).getResult();
                          });
}

/// out[i, j, …] = self[index[i, j, …], j, …] for dimension 0, and so on.
LogicalResult gather(NodeBuilder &node) {
  Value self = node.tensor("self"), index = node.tensor("index");
  if (node.failed())
    return failure();
  int64_t rank = node.rankOf(self), dim = node.dimension("dim", rank);
  bool fits = !node.failed() && rank > 0 && node.rankOf(index) == rank && isIndexType(node.elementOf(index));
  for (int64_t i = 0; fits && i < rank; ++i)
    fits = i == dim ? node.shapeOf(self)[i] > 0 : node.shapeOf(index)[i] <= node.shapeOf(self)[i];
  if (!fits)
    return node.fail("gather from " + node.describe(node.shapeOf(self)) + " by indices of shape " +
                     node.describe(node.shapeOf(index))),
           failure();
  return node.result(readAlong(node, self, index, dim, Shape(node.shapeOf(index))));
}

LogicalResult indexSelect(NodeBuilder &node) {
  Value self = node.tensor("self"), index = node.tensor("index");
  if (node.failed())
    return failure();
  int64_t rank = node.rankOf(self), dim = node.dimension("dim", rank);
  if (node.failed() || rank == 0 || node.rankOf(index) != 1 || !isIndexType(node.elementOf(index)) ||
      node.shapeOf(self)[dim] == 0)
    return node.fail("index_select from " + node.describe(node.shapeOf(self)) + " by indices of shape " +
                     node.describe(node.shapeOf(index))),
           failure();
  Shape shape(node.shapeOf(self)), aligned(rank - dim, 1);
  shape[dim] = aligned[0] = node.shapeOf(index)[0];
  return node.result(readAlong(node, self, node.reshape(index, aligned), dim, shape));
}

} // namespace

void registerIndexingOperators(OperatorTable &table) {
  table.add("aten.embedding.default", embedding);
  table.add("aten.index.Tensor", index);
  table.add("aten.gather.default", gather);
  table.add("aten.index_select.default", indexSelect);
}

} // namespace raddle::import
