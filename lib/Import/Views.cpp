// Operators that look at elements in another arrangement, and those that write through such a view.
#include "Body.h"
#include "Operators.h"
#include "Rows.h"

using namespace mlir;

namespace raddle::import {

namespace {

/// Places of the elements that a view of sizes, strides and an offset shows; checked against the number of elements.
Value stridedPlaces(NodeBuilder &node, Value self, Shape &sizes) {
  SmallVector<int64_t> strides = node.integers("stride");
  llvm::append_range(sizes, node.integers("size"));
  int64_t offset = node.integer("storage_offset", 0);
  if (node.failed())
    return nullptr;
  if (!node.isRowMajor("self"))
    return node.fail(node.node.target + " of a tensor that is no whole in row-major order");
  int64_t last = offset;
  bool isEmpty = llvm::is_contained(sizes, 0), fits = sizes.size() == strides.size() && offset >= 0;
  for (size_t dim = 0; fits && dim < sizes.size(); ++dim) {
    int64_t reach;
    fits =
        sizes[dim] >= 0 && strides[dim] >= 0 &&
        (isEmpty || (!llvm::MulOverflow(sizes[dim] - 1, strides[dim], reach) && !llvm::AddOverflow(last, reach, last)));
  }
  if (!fits || (!isEmpty && last >= node.typeOf(self).getNumElements()))
    return node.fail(node.node.target + " with sizes " + node.describe(sizes) + ", strides " + node.describe(strides) +
                     " and offset " + Twine(offset) + " of a tensor of shape " + node.describe(node.shapeOf(self)));
  return buildPlaces(node, sizes, {}, [&](const Body &body, ArrayRef<Value> loops, ValueRange) {
    return body.add(linearise(body, loops, strides), body.constant(body.builder.getI64Type(), Scalar::ofInt(offset)));
  });
}

LogicalResult asStrided(NodeBuilder &node) {
  Value self = node.tensor("self");
  Shape sizes;
  Value places = node.failed() ? nullptr : stridedPlaces(node, self, sizes);
  return node.result(gatherRows(node, self, places, 1, sizes));
}

/// `self` with `src`, which has the shape of the places, at the places.
LogicalResult writeAt(NodeBuilder &node, Value self, Value places, ArrayRef<int64_t> shape) {
  Value src = node.tensor("src");
  if (node.failed())
    return failure();
  if (node.shapeOf(src) != shape || node.elementOf(src) != node.elementOf(self))
    return node.fail(node.node.target + " of a tensor of shape " + node.describe(node.shapeOf(src)) + ", expected " +
                     node.describe(shape)),
           failure();
  return node.result(scatterRows(node, nn::ScatterKind::Set, self, places, src, 1));
}

LogicalResult asStridedScatter(NodeBuilder &node) {
  Value self = node.tensor("self");
  Shape sizes;
  Value places = node.failed() ? nullptr : stridedPlaces(node, self, sizes);
  return writeAt(node, self, places, sizes);
}

Value readDiagonal(NodeBuilder &node, Value self, Shape &shape) {
  int64_t rank = node.failed() ? 0 : node.rankOf(self), offset = node.integer("offset", 0);
  int64_t first = node.dimension("dim1", rank, 0), second = node.dimension("dim2", rank, 1);
  return node.failed() ? nullptr : placesOfDiagonal(node, node.shapeOf(self), offset, first, second, shape);
}

LogicalResult diagonal(NodeBuilder &node) {
  Value self = node.tensor("self");
  Shape shape;
  Value places = readDiagonal(node, self, shape);
  return node.result(gatherRows(node, self, places, 1, shape));
}

LogicalResult diagonalScatter(NodeBuilder &node) {
  Value self = node.tensor("self");
  Shape shape;
  Value places = readDiagonal(node, self, shape);
  return node.failed() ? failure() : writeAt(node, self, places, shape);
}

/// Zeros with the last dimension of `self` on the diagonal of two new ones.
Value embedDiagonal(NodeBuilder &node, Value self, int64_t offset, int64_t first, int64_t second) {
  if (node.failed())
    return nullptr;
  int64_t size, last = node.shapeOf(self).back();
  if (offset == INT64_MIN || llvm::AddOverflow(last, std::abs(offset), size))
    return node.fail(node.node.target + " with offset " + Twine(offset));
  Shape shape(node.shapeOf(self).drop_back()), diagonal;
  for (int64_t dim : {std::min(first, second), std::max(first, second)})
    shape.insert(shape.begin() + std::min<int64_t>(dim, shape.size()), size);
  Value zeros = node.fill(shape, node.elementOf(self), Scalar::ofInt(0));
  Value places = node.failed() ? nullptr : placesOfDiagonal(node, shape, offset, first, second, diagonal);
  return scatterRows(node, nn::ScatterKind::Set, zeros, places, self, 1);
}

LogicalResult diagEmbed(NodeBuilder &node) {
  Value self = node.tensor("self");
  int64_t offset = node.integer("offset", 0);
  if (node.failed())
    return failure();
  if (node.rankOf(self) == 0)
    return node.fail("diag_embed of a tensor without dimensions"), failure();
  int64_t rank = node.rankOf(self) + 1, first = node.dimension("dim1", rank, -2),
          second = node.dimension("dim2", rank, -1);
  return node.result(embedDiagonal(node, self, offset, first, second));
}

/// The diagonal of a matrix, or the matrix of a diagonal.
LogicalResult diag(NodeBuilder &node) {
  Value self = node.tensor("self");
  int64_t offset = node.integer("diagonal", 0);
  if (node.failed())
    return failure();
  if (node.rankOf(self) == 1)
    return node.result(embedDiagonal(node, self, offset, 0, 1));
  if (node.rankOf(self) != 2)
    return node.fail("diag of a tensor of rank " + Twine(node.rankOf(self)) + ", expected 1 or 2"), failure();
  Shape shape;
  Value places = placesOfDiagonal(node, node.shapeOf(self), offset, 0, 1, shape);
  return node.result(gatherRows(node, self, places, 1, shape));
}

/// Windows of `size` elements, `step` apart, along a dimension; the elements of a window become the last dimension.
LogicalResult unfold(NodeBuilder &node) {
  Value self = node.tensor("self");
  if (node.failed())
    return failure();
  Shape from(node.shapeOf(self));
  int64_t dim = node.dimension("dimension", from.size()), size = node.integer("size"), step = node.integer("step");
  if (node.failed())
    return failure();
  if (from.empty() || step < 1 || size < 0 || size > from[dim])
    return node.fail("unfold of a tensor of shape " + node.describe(from) + " by windows of " + Twine(size) +
                     " elements, " + Twine(step) + " apart"),
           failure();
  Shape shape(from), strides = rowMajorStrides(from);
  shape[dim] = (from[dim] - size) / step + 1;
  shape.push_back(size);
  strides.push_back(strides[dim]);
  strides[dim] *= step;
  Value places = buildPlaces(node, shape, {}, [&](const Body &body, ArrayRef<Value> loops, ValueRange) {
    return linearise(body, loops, strides);
  });
  return node.result(gatherRows(node, self, places, 1, shape));
}

Value flipDimensions(NodeBuilder &node, Value self, ArrayRef<int64_t> dims) {
  if (node.failed() || dims.empty())
    return node.failed() ? nullptr : self;
  Shape shape(node.shapeOf(self)), leading(ArrayRef(shape).take_front(*llvm::max_element(dims) + 1));
  Shape strides = rowMajorStrides(leading);
  Value places = buildPlaces(node, leading, {}, [&](const Body &body, ArrayRef<Value> loops, ValueRange) {
    SmallVector<Value> coordinates(loops);
    for (int64_t dim : dims) {
      Value last = body.constant(body.builder.getI64Type(), Scalar::ofInt(shape[dim] - 1));
      coordinates[dim] = body.sub(last, loops[dim]);
    }
    return linearise(body, coordinates, strides);
  });
  int64_t width = ShapedType::getNumElements(ArrayRef(shape).drop_front(leading.size()));
  return gatherRows(node, self, places, width, shape);
}

LogicalResult flip(NodeBuilder &node) {
  Value self = node.tensor("self");
  SmallVector<int64_t> dims = node.integers("dims");
  if (node.failed())
    return failure();
  for (int64_t &dim : dims)
    dim = node.wrapDimension(dim, node.rankOf(self));
  if (node.rankOf(self) == 0)
    dims.clear();
  return node.result(flipDimensions(node, self, dims));
}

template <int64_t dim> LogicalResult flipOne(NodeBuilder &node) {
  Value self = node.tensor("self");
  if (node.failed())
    return failure();
  if (node.rankOf(self) <= dim)
    return node.fail(node.node.target + " of a tensor of rank " + Twine(node.rankOf(self))), failure();
  return node.result(flipDimensions(node, self, {dim}));
}

/// Quarter turns in the plane of two dimensions.
LogicalResult rotate(NodeBuilder &node) {
  Value self = node.tensor("self");
  int64_t turns = node.integer("k", 1);
  SmallVector<int64_t> dims = node.has("dims") ? node.integers("dims") : SmallVector<int64_t>{0, 1};
  if (node.failed())
    return failure();
  for (int64_t &dim : dims)
    dim = node.wrapDimension(dim, node.rankOf(self));
  if (!node.failed() && (dims.size() != 2 || dims[0] == dims[1] || node.rankOf(self) < 2))
    node.fail("rot90 in the plane of dimensions " + node.describe(dims));
  if (node.failed())
    return failure();
  turns = ((turns % 4) + 4) % 4;
  if (turns == 2)
    return node.result(flipDimensions(node, self, dims));
  if (turns == 0)
    return node.result(self);
  SmallVector<int64_t> permutation = llvm::to_vector(llvm::seq<int64_t>(0, node.rankOf(self)));
  std::swap(permutation[dims[0]], permutation[dims[1]]);
  return node.result(node.transpose(flipDimensions(node, self, dims[turns == 1 ? 1 : 0]), permutation));
}

/// Elements move on, those that leave at the end come in at the start.
LogicalResult roll(NodeBuilder &node) {
  Value self = node.tensor("self");
  SmallVector<int64_t> shifts = node.integers("shifts"), dims = node.integers("dims");
  if (node.failed())
    return failure();
  Shape shape(node.shapeOf(self));
  if (dims.empty() && shifts.size() == 1) {
    self = node.reshape(self, {node.typeOf(self).getNumElements()});
    dims.push_back(0);
  }
  if (shifts.size() != dims.size())
    return node.fail("roll by " + Twine(shifts.size()) + " shifts of " + Twine(dims.size()) + " dimensions"), failure();
  for (auto [shift, given] : llvm::zip(shifts, dims)) {
    int64_t dim = node.wrapDimension(given, node.rankOf(self));
    if (node.failed())
      return failure();
    int64_t size = node.rankOf(self) ? node.shapeOf(self)[dim] : 0;
    if (size < 2)
      continue;
    int64_t first = ((-(shift % size)) % size + size) % size; // the element that comes to the start
    if (first != 0)
      self = node.concat({node.slice(self, dim, first, size - first), node.slice(self, dim, 0, first)}, dim);
  }
  return node.failed() ? failure() : node.result(node.reshape(self, shape));
}

/// `self` with `part` from position `start` of a dimension on.
LogicalResult replace(NodeBuilder &node, Value self, Value part, int64_t dim, int64_t start) {
  if (node.failed())
    return failure();
  int64_t size = node.shapeOf(self)[dim], end = start + node.shapeOf(part)[dim];
  Value before = node.slice(self, dim, 0, start), after = node.slice(self, dim, end, size - end);
  return node.failed() ? failure() : node.result(node.concat({before, part, after}, dim));
}

LogicalResult selectScatter(NodeBuilder &node) {
  Value self = node.tensor("self"), src = node.tensor("src");
  if (node.failed())
    return failure();
  int64_t dim = node.dimension("dim", node.rankOf(self)), index = node.integer("index");
  if (node.failed())
    return failure();
  int64_t size = node.rankOf(self) ? node.shapeOf(self)[dim] : 0;
  if (index < -size || index >= size || node.rankOf(src) + 1 != node.rankOf(self))
    return node.fail("select_scatter of " + node.describe(node.shapeOf(src)) + " at index " + Twine(index) + " of " +
                     node.describe(node.shapeOf(self))),
           failure();
  return replace(node, self, node.insertUnitDim(src, dim), dim, index < 0 ? index + size : index);
}

LogicalResult sliceScatter(NodeBuilder &node) {
  Value self = node.tensor("self"), src = node.tensor("src");
  if (node.failed())
    return failure();
  int64_t dim = node.dimension("dim", node.rankOf(self), 0), step = node.integer("step", 1);
  if (node.failed())
    return failure();
  if (node.rankOf(self) == 0 || step < 1)
    return node.fail("slice_scatter into a tensor of rank " + Twine(node.rankOf(self)) + " with step " + Twine(step)),
           failure();
  Shape shape(node.shapeOf(self));
  auto clip = [&](StringRef name, int64_t absent) {
    int64_t position = node.integer(name, absent);
    return std::clamp<int64_t>(position < 0 ? position + shape[dim] : position, 0, shape[dim]);
  };
  int64_t start = clip("start", 0), end = clip("end", shape[dim]);
  Shape part(shape);
  part[dim] = end > start ? (end - start - 1) / step + 1 : 0;
  src = node.broadcast(src, part);
  if (node.failed() || part[dim] == 0)
    return node.failed() ? failure() : node.result(self);
  if (step == 1)
    return replace(node, self, src, dim, start);
  Shape strides = rowMajorStrides(shape);
  int64_t offset = start * strides[dim];
  strides[dim] *= step;
  Value places = buildPlaces(node, part, {}, [&](const Body &body, ArrayRef<Value> loops, ValueRange) {
    return body.add(linearise(body, loops, strides), body.constant(body.builder.getI64Type(), Scalar::ofInt(offset)));
  });
  return node.result(scatterRows(node, nn::ScatterKind::Set, self, places, src, 1));
}

/// The shape and type of one tensor, the elements of the other.
LogicalResult copy(NodeBuilder &node) {
  Value self = node.tensor("self"), src = node.tensor("src");
  if (node.failed())
    return failure();
  return node.result(node.broadcast(node.cast(src, node.elementOf(self)), node.shapeOf(self)));
}

} // namespace

void registerViewOperators(OperatorTable &table) {
  table.add({"aten.as_strided.default", "aten.as_strided_copy.default"}, asStrided);
  table.add("aten.as_strided_scatter.default", asStridedScatter);
  table.add({"aten.diagonal.default", "aten.diagonal_copy.default"}, diagonal);
  table.add("aten.diagonal_scatter.default", diagonalScatter);
  table.add("aten.diag_embed.default", diagEmbed);
  table.add("aten.diag.default", diag);
  table.add({"aten.unfold.default", "aten.unfold_copy.default"}, unfold);
  table.add("aten.flip.default", flip);
  table.add("aten.flipud.default", flipOne<0>);
  table.add("aten.fliplr.default", flipOne<1>);
  table.add("aten.rot90.default", rotate);
  table.add("aten.roll.default", roll);
  table.add("aten.select_scatter.default", selectScatter);
  table.add("aten.slice_scatter.default", sliceScatter);
  table.add("aten.copy.default", copy);
}

} // namespace raddle::import
