#include "Body.h"
#include "Operators.h"
#include "llvm/ADT/SmallVectorExtras.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace raddle::import {

namespace {

LogicalResult cutInto(NodeBuilder &node, Value self, int64_t dim, ArrayRef<int64_t> sizes) {
  SmallVector<Value> parts;
  int64_t start = 0;
  for (int64_t size : sizes) {
    parts.push_back(node.slice(self, dim, start, size));
    if (node.failed())
      return failure();
    start += size;
  }
  return node.results(parts);
}

/// The tensor and dimension that an operator cuts; null where there is none.
std::pair<Value, int64_t> readCut(NodeBuilder &node) {
  Value self = node.tensor("self");
  if (node.failed())
    return {};
  if (node.rankOf(self) == 0)
    return {node.fail(node.node.target + " of a tensor without dimensions"), 0};
  int64_t dim = node.dimension("dim", node.rankOf(self), 0);
  return {node.failed() ? Value() : self, dim};
}

LogicalResult cutEvenly(NodeBuilder &node, Value self, int64_t dim, int64_t part) {
  if (part < 1)
    return node.fail(node.node.target + " into parts of size " + Twine(part)), failure();
  SmallVector<int64_t> sizes;
  // The file says how many parts there are; an absurd number of them is not built.
  for (int64_t rest = node.shapeOf(self)[dim]; rest > 0; rest -= part) {
    if (sizes.size() > node.node.outputs.front().items.size())
      break;
    sizes.push_back(std::min(rest, part));
  }
  return cutInto(node, self, dim, sizes);
}

bool hasListResult(NodeBuilder &node) {
  if (node.node.outputs.size() == 1 && node.node.outputs.front().kind == Argument::Kind::List)
    return true;
  node.fail("the result of " + node.node.target + " is no list of tensors");
  return false;
}

LogicalResult split(NodeBuilder &node) {
  auto [self, dim] = readCut(node);
  int64_t size = node.integer("split_size");
  if (node.failed() || !hasListResult(node))
    return failure();
  return cutEvenly(node, self, dim, size);
}

LogicalResult chunk(NodeBuilder &node) {
  auto [self, dim] = readCut(node);
  int64_t chunks = node.integer("chunks");
  if (node.failed() || !hasListResult(node))
    return failure();
  if (chunks < 1)
    return node.fail("chunk into " + Twine(chunks) + " parts"), failure();
  return cutEvenly(node, self, dim, llvm::divideCeil(node.shapeOf(self)[dim], chunks));
}

LogicalResult splitWithSizes(NodeBuilder &node) {
  auto [self, dim] = readCut(node);
  SmallVector<int64_t> sizes = node.integers("split_sizes");
  if (node.failed())
    return failure();
  return cutInto(node, self, dim, sizes);
}

LogicalResult unbind(NodeBuilder &node) {
  auto [self, dim] = readCut(node);
  if (node.failed() || !hasListResult(node))
    return failure();
  Shape shape(node.shapeOf(self));
  int64_t count = shape[dim];
  if (count != int64_t(node.node.outputs.front().items.size()))
    return node.fail("unbind gives " + Twine(count) + " tensors, the file says " +
                     Twine(node.node.outputs.front().items.size())),
           failure();
  shape.erase(shape.begin() + dim);
  SmallVector<Value> parts;
  for (int64_t index = 0; index < count; ++index)
    parts.push_back(node.reshape(node.slice(self, dim, index, 1), shape));
  return node.results(parts);
}

/// The tensors of a list, converted to their common type.
SmallVector<Value> readParts(NodeBuilder &node) {
  SmallVector<Value> parts = node.tensors("tensors");
  if (!node.failed() && (parts.empty() || llvm::is_contained(parts, Value())))
    node.fail("the list of " + node.node.target + " is empty or has an item that is no tensor");
  if (node.failed())
    return {};
  SmallVector<Operand> operands(parts.begin(), parts.end());
  Type type = node.promote(operands);
  for (Value &part : parts)
    part = node.cast(part, type);
  return parts;
}

LogicalResult cat(NodeBuilder &node) {
  SmallVector<Value> parts = readParts(node);
  if (node.failed())
    return failure();
  // PyTorch lets tensors of shape [0] join tensors of any shape.
  llvm::erase_if(parts, [&](Value part) { return parts.size() > 1 && node.shapeOf(part) == ArrayRef<int64_t>{0}; });
  if (parts.empty() || node.rankOf(parts.front()) == 0)
    return node.fail("cat of tensors without dimensions or elements"), failure();
  int64_t dim = node.dimension("dim", node.rankOf(parts.front()), 0);
  return node.result(node.concat(parts, dim));
}

/// Joins along dimension `dim` of tensors that have at least `rank` dimensions: missing ones stand in front, or for the
/// third behind, as numpy has it.
template <int64_t rank, int64_t dim> LogicalResult stackAlong(NodeBuilder &node) {
  SmallVector<Value> parts = readParts(node);
  if (node.failed())
    return failure();
  for (Value &part : parts) {
    Shape shape(node.shapeOf(part));
    if (rank == 3 && !shape.empty() && shape.size() < 3)
      shape.push_back(1);
    if (int64_t(shape.size()) < rank)
      shape.insert(shape.begin(), rank - shape.size(), 1);
    part = node.reshape(part, shape);
  }
  // Vectors have no second dimension to be joined along.
  int64_t along = std::min<int64_t>(dim, node.failed() ? 0 : node.rankOf(parts.front()) - 1);
  return node.result(node.concat(parts, along));
}

/// Vectors count as columns.
LogicalResult columnStack(NodeBuilder &node) {
  SmallVector<Value> parts = readParts(node);
  if (node.failed())
    return failure();
  for (Value &part : parts)
    if (node.rankOf(part) < 2)
      part = node.reshape(part, {node.typeOf(part).getNumElements(), 1});
  return node.result(node.concat(parts, 1));
}

LogicalResult stack(NodeBuilder &node) {
  SmallVector<Value> parts = readParts(node);
  if (node.failed())
    return failure();
  int64_t dim = node.dimension("dim", node.rankOf(parts.front()) + 1, 0);
  if (node.failed())
    return failure();
  for (Value &part : parts) {
    if (node.rankOf(part) < dim)
      return node.fail("stack of tensors of different ranks"), failure();
    part = node.insertUnitDim(part, dim);
  }
  return node.result(node.concat(parts, dim));
}

/// Differences of neighbours, n times, after what is joined before and after.
LogicalResult diff(NodeBuilder &node) {
  Value self = node.tensor("self");
  if (node.failed())
    return failure();
  if (node.rankOf(self) == 0)
    return node.fail("diff of a tensor without dimensions"), failure();
  int64_t dim = node.dimension("dim", node.rankOf(self), -1), times = node.integer("n", 1);
  Value before = node.optionalTensor("prepend"), after = node.optionalTensor("append");
  if (node.failed())
    return failure();
  SmallVector<Value> parts{self};
  if (before)
    parts.insert(parts.begin(), before);
  if (after)
    parts.push_back(after);
  if (parts.size() > 1)
    self = node.concat(parts, dim);
  if (node.failed())
    return failure();
  Type type = node.elementOf(self);
  for (int64_t i = 0; i < times && !node.failed(); ++i) {
    int64_t size = node.shapeOf(self)[dim];
    if (size < 2) {
      self = node.slice(self, dim, 0, 0);
      break;
    }
    Value high = node.slice(self, dim, 1, size - 1), low = node.slice(self, dim, 0, size - 1);
    self = node.elementwise({high, low}, type, type, [&](OpBuilder &builder, Location loc, ValueRange elements) {
      Body body{builder, loc};
      return Body::isBool(elements[0]) ? body.compare(Body::Compare::NotEqual, elements[0], elements[1])
                                       : body.sub(elements[0], elements[1]);
    });
  }
  return node.result(self);
}

} // namespace

void registerSplitOperators(OperatorTable &table) {
  table.add({"aten.split.Tensor", "aten.split.default", "aten.split_copy.Tensor"}, split);
  table.add("aten.chunk.default", chunk);
  table.add({"aten.split_with_sizes.default", "aten.split.sizes", "aten.split_with_sizes_copy.default"},
            splitWithSizes);
  table.add({"aten.unbind.int", "aten.unbind_copy.int"}, unbind);
  table.add({"aten.cat.default", "aten.concat.default", "aten.concatenate.default"}, cat);
  table.add("aten.stack.default", stack);
  table.add("aten.hstack.default", stackAlong<1, 1>);
  table.add("aten.vstack.default", stackAlong<2, 0>);
  table.add("aten.dstack.default", stackAlong<3, 2>);
  table.add("aten.column_stack.default", columnStack);
  table.add("aten.diff.default", diff);
}

} // namespace raddle::import
