// Products of tensors other than that of matrices.
#include "LinearOps.h"
#include "ReductionOps.h"
#include "llvm/ADT/SmallVectorExtras.h"

using namespace mlir;

namespace raddle::import {

namespace {

Value multiply(NodeBuilder &node, Value lhs, Value rhs, Type type) {
  return applyBinary(node, lhs, rhs, type, type, [](const Body &body, Value a, Value b) { return body.mul(a, b); });
}

/// Every element of `self` times all of `other`: dimension i has the product of both sizes.
LogicalResult kron(NodeBuilder &node) {
  Value self = node.tensor("self"), other = node.tensor("other");
  if (node.failed())
    return failure();
  Shape left(node.shapeOf(self)), right(node.shapeOf(other)), outer, inner, result;
  size_t rank = std::max(left.size(), right.size());
  left.insert(left.begin(), rank - left.size(), 1);
  right.insert(right.begin(), rank - right.size(), 1);
  for (auto [a, b] : llvm::zip_equal(left, right)) {
    outer.append({a, 1});
    inner.append({1, b});
    int64_t size;
    if (llvm::MulOverflow(a, b, size))
      return node.fail("kron of " + node.describe(left) + " and " + node.describe(right)), failure();
    result.push_back(size);
  }
  Type type = node.promote({self, other});
  return node.result(node.reshape(multiply(node, node.reshape(self, outer), node.reshape(other, inner), type), result));
}

/// The vector product of the three elements along a dimension.
LogicalResult crossAlong(NodeBuilder &node, Value self, Value other, int64_t dim) {
  if (node.failed())
    return failure();
  Type type = node.promote({self, other});
  Shape shape = node.broadcastShape({self, other});
  if (node.failed() || shape.empty() || shape[dim] != 3)
    return node.failed() ? failure()
                         : (node.fail(node.node.target + " along dimension " + Twine(dim) + " of a tensor of shape " +
                                      node.describe(shape) + ", expected 3 elements"),
                            failure());
  self = node.broadcast(self, shape);
  other = node.broadcast(other, shape);
  /// Elements 1, 2, 0 and 2, 0, 1.
  auto turned = [&](Value value, int64_t by) {
    return node.concat({node.slice(value, dim, by, 3 - by), node.slice(value, dim, 0, by)}, dim);
  };
  Value a = turned(self, 1), b = turned(other, 2), c = turned(self, 2), d = turned(other, 1);
  return node.result(applyFn(node, {a, b, c, d}, type, type, [](const Body &body, ValueRange e) {
    return body.sub(body.mul(e[0], e[1]), body.mul(e[2], e[3]));
  }));
}

LogicalResult linalgCross(NodeBuilder &node) {
  Value self = node.tensor("self"), other = node.tensor("other");
  int64_t rank = node.failed() ? 0 : std::max(node.rankOf(self), node.rankOf(other));
  return crossAlong(node, self, other, node.dimension("dim", rank, -1));
}

/// Without a dimension the first one of size 3 counts.
LogicalResult cross(NodeBuilder &node) {
  Value self = node.tensor("self"), other = node.tensor("other");
  if (node.failed())
    return failure();
  ArrayRef<int64_t> shape = node.shapeOf(self);
  int64_t first = llvm::find(shape, 3) - shape.begin();
  int64_t absent = first == int64_t(shape.size()) ? 0 : first;
  return crossAlong(node, self, other, node.dimension("dim", shape.size(), absent));
}

/// Σ self · other over the last or another dimension.
LogicalResult vectorDot(NodeBuilder &node) {
  Value lhs = node.tensor("x"), rhs = node.tensor("y");
  Type type = node.failed() ? Type() : node.promote({lhs, rhs});
  Value product = node.failed() ? Value() : multiply(node, lhs, rhs, type);
  if (node.failed())
    return failure();
  int64_t dim = node.dimension("dim", node.rankOf(product), -1);
  if (node.failed() || node.rankOf(product) == 0)
    return node.result(product);
  return node.result(sumOver(node, product, dim, /*keep=*/false, type));
}

/// Sums over pairs of dimensions: a product of matrices whose inner dimension is all of them.
LogicalResult tensorDot(NodeBuilder &node) {
  Value self = node.tensor("self"), other = node.tensor("other");
  SmallVector<int64_t> left = node.integers("dims_self"), right = node.integers("dims_other");
  if (node.failed())
    return failure();
  bool fits = left.size() == right.size();
  Type type = node.promote({self, other});
  for (size_t i = 0; fits && i < left.size(); ++i) {
    left[i] = node.wrapDimension(left[i], node.rankOf(self));
    right[i] = node.wrapDimension(right[i], node.rankOf(other));
    fits = !node.failed() && node.rankOf(self) > 0 && node.rankOf(other) > 0;
    if (!fits)
      break;
    int64_t height = node.shapeOf(self)[left[i]], width = node.shapeOf(other)[right[i]];
    fits = height == width || height == 1 || width == 1;
    // A dimension of size 1 meets the sum of the other one.
    if (width == 1 && height > 1)
      self = sumOver(node, self, left[i], /*keep=*/true, type);
    if (height == 1 && width > 1)
      other = sumOver(node, other, right[i], /*keep=*/true, type);
  }
  if (node.failed())
    return failure();
  Shape leftShape(node.shapeOf(self)), rightShape(node.shapeOf(other)), result;
  auto isTwice = [](SmallVector<int64_t> dims) {
    llvm::sort(dims);
    return std::unique(dims.begin(), dims.end()) != dims.end();
  };
  if (!fits || isTwice(left) || isTwice(right))
    return node.fail("tensordot of " + node.describe(leftShape) + " over " + node.describe(left) + " and " +
                     node.describe(rightShape) + " over " + node.describe(right)),
           failure();
  auto others = [&](ArrayRef<int64_t> dims, const Shape &shape) {
    SmallVector<int64_t> rest;
    for (int64_t dim = 0; dim < int64_t(shape.size()); ++dim)
      if (!llvm::is_contained(dims, dim)) {
        rest.push_back(dim);
        result.push_back(shape[dim]);
      }
    return rest;
  };
  SmallVector<int64_t> rows = others(left, leftShape), columns = others(right, rightShape);
  auto sizeOf = [](ArrayRef<int64_t> dims, const Shape &shape) {
    int64_t size = 1;
    for (int64_t dim : dims)
      size *= shape[dim];
    return size;
  };
  int64_t inner = sizeOf(left, leftShape), height = sizeOf(rows, leftShape), width = sizeOf(columns, rightShape);
  llvm::append_range(rows, left);
  right.append(columns);
  Value lhs = node.reshape(node.transpose(self, rows), {height, inner});
  Value rhs = node.reshape(node.transpose(other, right), {inner, width});
  return node.result(node.reshape(node.matmul(lhs, rhs, /*transposed=*/false), result));
}

/// From the left: PyTorch chooses an order that is cheaper, which the result does not show.
LogicalResult multiDot(NodeBuilder &node) {
  SmallVector<Value> tensors = node.tensors("tensors");
  if (node.failed())
    return failure();
  if (tensors.empty() || llvm::is_contained(tensors, Value()))
    return node.fail("the list of " + node.node.target + " is empty or has an item that is no tensor"), failure();
  Value product = tensors.front();
  for (Value next : llvm::drop_begin(tensors))
    product = generalMatmul(node, product, next);
  return node.result(product);
}

/// Powers of matrices by squaring.
LogicalResult matrixPower(NodeBuilder &node) {
  Value self = node.tensor("self");
  int64_t exponent = node.integer("n");
  if (node.failed())
    return failure();
  Shape shape(node.shapeOf(self));
  if (shape.size() < 2 || shape.back() != shape[shape.size() - 2] || exponent < 1)
    return node.fail("power " + Twine(exponent) + " of a tensor of shape " + node.describe(shape) +
                     ": expected square matrices and an exponent from 1 on"),
           failure();
  Value result, square = self;
  for (; exponent > 0 && !node.failed(); exponent /= 2) {
    if (exponent % 2 != 0)
      result = result ? generalMatmul(node, result, square) : square;
    if (exponent > 1)
      square = generalMatmul(node, square, square);
  }
  return node.result(result);
}

/// x^0 … x^(N − 1) of each element, by products.
LogicalResult vander(NodeBuilder &node) {
  Value self = node.tensor("x");
  if (node.failed())
    return failure();
  if (node.rankOf(self) == 0)
    return node.fail("vander of a tensor without dimensions"), failure();
  int64_t rank = node.rankOf(self), count = node.integer("N", node.shapeOf(self)[rank - 1]);
  // Each power is a value of its own.
  constexpr int64_t kMost = 4096;
  if (node.failed() || count < 0 || count > kMost)
    return node.fail("vander of " + Twine(count) + " powers, expected at most " + Twine(kMost)), failure();
  Type type = node.declaredElement();
  self = node.failed() ? Value() : node.cast(self, type);
  SmallVector<Value> powers;
  for (int64_t power = 0; power < count && !node.failed(); ++power)
    powers.push_back(power == 0   ? node.fill(node.shapeOf(self), type, Scalar::ofInt(1))
                     : power == 1 ? self
                                  : multiply(node, powers.back(), self, type));
  if (node.failed())
    return failure();
  for (Value &power : powers)
    power = node.insertUnitDim(power, rank);
  Shape none(node.shapeOf(self));
  none.push_back(0);
  return node.result(powers.empty() ? node.fill(none, type, Scalar::ofInt(0)) : node.concat(powers, rank));
}

/// Matrices on the diagonal of one of zeros.
LogicalResult blockDiagonal(NodeBuilder &node) {
  SmallVector<Value> tensors = node.tensors("tensors");
  if (node.failed())
    return failure();
  if (tensors.empty() || llvm::is_contained(tensors, Value()))
    return node.fail("the list of " + node.node.target + " is empty or has an item that is no tensor"), failure();
  Type type = node.promote(SmallVector<Operand>(tensors.begin(), tensors.end()));
  int64_t width = 0;
  for (Value &tensor : tensors) {
    if (node.rankOf(tensor) > 2)
      return node.fail("block_diag of a tensor of rank " + Twine(node.rankOf(tensor)) + ", expected at most 2"),
             failure();
    Shape matrix(node.shapeOf(tensor));
    matrix.insert(matrix.begin(), 2 - matrix.size(), 1);
    tensor = node.reshape(node.cast(tensor, type), matrix);
    if (node.failed() || llvm::AddOverflow(width, matrix[1], width))
      return failure();
  }
  SmallVector<Value> rows;
  int64_t before = 0;
  for (Value tensor : tensors) {
    int64_t height = node.shapeOf(tensor)[0], own = node.shapeOf(tensor)[1];
    auto zeros = [&](int64_t columns) { return node.fill({height, columns}, type, Scalar::ofInt(0)); };
    rows.push_back(node.concat({zeros(before), tensor, zeros(width - before - own)}, 1));
    before += own;
  }
  return node.result(node.concat(rows, 0));
}

} // namespace

void registerProductOperators(OperatorTable &table) {
  table.add("aten.kron.default", kron);
  table.add("aten.linalg_cross.default", linalgCross);
  table.add("aten.cross.default", cross);
  table.add("aten.linalg_vecdot.default", vectorDot);
  table.add("aten.tensordot.default", tensorDot);
  table.add("aten.linalg_multi_dot.default", multiDot);
  table.add({"aten.linalg_matrix_power.default", "aten.matrix_power.default"}, matrixPower);
  table.add("aten.linalg_vander.default", vander);
  table.add("aten.block_diag.default", blockDiagonal);
}

} // namespace raddle::import
