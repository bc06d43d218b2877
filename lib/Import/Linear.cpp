#include "LinearOps.h"

#include "Body.h"
#include "Operators.h"

using namespace mlir;

namespace raddle::import {

static Value addBias(NodeBuilder &node, Value value, Value bias) {
  if (node.failed())
    return nullptr;
  Type type = node.elementOf(value);
  return node.elementwise({value, bias}, type, type, [](OpBuilder &builder, Location loc, ValueRange elements) {
    return Body{builder, loc}.add(elements[0], elements[1]);
  });
}

Value applyLinear(NodeBuilder &node, Value input, Value weight, Value bias) {
  if (node.failed())
    return nullptr;
  Shape shape(node.shapeOf(input));
  if (shape.empty() || node.rankOf(weight) != 2)
    return node.fail(node.node.target + " of " + node.describe(shape) + " with a weight of shape " +
                     node.describe(node.shapeOf(weight)));
  int64_t rows = ShapedType::getNumElements(ArrayRef(shape).drop_back());
  Value product = node.matmul(node.reshape(input, {rows, shape.back()}), weight, /*transposed=*/true);
  if (bias)
    product = addBias(node, product, bias);
  shape.back() = node.shapeOf(weight)[0];
  return node.reshape(product, shape);
}

Value generalMatmul(NodeBuilder &node, Value lhs, Value rhs) {
  if (node.failed())
    return nullptr;
  int64_t lhsRank = node.rankOf(lhs), rhsRank = node.rankOf(rhs);
  if (lhsRank == 0 || rhsRank == 0)
    return node.fail("matmul of a tensor without dimensions");
  if (lhsRank == 1)
    lhs = node.insertUnitDim(lhs, 0);
  if (rhsRank == 1)
    rhs = node.insertUnitDim(rhs, 1);
  Shape left(node.shapeOf(lhs)), right(node.shapeOf(rhs)), result;
  int64_t m = left[left.size() - 2], k = left.back(), n = right.back();
  Value product;
  if (right.size() == 2) {
    int64_t rows = ShapedType::getNumElements(ArrayRef(left).drop_back());
    product = node.matmul(node.reshape(lhs, {rows, k}), rhs, /*transposed=*/false);
    result.assign(left.begin(), left.end() - 2);
  } else {
    // Only the leading dimensions broadcast: compare them on tensors of unit matrices.
    Shape leftBatch(ArrayRef(left).drop_back(2)), rightBatch(ArrayRef(right).drop_back(2));
    result = ArrayRef(leftBatch).size() >= rightBatch.size() ? leftBatch : rightBatch;
    for (size_t i = 1; i <= std::min(leftBatch.size(), rightBatch.size()); ++i) {
      int64_t a = leftBatch[leftBatch.size() - i], b = rightBatch[rightBatch.size() - i];
      result[result.size() - i] = a == 1 ? b : a;
    }
    auto batched = [&](Value value, Shape matrix) -> Value {
      Shape wide(result);
      wide.append(matrix.end() - 2, matrix.end());
      value = node.broadcast(value, wide);
      if (node.failed())
        return nullptr;
      return node.reshape(value, {ShapedType::getNumElements(result), wide[wide.size() - 2], wide.back()});
    };
    Value leftMatrices = batched(lhs, left), rightMatrices = batched(rhs, right);
    product = node.batchMatmul(leftMatrices, rightMatrices);
  }
  if (lhsRank > 1)
    result.push_back(m);
  if (rhsRank > 1)
    result.push_back(n);
  return node.reshape(product, result);
}

namespace {

LogicalResult linear(NodeBuilder &node) {
  Value input = node.tensor("input"), weight = node.tensor("weight"), bias = node.optionalTensor("bias");
  return node.result(applyLinear(node, input, weight, bias));
}

LogicalResult matmul(NodeBuilder &node) {
  Value lhs = node.tensor("self");
  Value rhs = node.tensor(node.has("other") ? "other" : node.has("vec") ? "vec" : "tensor");
  return node.result(generalMatmul(node, lhs, rhs));
}

LogicalResult mm(NodeBuilder &node) {
  Value lhs = node.tensor("self"), rhs = node.tensor("mat2");
  return node.result(node.matmul(lhs, rhs, /*transposed=*/false));
}

LogicalResult bmm(NodeBuilder &node) {
  Value lhs = node.tensor("self"), rhs = node.tensor("mat2");
  return node.result(node.batchMatmul(lhs, rhs));
}

/// beta * self + alpha * product.
LogicalResult addProduct(NodeBuilder &node, Value product) {
  Value self = node.tensor("self");
  Scalar alpha = node.scalar("alpha", Scalar::ofInt(1)), beta = node.scalar("beta", Scalar::ofInt(1));
  if (node.failed())
    return failure();
  Type type = node.elementOf(product);
  // A factor of 0 drops `self` altogether, NaN included.
  SmallVector<Operand> operands{product};
  if (!beta.isZero())
    operands.push_back(self);
  return node.result(node.elementwise(operands, type, type, [&](OpBuilder &builder, Location loc, ValueRange elements) {
    Body body{builder, loc};
    auto scaled = [&](Value value, const Scalar &factor) {
      return factor.real == 1 ? value : body.mul(value, body.constant(value.getType(), factor));
    };
    Value result = scaled(elements[0], alpha);
    return beta.isZero() ? result : body.add(scaled(elements[1], beta), result);
  }));
}

LogicalResult addmm(NodeBuilder &node) {
  Value lhs = node.tensor("mat1"), rhs = node.tensor("mat2");
  return addProduct(node, node.matmul(lhs, rhs, /*transposed=*/false));
}

LogicalResult addmv(NodeBuilder &node) {
  Value matrix = node.tensor("mat"), vector = node.tensor("vec");
  return addProduct(node, generalMatmul(node, matrix, vector));
}

/// Column times row.
Value outerProduct(NodeBuilder &node, Value column, Value row) {
  if (node.failed() || node.rankOf(column) != 1 || node.rankOf(row) != 1)
    return node.failed() ? nullptr : node.fail(node.node.target + " of tensors that are no vectors");
  return node.matmul(node.insertUnitDim(column, 1), node.insertUnitDim(row, 0), /*transposed=*/false);
}

LogicalResult outer(NodeBuilder &node) {
  Value column = node.tensor("self"), row = node.tensor("vec2");
  return node.result(outerProduct(node, column, row));
}

LogicalResult addr(NodeBuilder &node) {
  Value column = node.tensor("vec1"), row = node.tensor("vec2");
  return addProduct(node, outerProduct(node, column, row));
}

/// The sum of a batch of products: one product with the batch and the inner dimension as one.
LogicalResult addbmm(NodeBuilder &node) {
  Value lhs = node.tensor("batch1"), rhs = node.tensor("batch2");
  if (node.failed())
    return failure();
  if (node.rankOf(lhs) != 3 || node.rankOf(rhs) != 3)
    return node.fail("addbmm of tensors of rank " + Twine(node.rankOf(lhs)) + " and " + Twine(node.rankOf(rhs))),
           failure();
  Shape left(node.shapeOf(lhs)), right(node.shapeOf(rhs));
  if (left[0] != right[0] || left[2] != right[1])
    return node.fail("addbmm of " + node.describe(left) + " and " + node.describe(right)), failure();
  Value rows = node.reshape(node.transpose(lhs, {1, 0, 2}), {left[1], left[0] * left[2]});
  return addProduct(node, node.matmul(rows, node.reshape(rhs, {right[0] * right[1], right[2]}), /*transposed=*/false));
}

LogicalResult baddbmm(NodeBuilder &node) {
  Value lhs = node.tensor("batch1"), rhs = node.tensor("batch2");
  return addProduct(node, node.batchMatmul(lhs, rhs));
}

} // namespace

void registerLinearOperators(OperatorTable &table) {
  table.add("aten.linear.default", linear);
  table.add({"aten.matmul.default", "aten.mv.default", "aten.dot.default", "aten.vdot.default"}, matmul);
  table.add("aten.mm.default", mm);
  table.add("aten.bmm.default", bmm);
  table.add("aten.addmm.default", addmm);
  table.add("aten.baddbmm.default", baddbmm);
  table.add("aten.addmv.default", addmv);
  table.add("aten.addr.default", addr);
  table.add("aten.addbmm.default", addbmm);
  table.add({"aten.outer.default", "aten.ger.default"}, outer);
}

} // namespace raddle::import
