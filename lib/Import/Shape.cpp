#include "Operators.h"
#include "raddle/Dialect/NN/IR/NNOps.h"
#include "llvm/ADT/SmallVectorExtras.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace raddle::import {

namespace {

/// Operators that only say how memory is laid out, or that nothing else may change it.
LogicalResult identity(NodeBuilder &node) { return node.result(node.tensor(node.has("self") ? "self" : "input")); }

/// No gradient flows through; integers have none anyway.
LogicalResult detach(NodeBuilder &node) { return node.result(node.detach(node.tensor("self"))); }

LogicalResult view(NodeBuilder &node) {
  Value self = node.tensor("self");
  SmallVector<int64_t> sizes = node.integers(node.has("shape") ? "shape" : "size");
  if (node.failed())
    return failure();
  // One size may be −1: what the others leave.
  int64_t known = 1;
  int64_t *open = nullptr;
  for (int64_t &size : sizes) {
    if (size == -1 && !open)
      open = &size;
    else if (size < 0 || llvm::MulOverflow(known, size, known))
      return node.fail("a view of shape " + node.describe(sizes) + " is not possible"), failure();
  }
  if (open) {
    if (known == 0)
      return node.fail("a view of shape " + node.describe(sizes) + " is ambiguous"), failure();
    *open = node.typeOf(self).getNumElements() / known;
  }
  return node.result(node.reshape(self, sizes));
}

LogicalResult flatten(NodeBuilder &node) {
  Value self = node.tensor("self");
  if (node.failed())
    return failure();
  int64_t rank = node.rankOf(self);
  int64_t start = node.dimension("start_dim", rank, 0), end = node.dimension("end_dim", rank, -1);
  if (node.failed() || rank == 0)
    return node.result(node.reshape(self, {1}));
  if (start > end)
    return node.fail("flatten from dimension " + Twine(start) + " to " + Twine(end)), failure();
  ArrayRef<int64_t> shape = node.shapeOf(self);
  Shape flat(shape.take_front(start));
  flat.push_back(ShapedType::getNumElements(shape.slice(start, end - start + 1)));
  llvm::append_range(flat, shape.drop_front(end + 1));
  return node.result(node.reshape(self, flat));
}

LogicalResult unsqueeze(NodeBuilder &node) {
  Value self = node.tensor("self");
  if (node.failed())
    return failure();
  int64_t dim = node.dimension("dim", node.rankOf(self) + 1);
  return node.result(node.insertUnitDim(self, dim));
}

LogicalResult squeeze(NodeBuilder &node) {
  Value self = node.tensor("self");
  if (node.failed())
    return failure();
  // Without a list all dimensions of size 1 go; those that are listed go if they have size 1.
  SmallVector<int64_t> dims = node.dimensions("dim", node.rankOf(self));
  Shape shape;
  for (auto [dim, size] : llvm::enumerate(node.shapeOf(self)))
    if (size != 1 || !llvm::is_contained(dims, int64_t(dim)))
      shape.push_back(size);
  return node.result(node.reshape(self, shape));
}

LogicalResult expand(NodeBuilder &node) {
  Value self = node.tensor("self");
  SmallVector<int64_t> sizes = node.integers("size");
  if (node.failed())
    return failure();
  ArrayRef<int64_t> shape = node.shapeOf(self);
  if (sizes.size() < shape.size())
    return node.fail("a tensor of shape " + node.describe(shape) + " cannot be expanded to " + node.describe(sizes)),
           failure();
  // −1 keeps a size.
  for (auto [size, have] : llvm::zip(MutableArrayRef<int64_t>(sizes).take_back(shape.size()), shape))
    if (size == -1)
      size = have;
  return node.result(node.broadcast(self, sizes));
}

LogicalResult expandAs(NodeBuilder &node) {
  Value self = node.tensor("self"), other = node.tensor("other");
  if (node.failed())
    return failure();
  return node.result(node.broadcast(self, node.shapeOf(other)));
}

LogicalResult broadcastTensors(NodeBuilder &node) {
  SmallVector<Value> tensors = node.tensors("tensors");
  if (node.failed() || llvm::is_contained(tensors, Value()))
    return node.fail("broadcast_tensors of a list with an item that is no tensor"), failure();
  Shape shape = node.broadcastShape(SmallVector<Operand>(tensors.begin(), tensors.end()));
  for (Value &tensor : tensors)
    tensor = node.broadcast(tensor, shape);
  return node.results(tensors);
}

LogicalResult swapDimensions(NodeBuilder &node, Value self, int64_t first, int64_t second) {
  SmallVector<int64_t> permutation = llvm::to_vector(llvm::seq<int64_t>(0, node.rankOf(self)));
  if (!permutation.empty())
    std::swap(permutation[first], permutation[second]);
  return node.result(node.transpose(self, permutation));
}

LogicalResult transpose(NodeBuilder &node) {
  Value self = node.tensor("self");
  if (node.failed())
    return failure();
  int64_t rank = node.rankOf(self), first = node.dimension("dim0", rank), second = node.dimension("dim1", rank);
  return node.failed() ? failure() : swapDimensions(node, self, first, second);
}

LogicalResult matrixTranspose(NodeBuilder &node) {
  Value self = node.tensor("self");
  if (node.failed())
    return failure();
  int64_t rank = node.rankOf(self);
  if (rank > 2)
    return node.fail("t of a tensor of rank " + Twine(rank) + ", expected at most 2"), failure();
  return rank < 2 ? node.result(self) : swapDimensions(node, self, 0, 1);
}

LogicalResult permute(NodeBuilder &node) {
  Value self = node.tensor("self");
  SmallVector<int64_t> dims = node.integers("dims");
  if (node.failed())
    return failure();
  for (int64_t &dim : dims)
    dim = node.wrapDimension(dim, node.rankOf(self));
  SmallVector<int64_t> sorted(dims);
  llvm::sort(sorted);
  if (!llvm::equal(sorted, llvm::seq<int64_t>(0, node.rankOf(self))))
    return node.fail("permute by " + node.describe(dims) + " is no permutation"), failure();
  return node.result(node.transpose(self, dims));
}

LogicalResult slice(NodeBuilder &node) {
  Value self = node.tensor("self");
  if (node.failed())
    return failure();
  if (node.rankOf(self) == 0)
    return node.fail("slice of a tensor without dimensions"), failure();
  int64_t dim = node.dimension("dim", node.rankOf(self), 0);
  int64_t step = node.integer("step", 1);
  if (node.failed())
    return failure();
  if (step < 1)
    return node.fail("slice has step " + Twine(step) + ", expected at least 1"), failure();
  int64_t extent = node.shapeOf(self)[dim];
  // As in Python: negative positions count from the end, and what is outside is cut off.
  auto clip = [&](StringRef name, int64_t absent) {
    int64_t position = node.integer(name, absent);
    return std::clamp<int64_t>(position < 0 ? position + extent : position, 0, extent);
  };
  int64_t start = clip("start", 0), end = clip("end", extent);
  int64_t size = end > start ? (end - start - 1) / step + 1 : 0;
  return node.result(node.slice(self, dim, start, size, step));
}

LogicalResult narrow(NodeBuilder &node) {
  Value self = node.tensor("self");
  int64_t start = node.integer("start"), length = node.integer("length");
  if (node.failed())
    return failure();
  if (node.rankOf(self) == 0)
    return node.fail("narrow of a tensor without dimensions"), failure();
  int64_t dim = node.dimension("dim", node.rankOf(self));
  if (node.failed())
    return failure();
  return node.result(node.slice(self, dim, start < 0 ? start + node.shapeOf(self)[dim] : start, length));
}

LogicalResult select(NodeBuilder &node) {
  Value self = node.tensor("self");
  if (node.failed())
    return failure();
  if (node.rankOf(self) == 0)
    return node.fail("select of a tensor without dimensions"), failure();
  int64_t dim = node.dimension("dim", node.rankOf(self)), index = node.integer("index");
  if (node.failed())
    return failure();
  int64_t extent = node.shapeOf(self)[dim];
  if (index < -extent || index >= extent)
    return node.fail("select of index " + Twine(index) + " in a dimension of size " + Twine(extent)), failure();
  Value part = node.slice(self, dim, index < 0 ? index + extent : index, 1);
  Shape shape(node.shapeOf(self));
  shape.erase(shape.begin() + dim);
  return node.result(node.reshape(part, shape));
}

/// Dimension i of the result is `counts[i]` copies of that of the operand, one after the other.
LogicalResult repeat(NodeBuilder &node) {
  Value self = node.tensor("self");
  bool isTile = node.node.find("dims");
  SmallVector<int64_t> counts = node.integers(isTile ? "dims" : "repeats");
  if (node.failed())
    return failure();
  int64_t rank = node.rankOf(self);
  // A tile that names fewer dimensions names the last ones.
  if (isTile && int64_t(counts.size()) < rank)
    counts.insert(counts.begin(), rank - counts.size(), 1);
  int64_t added = int64_t(counts.size()) - rank;
  if (added < 0 || llvm::any_of(counts, [](int64_t count) { return count < 0; }))
    return node.fail("repeat by " + node.describe(counts) + " of a tensor of rank " + Twine(rank)), failure();
  Shape unit, wide, result;
  for (auto [dim, count] : llvm::enumerate(counts)) {
    int64_t size = int64_t(dim) < added ? 1 : node.shapeOf(self)[dim - added];
    unit.append({1, size});
    wide.append({count, size});
    int64_t total;
    if (llvm::MulOverflow(count, size, total))
      return node.fail("repeat by " + node.describe(counts) + " is too large"), failure();
    result.push_back(total);
  }
  return node.result(node.reshape(node.broadcast(node.reshape(self, unit), wide), result));
}

/// Every element `repeats` times in place.
LogicalResult repeatInterleave(NodeBuilder &node) {
  Value self = node.tensor("self");
  int64_t count = node.integer("repeats");
  if (node.failed())
    return failure();
  Shape shape(node.shapeOf(self));
  if (!node.has("dim")) {
    shape = {node.typeOf(self).getNumElements()};
    self = node.reshape(self, shape);
  }
  int64_t dim = node.dimension("dim", shape.size(), 0);
  if (node.failed() || shape.empty())
    return node.fail("repeat_interleave of a tensor without dimensions"), failure();
  Shape wide(shape), result(shape);
  wide.insert(wide.begin() + dim + 1, count);
  if (count < 0 || llvm::MulOverflow(shape[dim], count, result[dim]))
    return node.fail("repeat_interleave by " + Twine(count) + " is not possible"), failure();
  return node.result(node.reshape(node.broadcast(node.insertUnitDim(self, dim + 1), wide), result));
}

LogicalResult convert(NodeBuilder &node) {
  Value self = node.tensor("self");
  if (node.failed())
    return failure();
  return node.result(node.cast(self, node.dtype("dtype", node.elementOf(self))));
}

LogicalResult convertLike(NodeBuilder &node) {
  Value self = node.tensor("self"), other = node.tensor("other");
  if (node.failed())
    return failure();
  return node.result(node.cast(self, node.elementOf(other)));
}

/// Assertions about sizes and types hold by construction: the file's declared types are checked against what is built.
LogicalResult nothing(NodeBuilder &) { return success(); }

} // namespace

void registerShapeOperators(OperatorTable &table) {
  table.add({"aten.alias.default", "aten.clone.default", "aten.contiguous.default", "aten.lift_fresh_copy.default",
             "aten.lift_fresh.default", "aten.alias_copy.default"},
            identity);
  table.add("aten.detach.default", detach);
  table.add({"aten.view.default", "aten._unsafe_view.default", "aten.reshape.default", "aten.view_copy.default"}, view);
  table.add("aten.flatten.using_ints", flatten);
  table.add({"aten.unsqueeze.default", "aten.unsqueeze_copy.default"}, unsqueeze);
  table.add({"aten.squeeze.default", "aten.squeeze.dim", "aten.squeeze.dims", "aten.squeeze_copy.default",
             "aten.squeeze_copy.dim", "aten.squeeze_copy.dims"},
            squeeze);
  table.add({"aten.expand.default", "aten.expand_copy.default"}, expand);
  table.add("aten.expand_as.default", expandAs);
  table.add("aten.broadcast_tensors.default", broadcastTensors);
  table.add({"aten.transpose.int", "aten.transpose_copy.int"}, transpose);
  table.add({"aten.t.default", "aten.t_copy.default"}, matrixTranspose);
  table.add({"aten.permute.default", "aten.permute_copy.default"}, permute);
  table.add({"aten.slice.Tensor", "aten.slice_copy.Tensor"}, slice);
  table.add({"aten.narrow.default", "aten.narrow_copy.default"}, narrow);
  table.add({"aten.select.int", "aten.select_copy.int"}, select);
  table.add({"aten.repeat.default", "aten.tile.default"}, repeat);
  table.add("aten.repeat_interleave.self_int", repeatInterleave);
  table.add({"aten._to_copy.default", "aten.to.dtype", "aten.to.dtype_layout", "aten.to.device"}, convert);
  table.add({"aten.type_as.default", "aten.to.other"}, convertLike);
  table.add({"aten._assert_tensor_metadata.default", "aten._assert_scalar.default", "aten._assert_async.msg",
             "aten.sym_constrain_range.default", "aten.sym_constrain_range_for_size.default"},
            nothing);
}

} // namespace raddle::import
