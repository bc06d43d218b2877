#include "Rows.h"
#include "Body.h"

using namespace mlir;

namespace raddle::import {

bool isIndexType(Type type) { return isa<IntegerType>(type) && !type.isInteger(1); }

Value checkedIndex(NodeBuilder &node, Value indices, int64_t size, bool fromEnd, std::optional<int64_t> ignored) {
  if (node.failed())
    return nullptr;
  if (!isIndexType(node.elementOf(indices)))
    return node.fail("an index of " + node.node.target + " is no tensor of integers");
  if (node.typeOf(indices).getNumElements() == 0)
    return node.cast(indices, node.builder.getI64Type());
  if (size < 1)
    return node.fail("index into a dimension of size 0");
  StringRef target = node.node.target;
  target.consume_front("torch.ops.");
  RankedTensorType type = node.tensorType(node.shapeOf(indices), node.builder.getI64Type());
  return nn::CheckedIndexOp::create(node.builder, node.loc, type, indices, node.builder.getI64IntegerAttr(size),
                                    node.builder.getStringAttr("index of " + target.rsplit('.').first),
                                    fromEnd ? node.builder.getUnitAttr() : UnitAttr(),
                                    ignored ? node.builder.getI64IntegerAttr(*ignored) : IntegerAttr());
}

Value buildPlaces(NodeBuilder &node, ArrayRef<int64_t> shape, ArrayRef<Value> tensors, PlaceFn fn) {
  if (node.failed())
    return nullptr;
  Type type = node.builder.getI64Type();
  return node.mapElements(shape, tensors, type, [&](OpBuilder &builder, Location loc, ValueRange elements) {
    Body body{builder, loc};
    SmallVector<Value> coordinates;
    for (size_t dim = 0; dim < shape.size(); ++dim)
      coordinates.push_back(body.make<arith::IndexCastOp>(type, Value(linalg::IndexOp::create(builder, loc, dim))));
    return fn(body, coordinates, elements);
  });
}

Value linearise(const Body &body, ArrayRef<Value> coordinates, ArrayRef<int64_t> strides) {
  Type type = body.builder.getI64Type();
  Value sum;
  for (auto [coordinate, stride] : llvm::zip_equal(coordinates, strides)) {
    Value term = stride == 1 ? coordinate : body.mul(coordinate, body.constant(type, Scalar::ofInt(stride)));
    sum = sum ? body.add(sum, term) : term;
  }
  return sum ? sum : body.constant(type, Scalar::ofInt(0));
}

Shape rowMajorStrides(ArrayRef<int64_t> shape) {
  Shape strides(shape.size(), 1);
  for (size_t dim = shape.size(); dim-- > 1;)
    strides[dim - 1] = strides[dim] * shape[dim];
  return strides;
}

Value gatherRows(NodeBuilder &node, Value self, Value places, int64_t width, ArrayRef<int64_t> result) {
  if (node.failed())
    return nullptr;
  RankedTensorType type = node.tensorType(result, node.elementOf(self));
  if (!type)
    return nullptr;
  if (type.getNumElements() == 0)
    return node.fill(result, type.getElementType(), Scalar::ofInt(0));
  Value table = node.reshape(self, {node.typeOf(self).getNumElements() / width, width});
  Shape shape(node.shapeOf(places));
  shape.push_back(width);
  RankedTensorType rows = node.tensorType(shape, type.getElementType());
  if (!rows || !table)
    return nullptr;
  return node.reshape(nn::GatherRowsOp::create(node.builder, node.loc, rows, table, places), result);
}

Value scatterRows(NodeBuilder &node, nn::ScatterKind kind, Value self, Value places, Value updates, int64_t width) {
  if (node.failed())
    return nullptr;
  if (node.typeOf(updates).getNumElements() == 0)
    return self;
  Shape shape(node.shapeOf(self));
  int64_t count = node.typeOf(places).getNumElements();
  Value target = node.reshape(self, {node.typeOf(self).getNumElements() / width, width});
  Value rows = node.reshape(updates, {count, width}), indices = node.reshape(places, {count});
  if (node.failed())
    return nullptr;
  return node.reshape(nn::ScatterRowsOp::create(node.builder, node.loc, target.getType(), kind, rows, target, indices),
                      shape);
}

Selection select(NodeBuilder &node, Value self, ArrayRef<Value> indices, bool fromEnd) {
  Selection selection;
  if (node.failed())
    return selection;
  int64_t rank = node.rankOf(self), last = -1, first = -1;
  SmallVector<Value> given;
  for (auto [dim, tensor] : llvm::enumerate(indices)) {
    if (!tensor)
      continue;
    given.push_back(checkedIndex(node, tensor, node.shapeOf(self)[dim], fromEnd));
    last = dim;
    first = first < 0 ? last : first;
  }
  if (node.failed())
    return selection;
  Shape common = node.broadcastShape(SmallVector<Operand>(given.begin(), given.end()));
  if (node.failed())
    return selection;

  // Coordinates of a whole dimension are those of a loop; of an indexed one, the index tensor's next element.
  bool neighbours = last - first + 1 == int64_t(given.size());
  int64_t front = neighbours ? first : 0;
  Shape outer(node.shapeOf(self).take_front(front));
  SmallVector<int64_t> loopOf(last + 1, -1);
  std::iota(loopOf.begin(), loopOf.begin() + front, 0);
  llvm::append_range(outer, common);
  for (int64_t dim = front; dim <= last; ++dim) {
    if (indices[dim])
      continue;
    loopOf[dim] = outer.size();
    outer.push_back(node.shapeOf(self)[dim]);
  }
  // Trailing unit dimensions align the index tensors with the place of their common shape.
  for (Value &tensor : given) {
    Shape padded(node.shapeOf(tensor));
    padded.append(outer.size() - front - common.size(), 1);
    tensor = node.reshape(tensor, padded);
  }
  Shape leading(node.shapeOf(self).take_front(last + 1)), strides = rowMajorStrides(leading);
  auto place = [&](const Body &body, ArrayRef<Value> loops, ValueRange elements) {
    SmallVector<Value> coordinates;
    size_t next = 0;
    for (int64_t loop : loopOf)
      coordinates.push_back(loop < 0 ? elements[next++] : loops[loop]);
    return linearise(body, coordinates, strides);
  };
  selection.shape = outer;
  for (int64_t dim = last + 1; dim < rank; ++dim) {
    selection.width *= node.shapeOf(self)[dim];
    selection.shape.push_back(node.shapeOf(self)[dim]);
  }
  selection.places = buildPlaces(node, outer, given, place);
  return selection;
}

Selection selectSlices(NodeBuilder &node, Value self, int64_t dim, Value index, bool fromEnd) {
  SmallVector<Value> indices(dim + 1);
  indices.back() = index;
  return select(node, self, indices, fromEnd);
}

/// Places of single elements by positions that are in range.
static Value placesOf(NodeBuilder &node, Value self, Value positions, int64_t dim) {
  if (node.failed())
    return nullptr;
  Shape strides = rowMajorStrides(node.shapeOf(self));
  return buildPlaces(node, Shape(node.shapeOf(positions)), {positions},
                     [&](const Body &body, ArrayRef<Value> loops, ValueRange elements) {
                       SmallVector<Value> coordinates(loops);
                       coordinates[dim] = elements[0];
                       return linearise(body, coordinates, strides);
                     });
}

Value elementsAt(NodeBuilder &node, Value self, Value positions, int64_t dim) {
  Value places = placesOf(node, self, positions, dim);
  return node.failed() ? nullptr : gatherRows(node, self, places, 1, Shape(node.shapeOf(positions)));
}

Value placesOfDiagonal(NodeBuilder &node, ArrayRef<int64_t> shape, int64_t offset, int64_t first, int64_t second,
                       Shape &diagonal) {
  if (node.failed())
    return nullptr;
  int64_t rank = shape.size();
  if (rank < 2 || first == second)
    return node.fail(node.node.target + " of dimensions " + Twine(first) + " and " + Twine(second) +
                     " of a tensor of shape " + node.describe(shape));
  // Beyond the tensor there is nothing, however far.
  offset = std::clamp(offset, -shape[first], shape[second]);
  int64_t rowStart = offset < 0 ? -offset : 0, columnStart = offset < 0 ? 0 : offset;
  Shape all = rowMajorStrides(shape), strides;
  for (int64_t dim = 0; dim < rank; ++dim) {
    if (dim == first || dim == second)
      continue;
    diagonal.push_back(shape[dim]);
    strides.push_back(all[dim]);
  }
  diagonal.push_back(std::max<int64_t>(0, std::min(shape[first] - rowStart, shape[second] - columnStart)));
  strides.push_back(all[first] + all[second]);
  int64_t start = rowStart * all[first] + columnStart * all[second];
  return buildPlaces(node, diagonal, {}, [&](const Body &body, ArrayRef<Value> loops, ValueRange) {
    return body.add(linearise(body, loops, strides), body.constant(body.builder.getI64Type(), Scalar::ofInt(start)));
  });
}

Value placesAlong(NodeBuilder &node, Value self, Value index, int64_t dim) {
  if (node.failed())
    return nullptr;
  ArrayRef<int64_t> from = node.shapeOf(self), shape = node.shapeOf(index);
  bool fits = shape.size() == from.size();
  for (size_t i = 0; fits && i < shape.size(); ++i)
    fits = int64_t(i) == dim || shape[i] <= from[i];
  if (!fits)
    return node.fail(node.node.target + " on a tensor of shape " + node.describe(from) + " by indices of shape " +
                     node.describe(shape));
  return placesOf(node, self, checkedIndex(node, index, from[dim], /*fromEnd=*/false), dim);
}

} // namespace raddle::import
