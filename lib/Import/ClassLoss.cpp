#include "LossOps.h"
#include "Rows.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "raddle/Dialect/NN/IR/NNOps.h"

using namespace mlir;

namespace raddle::import {

namespace {

using Compare = Body::Compare;

/// The index of labels that do not count, by PyTorch's default.
constexpr int64_t kIgnoreIndex = -100;

/// Scores as [N, C] and labels as [N]: the class dimension, 1, goes last and the others become rows.
struct LabelledScores {
  Value scores, labels;
  Value weights; // [C] of the scores' type, or null
  Shape shape;   // of the labels as they were
  int64_t ignoreIndex = 0;
};

size_t classDimension(ArrayRef<int64_t> scores) { return scores.size() > 1 ? 1 : 0; }

Value classesLast(NodeBuilder &node, Value scores) {
  SmallVector<int64_t> permutation = allDimensions(scores);
  size_t dim = classDimension(node.shapeOf(scores));
  permutation.erase(permutation.begin() + dim);
  permutation.push_back(dim);
  int64_t classes = node.shapeOf(scores)[dim];
  int64_t rows = 1;
  for (auto [index, size] : llvm::enumerate(node.shapeOf(scores)))
    rows *= index == dim ? 1 : size;
  return node.reshape(node.transpose(scores, permutation), {rows, classes});
}

/// One weight a class, in the type of the scores.
Value readWeights(NodeBuilder &node, int64_t classes, Type type) {
  Value weights = node.optionalTensor("weight");
  if (node.failed() || !weights)
    return nullptr;
  if (node.shapeOf(weights) != ArrayRef(classes))
    return node.fail(node.node.target + " of " + Twine(classes) + " classes with weights of shape " +
                     node.describe(node.shapeOf(weights)));
  return node.cast(weights, type);
}

std::optional<LabelledScores> readScores(NodeBuilder &node) {
  LabelledScores result;
  result.scores = node.tensor("self");
  result.labels = node.tensor("target");
  result.ignoreIndex = node.integer("ignore_index", kIgnoreIndex);
  if (node.failed())
    return std::nullopt;
  ArrayRef<int64_t> shape = node.shapeOf(result.scores);
  Shape rows(node.shapeOf(result.labels)), expected(shape);
  if (!expected.empty())
    expected.erase(expected.begin() + classDimension(shape));
  Type labelType = node.elementOf(result.labels);
  if (shape.empty() || expected != rows || !isa<IntegerType>(labelType) || labelType.isInteger(1) ||
      !isa<FloatType>(node.elementOf(result.scores))) {
    node.fail(node.node.target + " of scores " + node.describe(shape) + " and labels " + node.describe(rows) +
              ": expected floating-point scores and an integer class for each of " + node.describe(expected));
    return std::nullopt;
  }
  int64_t classes = shape[classDimension(shape)];
  if (classes == 0) {
    node.fail(node.node.target + " with no classes");
    return std::nullopt;
  }
  result.weights = readWeights(node, classes, node.elementOf(result.scores));
  result.scores = classesLast(node, result.scores);
  result.labels = node.reshape(result.labels, {ShapedType::getNumElements(rows)});
  result.shape = rows;
  return node.failed() ? std::nullopt : std::optional(result);
}

/// With labels that are reported at run time where they name no class. Cross-entropy reports them itself.
void checkLabels(NodeBuilder &node, LabelledScores &operands, std::optional<int64_t> ignored) {
  if (!node.failed())
    operands.labels = checkedIndex(node, operands.labels, node.shapeOf(operands.scores)[1], /*fromEnd=*/false, ignored);
}

/// Computes a row's element from its label, held inside the classes so that the memory read stays in bounds whatever
/// the data, and whether the label counts.
using LabelFn = llvm::function_ref<Value(const Body &, Value isIgnored, Value column, ValueRange elements)>;
Value mapLabels(NodeBuilder &node, const LabelledScores &operands, ArrayRef<Value> others, LabelFn fn) {
  if (node.failed())
    return nullptr;
  int64_t classes = node.shapeOf(operands.scores)[1];
  SmallVector<Value> tensors{operands.labels};
  llvm::append_range(tensors, others);
  return node.mapElements(node.shapeOf(operands.labels), tensors, node.elementOf(operands.scores),
                          [&](OpBuilder &builder, Location loc, ValueRange elements) {
                            Body body{builder, loc};
                            Value label = convertScalar(builder, loc, elements[0], builder.getI64Type());
                            auto constant = [&](int64_t value) {
                              return body.constant(label.getType(), Scalar::ofInt(value));
                            };
                            Value isIgnored = body.compare(Compare::Equal, label, constant(operands.ignoreIndex));
                            Value inside = body.min(body.max(label, constant(0)), constant(classes - 1));
                            Value column = arith::IndexCastOp::create(builder, loc, builder.getIndexType(), inside);
                            return fn(body, isIgnored, column, elements.drop_front());
                          });
}

Value zeroLike(const Body &body, Value value) { return body.constant(value.getType(), 0); }

/// −scores[i, label[i]], times the label's weight; 0 in rows that are ignored.
Value pickNegated(NodeBuilder &node, const LabelledScores &operands) {
  return mapLabels(node, operands, {}, [&](const Body &body, Value isIgnored, Value column, ValueRange) -> Value {
    Value row = linalg::IndexOp::create(body.builder, body.loc, 0);
    Value score = tensor::ExtractOp::create(body.builder, body.loc, operands.scores, ValueRange{row, column});
    Value loss = body.neg(score);
    if (operands.weights)
      loss = body.mul(loss, tensor::ExtractOp::create(body.builder, body.loc, operands.weights, column).getResult());
    return body.select(isIgnored, zeroLike(body, loss), loss);
  });
}

/// The weight of each row's label, 1 without weights, 0 in rows that are ignored.
Value labelWeights(NodeBuilder &node, const LabelledScores &operands) {
  Type type = node.elementOf(operands.scores);
  return mapLabels(node, operands, {}, [&](const Body &body, Value isIgnored, Value column, ValueRange) -> Value {
    Value weight = operands.weights
                       ? tensor::ExtractOp::create(body.builder, body.loc, operands.weights, column).getResult()
                       : body.constant(type, 1);
    return body.select(isIgnored, zeroLike(body, weight), weight);
  });
}

Value quotient(NodeBuilder &node, Value total, Value count) {
  if (node.failed())
    return nullptr;
  Type type = node.elementOf(total);
  return applyBinary(node, total, count, type, type,
                     [](const Body &body, Value lhs, Value rhs) { return body.div(lhs, rhs); });
}

/// Rows of losses as the node's result: as they are, added, or added over the sum of weights, which on several ranks is
/// the mean of the ranks' sums.
LogicalResult reduceRows(NodeBuilder &node, const LabelledScores &operands, Value rows, int64_t reduction) {
  if (node.failed())
    return failure();
  if (reduction == None)
    return node.result(node.reshape(rows, operands.shape));
  Type type = node.elementOf(rows);
  Value total = sumOver(node, rows, 0, /*keep=*/false, type);
  if (reduction == Sum)
    return node.result(total);
  Value count = sumOver(node, labelWeights(node, operands), 0, /*keep=*/false, type);
  count = nn::RankMeanOp::create(node.builder, node.loc, count.getType(), count);
  return node.result(quotient(node, total, count));
}

nn::CrossEntropyOp buildCrossEntropy(NodeBuilder &node, const LabelledScores &operands) {
  Type type = node.elementOf(operands.scores);
  auto scalar = RankedTensorType::get({}, type);
  auto rows = RankedTensorType::get(node.shapeOf(operands.labels), type);
  return nn::CrossEntropyOp::create(node.builder, node.loc, TypeRange{scalar, scalar, rows}, operands.scores,
                                    operands.labels, node.builder.getI64IntegerAttr(operands.ignoreIndex));
}

/// Σ over classes of (lse − score), times the class's weight: what label smoothing mixes in.
Value sumOfLosses(NodeBuilder &node, const LabelledScores &operands, Value lse) {
  Type type = node.elementOf(operands.scores), wide = arithmeticType(type);
  SmallVector<Operand, 3> terms{operands.scores, node.insertUnitDim(lse, 1)};
  if (operands.weights)
    terms.push_back(operands.weights);
  Value losses = applyFn(node, terms, wide, wide, [&](const Body &body, ValueRange elements) {
    Value loss = body.sub(elements[1], elements[0]);
    return operands.weights ? body.mul(loss, elements[2]) : loss;
  });
  return sumOver(node, losses, 1, /*keep=*/false, type);
}

/// Cross-entropy of labels: (1 − s) w[y] (lse − x[y]) + s/C Σ w[c] (lse − x[c]) with smoothing s.
LogicalResult labelCrossEntropy(NodeBuilder &node, double smoothing) {
  std::optional<LabelledScores> operands = readScores(node);
  int64_t reduction = readLossReduction(node);
  if (!operands || node.failed())
    return failure();
  nn::CrossEntropyOp loss = buildCrossEntropy(node, *operands);
  if (smoothing == 0 && !operands->weights) {
    if (reduction == Sum)
      return node.result(loss.getLossSum());
    if (reduction == Mean)
      return node.result(quotient(node, loss.getLossSum(), loss.getCount()));
  }
  int64_t classes = node.shapeOf(operands->scores)[1];
  SmallVector<Value> others{loss.getLse()};
  if (smoothing != 0)
    others.push_back(sumOfLosses(node, *operands, loss.getLse()));
  Value rows = mapLabels(
      node, *operands, others, [&](const Body &body, Value isIgnored, Value column, ValueRange elements) -> Value {
        Value row = linalg::IndexOp::create(body.builder, body.loc, 0);
        Value score = tensor::ExtractOp::create(body.builder, body.loc, operands->scores, ValueRange{row, column});
        Value loss = body.sub(elements[0], score);
        if (operands->weights)
          loss =
              body.mul(loss, tensor::ExtractOp::create(body.builder, body.loc, operands->weights, column).getResult());
        if (smoothing != 0)
          loss = body.add(body.mul(loss, 1 - smoothing), body.mul(elements[1], smoothing / double(classes)));
        return body.select(isIgnored, zeroLike(body, loss), loss);
      });
  return reduceRows(node, *operands, rows, reduction);
}

/// Cross-entropy of a distribution over the classes: Σ w[c] t[c] (lse − x[c]); the mean is over rows.
LogicalResult distributionCrossEntropy(NodeBuilder &node, double smoothing) {
  Value scores = node.tensor("self"), target = node.tensor("target");
  int64_t reduction = readLossReduction(node);
  if (node.failed())
    return failure();
  Shape shape(node.shapeOf(scores));
  if (shape.empty() || node.shapeOf(target) != ArrayRef(shape) || !isa<FloatType>(node.elementOf(scores)))
    return node.fail("cross_entropy_loss of scores " + node.describe(shape) + " and probabilities " +
                     node.describe(node.shapeOf(target)) + ", expected equal shapes"),
           failure();
  Type type = node.elementOf(scores), wide = arithmeticType(type);
  int64_t classes = shape[classDimension(shape)];
  Value weights = readWeights(node, classes, type);
  scores = classesLast(node, scores);
  target = classesLast(node, target);
  if (node.failed())
    return failure();
  LabelledScores operands;
  operands.scores = scores;
  operands.labels = node.fill(node.shapeOf(scores)[0], node.builder.getI64Type(), Scalar::ofInt(0));
  Value lse = buildCrossEntropy(node, operands).getLse();
  SmallVector<Operand, 4> terms{scores, target, node.insertUnitDim(lse, 1)};
  if (weights)
    terms.push_back(weights);
  Value losses = applyFn(node, terms, wide, wide, [&](const Body &body, ValueRange elements) {
    Value share = elements[1];
    if (smoothing != 0)
      share = body.add(body.mul(share, 1 - smoothing), smoothing / double(classes));
    Value loss = body.mul(share, body.sub(elements[2], elements[0]));
    return weights ? body.mul(loss, elements[3]) : loss;
  });
  shape.erase(shape.begin() + classDimension(shape));
  return reduceLoss(node, node.reshape(sumOver(node, losses, 1, /*keep=*/false, type), shape), reduction);
}

LogicalResult crossEntropy(NodeBuilder &node) {
  Value target = node.tensor("target");
  double smoothing = node.real("label_smoothing", 0.0);
  if (node.failed())
    return failure();
  if (!(smoothing >= 0 && smoothing <= 1))
    return node.fail("cross_entropy_loss with label_smoothing " + std::to_string(smoothing) + ", expected 0 to 1"),
           failure();
  return isa<FloatType>(node.elementOf(target)) ? distributionCrossEntropy(node, smoothing)
                                                : labelCrossEntropy(node, smoothing);
}

/// The loss, and for the forward variants the total weight.
template <bool withWeight> LogicalResult negativeLogLikelihood(NodeBuilder &node) {
  std::optional<LabelledScores> operands = readScores(node);
  int64_t reduction = readLossReduction(node);
  if (!operands || node.failed())
    return failure();
  checkLabels(node, *operands, operands->ignoreIndex);
  Value rows = pickNegated(node, *operands);
  if (!withWeight)
    return reduceRows(node, *operands, rows, reduction);
  Type type = node.elementOf(operands->scores);
  Value count = sumOver(node, labelWeights(node, *operands), 0, /*keep=*/false, type);
  if (reduction == None)
    return node.results({node.reshape(rows, operands->shape), count});
  Value total = sumOver(node, rows, 0, /*keep=*/false, type);
  return node.results({reduction == Mean ? quotient(node, total, count) : total, count});
}

/// Σ over the other classes c of w[y] max(0, margin − x[y] + x[c])^p / C.
LogicalResult multiMargin(NodeBuilder &node) {
  std::optional<LabelledScores> operands = readScores(node);
  int64_t reduction = readLossReduction(node);
  double order = node.real("p", 1.0), margin = node.real("margin", 1.0);
  if (!operands || node.failed())
    return failure();
  if (order != 1 && order != 2)
    return node.fail("multi_margin_loss with p=" + std::to_string(order) + ", expected 1 or 2"), failure();
  checkLabels(node, *operands, std::nullopt);
  Type type = node.elementOf(operands->scores);
  LabelledScores unweighted = *operands;
  unweighted.weights = nullptr;
  Value own = node.insertUnitDim(pickNegated(node, unweighted), 1);
  Value weights = node.insertUnitDim(labelWeights(node, *operands), 1);
  Value labels = node.insertUnitDim(node.cast(operands->labels, node.builder.getI64Type()), 1);
  if (node.failed())
    return failure();
  int64_t classes = node.shapeOf(operands->scores)[1];
  Value terms = node.mapElements(node.shapeOf(operands->scores), {operands->scores, own, weights, labels}, type,
                                 [&](OpBuilder &builder, Location loc, ValueRange elements) {
                                   Body body{builder, loc};
                                   Value column =
                                       arith::IndexCastOp::create(builder, loc, builder.getI64Type(),
                                                                  linalg::IndexOp::create(builder, loc, 1).getResult());
                                   Value gap = body.add(body.add(elements[1], elements[0]), margin);
                                   Value hinge = body.select(body.compare(Compare::LessEqual, gap, 0), 0, gap);
                                   Value loss = order == 1 ? hinge : body.mul(hinge, hinge);
                                   loss = body.div(body.mul(loss, elements[2]), double(classes));
                                   return body.select(body.compare(Compare::Equal, column, elements[3]), 0, loss);
                                 });
  Value rows = sumOver(node, terms, 1, /*keep=*/false, type);
  return reduceLoss(node, node.reshape(rows, operands->shape), reduction);
}

} // namespace

void registerClassLossOperators(OperatorTable &table) {
  table.add("aten.cross_entropy_loss.default", crossEntropy);
  table.add({"aten.nll_loss.default", "aten.nll_loss_nd.default", "aten.nll_loss2d.default"},
            negativeLogLikelihood<false>);
  table.add({"aten.nll_loss_forward.default", "aten.nll_loss2d_forward.default"}, negativeLogLikelihood<true>);
  table.add("aten.multi_margin_loss.default", multiMargin);
}

} // namespace raddle::import
