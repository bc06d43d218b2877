#include "ReductionOps.h"
#include "llvm/ADT/SmallVectorExtras.h"
#include <cmath>

using namespace mlir;

namespace raddle::import {

namespace {

using Compare = Body::Compare;

Value difference(const Body &body, Value lhs, Value rhs) { return body.sub(lhs, rhs); }
Value product(const Body &body, Value lhs, Value rhs) { return body.mul(lhs, rhs); }
Value quotient(const Body &body, Value lhs, Value rhs) { return body.div(lhs, rhs); }

/// A norm's order; Frobenius' norm of a tensor has order 2.
double readOrder(NodeBuilder &node, StringRef name) {
  double order = node.real(name, 2.0);
  if (!node.failed() && std::isnan(order))
    node.fail(node.node.target + " of an order that is no number");
  return order;
}

LogicalResult vectorNorm(NodeBuilder &node) {
  // linalg functions call it A.
  std::optional<ReductionArguments> arguments = readReduction(node, node.has("A") ? "A" : "self");
  double order = readOrder(node, node.has("p") ? "p" : "ord");
  if (!arguments || node.failed())
    return failure();
  // Of a matrix an order means a norm of the singular values or of sums.
  if (StringRef(node.node.target).contains("linalg_norm") && node.has("ord") && arguments->dims.size() == 2)
    return node.fail("linalg_norm of order " + std::to_string(order) + " of a matrix is not supported"), failure();
  Type type = node.dtype("dtype", node.elementOf(arguments->self));
  if (node.failed())
    return failure();
  if (!isa<FloatType>(type))
    return node.fail(node.node.target + " of integers is not possible"), failure();
  Value self = node.cast(arguments->self, type);
  return node.result(normOver(node, self, arguments->dims, arguments->keep, order, type));
}

/// The norm of a difference over all elements.
LogicalResult dist(NodeBuilder &node) {
  Value self = node.tensor("self"), other = node.tensor("other");
  double order = readOrder(node, "p");
  Type type = node.realType({self, other});
  Value delta = applyBinary(node, self, other, type, type, difference);
  if (node.failed())
    return failure();
  return node.result(normOver(node, delta, allDimensions(delta), /*keep=*/false, order, type));
}

/// The norm of x1 − x2 + eps over the last dimension.
LogicalResult pairwiseDistance(NodeBuilder &node) {
  Value lhs = node.tensor("x1"), rhs = node.tensor("x2");
  constexpr double kEpsilon = 1e-6;
  double order = readOrder(node, "p"), epsilon = node.real("eps", kEpsilon);
  bool keep = node.boolean("keepdim", false);
  Type type = node.realType({lhs, rhs});
  Value delta = applyFn(node, {lhs, rhs}, type, type, [&](const Body &body, ValueRange elements) {
    return body.add(body.sub(elements[0], elements[1]), epsilon);
  });
  if (node.failed())
    return failure();
  if (node.rankOf(delta) == 0)
    return node.fail("pairwise_distance of tensors without dimensions"), failure();
  return node.result(normOver(node, delta, node.rankOf(delta) - 1, keep, order, type));
}

/// Every row of x1 [..., P, M] with every row of x2 [..., R, M].
LogicalResult allDistances(NodeBuilder &node) {
  Value lhs = node.tensor("x1"), rhs = node.tensor("x2");
  double order = readOrder(node, "p");
  if (node.failed())
    return failure();
  int64_t left = node.rankOf(lhs), right = node.rankOf(rhs);
  if (left < 2 || right < 2 || node.shapeOf(lhs).back() != node.shapeOf(rhs).back() ||
      node.elementOf(lhs) != node.elementOf(rhs) || !isa<FloatType>(node.elementOf(lhs)))
    return node.fail("cdist of shapes " + node.describe(node.shapeOf(lhs)) + " and " +
                     node.describe(node.shapeOf(rhs)) + ", expected rows of equal length and type"),
           failure();
  Type type = node.elementOf(lhs);
  Value delta =
      applyBinary(node, node.insertUnitDim(lhs, left - 1), node.insertUnitDim(rhs, right - 2), type, type, difference);
  if (node.failed())
    return failure();
  return node.result(normOver(node, delta, node.rankOf(delta) - 1, /*keep=*/false, order, type));
}

/// The distances of the pairs of rows i < j, in the order of i.
LogicalResult pairDistances(NodeBuilder &node) {
  Value self = node.tensor("self");
  double order = readOrder(node, "p");
  if (node.failed())
    return failure();
  if (node.rankOf(self) != 2 || !isa<FloatType>(node.elementOf(self)))
    return node.fail("pdist of a tensor of shape " + node.describe(node.shapeOf(self)) +
                     ", expected a floating-point matrix"),
           failure();
  Type type = node.elementOf(self);
  int64_t rows = node.shapeOf(self)[0];
  SmallVector<Value> parts;
  for (int64_t row = 0; row + 1 < rows; ++row) {
    Value delta = applyBinary(node, node.slice(self, 0, row, 1), node.slice(self, 0, row + 1, rows - row - 1), type,
                              type, difference);
    parts.push_back(normOver(node, delta, 1, /*keep=*/false, order, type));
  }
  return node.result(parts.empty() ? node.fill({0}, type, Scalar::ofInt(0)) : node.concat(parts, 0));
}

/// Both operands over their norms, multiplied and added along `dim`. Norms below eps count as eps.
LogicalResult cosineSimilarity(NodeBuilder &node) {
  Value lhs = node.tensor("x1"), rhs = node.tensor("x2");
  constexpr double kEpsilon = 1e-8;
  double epsilon = node.real("eps", kEpsilon);
  Type type = node.realType({lhs, rhs});
  Shape shape = node.broadcastShape({lhs, rhs});
  int64_t dim = node.dimension("dim", shape.size(), 1);
  if (node.failed())
    return failure();
  auto normalized = [&](Value value) -> Value {
    value = node.broadcast(node.cast(value, type), shape);
    Value norm = normOver(node, value, dim, /*keep=*/true, 2, type);
    norm = applyFn(node, {norm}, type, type, [&](const Body &body, ValueRange elements) {
      return body.select(body.compare(Compare::Less, elements[0], epsilon), epsilon, elements[0]);
    });
    return applyBinary(node, value, norm, type, type, quotient);
  };
  Value terms = applyBinary(node, normalized(lhs), normalized(rhs), type, type, product);
  return node.result(sumOver(node, terms, dim, /*keep=*/false, type));
}

/// Shrinks every slice along `dim` whose norm is above `maxnorm` to it.
LogicalResult renorm(NodeBuilder &node) {
  Value self = node.tensor("self");
  double order = readOrder(node, "p"), greatest = node.real("maxnorm");
  if (node.failed())
    return failure();
  int64_t dim = node.dimension("dim", node.rankOf(self));
  SmallVector<int64_t> others = allDimensions(self);
  llvm::erase(others, dim);
  Type type = node.elementOf(self);
  if (!isa<FloatType>(type))
    return node.fail("renorm of integers is not possible"), failure();
  Value norm = normOver(node, self, others, /*keep=*/true, order, arithmeticType(type));
  Value factor =
      applyFn(node, {norm}, arithmeticType(type), arithmeticType(type), [&](const Body &body, ValueRange elements) {
        constexpr double kEpsilon = 1e-7;
        Value norm = elements[0], one = body.constant(norm.getType(), 1);
        Value shrunk = body.div(body.constant(norm.getType(), greatest), body.add(norm, kEpsilon));
        return body.select(body.compare(Compare::Greater, norm, greatest), shrunk, one);
      });
  return node.result(applyBinary(node, self, factor, type, type, product));
}

/// v · (g / |v|), with a norm for each index of dimension `dim`, or one of all elements for −1.
template <bool withNorm> LogicalResult weightNorm(NodeBuilder &node) {
  Value direction = node.tensor("v"), size = node.tensor("g");
  int64_t dim = node.integer("dim", 0);
  if (node.failed())
    return failure();
  SmallVector<int64_t> others = allDimensions(direction);
  if (dim != -1)
    llvm::erase(others, node.wrapDimension(dim, node.rankOf(direction)));
  Type type = node.elementOf(direction);
  if (!isa<FloatType>(type))
    return node.fail("weight_norm of integers is not possible"), failure();
  Type wide = arithmeticType(type);
  Value norm = normOver(node, direction, others, /*keep=*/dim != -1, 2, wide);
  Value factor = applyBinary(node, size, norm, wide, wide, quotient);
  Value weight = applyBinary(node, direction, factor, wide, type, product);
  if (!withNorm)
    return node.result(weight);
  // PyTorch gives the norm for backward alone.
  return node.results({weight, node.detach(node.cast(norm, node.declaredElement(1)))});
}

} // namespace

void registerDistanceOperators(OperatorTable &table) {
  table.add({"aten.linalg_vector_norm.default", "aten.linalg_norm.default", "aten.norm.Scalar",
             "aten.norm.ScalarOpt_dim", "aten.norm.ScalarOpt_dtype", "aten.norm.ScalarOpt_dim_dtype",
             "aten.frobenius_norm.dim"},
            vectorNorm);
  table.add("aten.dist.default", dist);
  table.add("aten.pairwise_distance.default", pairwiseDistance);
  table.add({"aten.cdist.default", "aten._cdist_forward.default", "aten._euclidean_dist.default"}, allDistances);
  table.add({"aten.pdist.default", "aten._pdist_forward.default"}, pairDistances);
  table.add("aten.cosine_similarity.default", cosineSimilarity);
  table.add("aten.renorm.default", renorm);
  table.add("aten._weight_norm.default", weightNorm<false>);
  table.add("aten._weight_norm_interface.default", weightNorm<true>);
}

} // namespace raddle::import
