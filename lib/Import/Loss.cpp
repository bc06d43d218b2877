#include "LossOps.h"
#include <cmath>

using namespace mlir;

namespace raddle::import {

int64_t readLossReduction(NodeBuilder &node) {
  int64_t reduction = node.integer("reduction", LossReduction::Mean);
  if (!node.failed() && reduction != None && reduction != Mean && reduction != Sum)
    node.fail(node.node.target + " with reduction " + Twine(reduction) + ", expected 0, 1 or 2");
  return reduction;
}

LogicalResult reduceLoss(NodeBuilder &node, Value elements, int64_t reduction) {
  if (node.failed() || reduction == None)
    return node.result(elements);
  SmallVector<int64_t> dims = allDimensions(elements);
  Type type = node.elementOf(elements);
  return node.result(reduction == Sum ? sumOver(node, elements, dims, /*keep=*/false, type)
                                      : meanOver(node, elements, dims, /*keep=*/false, type));
}

namespace {

using Compare = Body::Compare;

/// A loss of `operands`, element by element, reduced.
LogicalResult elementLoss(NodeBuilder &node, ArrayRef<Operand> operands, AnyFn fn) {
  int64_t reduction = readLossReduction(node);
  Type type = node.realType(operands);
  return reduceLoss(node, applyFn(node, operands, type, type, fn), reduction);
}

/// A loss of the difference of input and target.
using DistanceFn = Value (*)(const Body &, Value delta, double bound);
template <DistanceFn fn> LogicalResult distanceLoss(NodeBuilder &node) {
  double bound = node.real(node.has("beta") ? "beta" : "delta", 1.0);
  return elementLoss(node, {node.tensor("self"), node.tensor("target")}, [&](const Body &body, ValueRange elements) {
    return fn(body, body.sub(elements[0], elements[1]), bound);
  });
}
Value squared(const Body &body, Value delta, double) { return body.mul(delta, delta); }
Value absolute(const Body &body, Value delta, double) { return body.abs(delta); }
Value smooth(const Body &body, Value delta, double beta) {
  Value size = body.abs(delta);
  if (beta == 0)
    return size;
  Value curve = body.div(body.mul(body.mul(delta, delta), 0.5), beta);
  return body.select(body.compare(Compare::Less, size, beta), curve, body.sub(size, beta / 2));
}
Value huber(const Body &body, Value delta, double bound) {
  Value size = body.abs(delta);
  Value curve = body.mul(body.mul(delta, delta), 0.5);
  return body.select(body.compare(Compare::LessEqual, size, bound), curve, body.mul(body.sub(size, bound / 2), bound));
}

/// −w (t log x + (1 − t) log(1 − x)), with logarithms not below −100. Their derivative is 1 / x, bounded below by a
/// small number, as in PyTorch.
LogicalResult binaryCrossEntropy(NodeBuilder &node) {
  SmallVector<Operand, 3> operands{node.tensor("self"), node.tensor("target")};
  if (node.has("weight"))
    operands.push_back(node.tensor("weight"));
  return elementLoss(node, operands, [](const Body &body, ValueRange elements) {
    constexpr double kLowest = -100;
    Value x = elements[0], target = elements[1];
    auto logarithm = [&](Value value) {
      Value log = body.log(value);
      return body.select(body.compare(Compare::Less, log, kLowest), kLowest, log);
    };
    Value one = body.constant(x.getType(), 1);
    Value loss = body.sub(body.mul(body.sub(target, one), logarithm(body.sub(one, x))), body.mul(target, logarithm(x)));
    return elements.size() == 3 ? body.mul(loss, elements[2]) : loss;
  });
}

/// (1 − t) x + (1 + (p − 1) t) log(1 + exp(−x)), without overflow: log(1 + exp(−|x|)) + max(−x, 0) in its place.
LogicalResult binaryCrossEntropyWithLogits(NodeBuilder &node) {
  SmallVector<Operand, 4> operands{node.tensor("self"), node.tensor("target")};
  bool hasWeight = node.has("weight"), hasPositive = node.has("pos_weight");
  if (hasWeight)
    operands.push_back(node.tensor("weight"));
  if (hasPositive)
    operands.push_back(node.tensor("pos_weight"));
  return elementLoss(node, operands, [&](const Body &body, ValueRange elements) {
    Value x = elements[0], target = elements[1], one = body.constant(x.getType(), 1);
    Value negative = body.neg(x);
    Value log = body.make<math::Log1pOp>(body.exp(body.neg(body.abs(x))));
    log = body.add(log, body.select(body.compare(Compare::Less, negative, 0), 0, negative));
    if (hasPositive)
      log = body.mul(log, body.add(body.mul(body.sub(elements.back(), one), target), one));
    Value loss = body.add(body.mul(body.sub(one, target), x), log);
    return hasWeight ? body.mul(loss, elements[2]) : loss;
  });
}

/// t (log t − x), 0 where t is not above 0; exp(t) (t − x) for a target that is a logarithm.
LogicalResult divergence(NodeBuilder &node) {
  bool isLog = node.boolean("log_target", false);
  return elementLoss(node, {node.tensor("self"), node.tensor("target")}, [&](const Body &body, ValueRange elements) {
    Value x = elements[0], target = elements[1];
    if (isLog)
      return body.mul(body.exp(target), body.sub(target, x));
    // As torch.xlogy: the product with x stays, so that an infinite x shows.
    Value isZero = body.compare(Compare::Equal, target, 0);
    Value entropy = body.mul(target, body.log(body.select(isZero, 1, target)));
    return body.sub(entropy, body.mul(target, x));
  });
}

LogicalResult softMargin(NodeBuilder &node) {
  return elementLoss(node, {node.tensor("self"), node.tensor("target")}, [](const Body &body, ValueRange elements) {
    Value product = body.neg(body.mul(elements[0], elements[1]));
    return body.make<math::Log1pOp>(body.exp(product));
  });
}

/// max(x, 0) with the gradient of PyTorch's clamp_min: all of it at 0.
Value atLeastZero(const Body &body, Value x) { return body.select(body.compare(Compare::Less, x, 0), 0, x); }

/// x where t = 1, max(0, margin − x) where t = −1.
LogicalResult hingeEmbedding(NodeBuilder &node) {
  double margin = node.real("margin", 1.0);
  return elementLoss(node, {node.tensor("self"), node.tensor("target")}, [&](const Body &body, ValueRange elements) {
    Value x = elements[0], target = elements[1], zero = body.constant(x.getType(), 0);
    Value hinge = atLeastZero(body, body.sub(body.constant(x.getType(), margin), x));
    Value first = body.select(body.compare(Compare::NotEqual, target, 1), hinge, zero);
    return body.add(first, body.select(body.compare(Compare::NotEqual, target, -1), x, zero));
  });
}

/// max(0, −t (x1 − x2) + margin)
LogicalResult marginRanking(NodeBuilder &node) {
  double margin = node.real("margin", 0.0);
  SmallVector<Operand, 3> operands{node.tensor("input1"), node.tensor("input2"), node.tensor("target")};
  return elementLoss(node, operands, [&](const Body &body, ValueRange elements) {
    Value product = body.mul(body.neg(elements[2]), body.sub(elements[0], elements[1]));
    return atLeastZero(body, body.add(product, margin));
  });
}

/// exp(x) − t x, or x − t log(x + eps); `full` adds Stirling's approximation of log t! where t > 1.
LogicalResult poisson(NodeBuilder &node) {
  bool isLog = node.boolean("log_input", true), isFull = node.boolean("full", false);
  constexpr double kEpsilon = 1e-8;
  double epsilon = node.real("eps", kEpsilon);
  return elementLoss(node, {node.tensor("input"), node.tensor("target")}, [&](const Body &body, ValueRange elements) {
    Value x = elements[0], target = elements[1];
    Value loss = isLog ? body.sub(body.exp(x), body.mul(target, x))
                       : body.sub(x, body.mul(target, body.log(body.add(x, epsilon))));
    if (!isFull)
      return loss;
    Value large = body.compare(Compare::Greater, target, 1);
    Value inside = body.select(large, target, body.constant(target.getType(), 1));
    Value stirling = body.sub(body.mul(inside, body.log(inside)), inside);
    stirling = body.add(stirling, body.mul(body.log(body.mul(inside, 2 * M_PI)), 0.5));
    return body.add(loss, body.select(large, stirling, body.constant(x.getType(), 0)));
  });
}

/// The p-norm of a − b + eps over the last dimension.
Value distanceOf(NodeBuilder &node, Value lhs, Value rhs, double order, double epsilon, Type type) {
  Value delta = applyFn(node, {lhs, rhs}, type, type, [&](const Body &body, ValueRange elements) {
    return body.add(body.sub(elements[0], elements[1]), epsilon);
  });
  if (!node.failed() && node.rankOf(delta) == 0)
    node.fail(node.node.target + " of tensors without dimensions");
  return node.failed() ? Value() : normOver(node, delta, node.rankOf(delta) - 1, /*keep=*/false, order, type);
}

/// max(0, margin + |a − p| − |a − n|); with `swap` the nearer of |a − n| and |p − n|.
LogicalResult tripletMargin(NodeBuilder &node) {
  constexpr double kEpsilon = 1e-6;
  Value anchor = node.tensor("anchor"), positive = node.tensor("positive"), negative = node.tensor("negative");
  double margin = node.real("margin", 1.0), order = node.real("p", 2.0), epsilon = node.real("eps", kEpsilon);
  bool swaps = node.boolean("swap", false);
  Type type = node.realType({anchor, positive, negative});
  Value near = distanceOf(node, anchor, positive, order, epsilon, type);
  Value far = distanceOf(node, anchor, negative, order, epsilon, type);
  SmallVector<Operand, 3> operands{near, far};
  if (swaps)
    operands.push_back(distanceOf(node, positive, negative, order, epsilon, type));
  if (node.failed())
    return failure();
  return elementLoss(node, operands, [&](const Body &body, ValueRange elements) {
    Value other = swaps ? body.min(elements[1], elements[2]) : elements[1];
    return atLeastZero(body, body.sub(body.add(elements[0], margin), other));
  });
}

/// 1 − cos(x1, x2) where t = 1, max(0, cos − margin) where t = −1.
LogicalResult cosineEmbedding(NodeBuilder &node) {
  Value lhs = node.tensor("input1"), rhs = node.tensor("input2"), target = node.tensor("target");
  double margin = node.real("margin", 0.0);
  Type type = node.realType({lhs, rhs});
  if (node.failed())
    return failure();
  int64_t dim = node.rankOf(target);
  if (node.rankOf(lhs) != dim + 1 || node.rankOf(rhs) != dim + 1)
    return node.fail("cosine_embedding_loss of inputs of ranks " + Twine(node.rankOf(lhs)) + " and " +
                     Twine(node.rankOf(rhs)) + " with a target of rank " + Twine(dim)),
           failure();
  constexpr double kEpsilon = 1e-12;
  auto sumOfProducts = [&](Value a, Value b, double epsilon) {
    Value terms = applyFn(node, {a, b}, type, type,
                          [](const Body &body, ValueRange elements) { return body.mul(elements[0], elements[1]); });
    Value sum = sumOver(node, terms, dim, /*keep=*/false, type);
    return applyFn(node, {sum}, type, type,
                   [&](const Body &body, ValueRange elements) { return body.add(elements[0], epsilon); });
  };
  SmallVector<Operand, 4> operands{sumOfProducts(lhs, rhs, 0), sumOfProducts(lhs, lhs, kEpsilon),
                                   sumOfProducts(rhs, rhs, kEpsilon), target};
  return elementLoss(node, operands, [&](const Body &body, ValueRange elements) {
    Value cosine = body.div(elements[0], body.sqrt(body.mul(elements[1], elements[2])));
    Value zero = body.constant(cosine.getType(), 0), one = body.constant(cosine.getType(), 1);
    Value apart = atLeastZero(body, body.sub(cosine, margin));
    Value loss = body.select(body.compare(Compare::Equal, elements[3], -1), apart, zero);
    return body.select(body.compare(Compare::Equal, elements[3], 1), body.sub(one, cosine), loss);
  });
}

} // namespace

void registerLossOperators(OperatorTable &table) {
  table.add("aten.mse_loss.default", distanceLoss<squared>);
  table.add("aten.l1_loss.default", distanceLoss<absolute>);
  table.add("aten.smooth_l1_loss.default", distanceLoss<smooth>);
  table.add("aten.huber_loss.default", distanceLoss<huber>);
  table.add("aten.binary_cross_entropy.default", binaryCrossEntropy);
  table.add("aten.binary_cross_entropy_with_logits.default", binaryCrossEntropyWithLogits);
  table.add("aten.kl_div.default", divergence);
  table.add("aten.soft_margin_loss.default", softMargin);
  table.add("aten.hinge_embedding_loss.default", hingeEmbedding);
  table.add("aten.margin_ranking_loss.default", marginRanking);
  table.add("aten.poisson_nll_loss.default", poisson);
  table.add("aten.triplet_margin_loss.default", tripletMargin);
  table.add("aten.cosine_embedding_loss.default", cosineEmbedding);
}

} // namespace raddle::import
