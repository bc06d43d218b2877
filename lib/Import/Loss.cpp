#include "Body.h"
#include "Operators.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "raddle/Dialect/NN/IR/NNOps.h"
#include "llvm/ADT/SmallVectorExtras.h"

using namespace mlir;

namespace raddle::import {

namespace {

/// PyTorch's numbers for what a loss does with its elements.
enum Reduction : int64_t { None = 0, Mean = 1, Sum = 2 };

/// The index of labels that do not count, by PyTorch's default.
constexpr int64_t kIgnoreIndex = -100;

int64_t readReduction(NodeBuilder &node) {
  int64_t reduction = node.integer("reduction", Reduction::Mean);
  if (!node.failed() && reduction != None && reduction != Mean && reduction != Sum)
    node.fail(node.node.target + " with reduction " + Twine(reduction) + ", expected 0, 1 or 2");
  return reduction;
}

/// Reduces the elements of a loss; the mean multiplies by 1 over their number.
LogicalResult reduceLoss(NodeBuilder &node, Value elements, int64_t reduction) {
  if (node.failed() || reduction == None)
    return node.result(elements);
  SmallVector<int64_t> dims = llvm::to_vector(llvm::seq<int64_t>(0, node.rankOf(elements)));
  Type type = node.elementOf(elements);
  Value total = node.reduce(
      elements, dims, /*keep=*/false, type, Scalar::ofFloat(0),
      [](OpBuilder &builder, Location loc, Value acc, Value element) { return Body{builder, loc}.add(acc, element); });
  if (node.failed() || reduction == Sum)
    return node.result(total);
  double factor = 1.0 / double(node.typeOf(elements).getNumElements());
  return node.result(node.elementwise({total}, type, type, [&](OpBuilder &builder, Location loc, ValueRange values) {
    Body body{builder, loc};
    return body.mul(values[0], body.constant(values[0].getType(), factor));
  }));
}

using DistanceFn = Value (*)(const Body &, Value);
template <DistanceFn fn> LogicalResult distanceLoss(NodeBuilder &node) {
  Value self = node.tensor("self"), target = node.tensor("target");
  int64_t reduction = readReduction(node);
  Type type = node.promote({self, target});
  Value elements =
      node.elementwise({self, target}, type, type, [](OpBuilder &builder, Location loc, ValueRange values) {
        Body body{builder, loc};
        return fn(body, body.sub(values[0], values[1]));
      });
  return reduceLoss(node, elements, reduction);
}
Value squared(const Body &body, Value delta) { return body.mul(delta, delta); }
Value absolute(const Body &body, Value delta) { return body.make<math::AbsFOp>(delta); }

/// Scores as [N, C] and labels as [N]: the class dimension, 1, goes last and the others become rows.
struct LabelledScores {
  Value scores, labels;
  Shape shape; // of the labels as they were
  int64_t ignoreIndex = 0;
};

std::optional<LabelledScores> readScores(NodeBuilder &node) {
  LabelledScores result;
  result.scores = node.tensor("self");
  result.labels = node.tensor("target");
  result.ignoreIndex = node.integer("ignore_index", kIgnoreIndex);
  if (node.failed())
    return std::nullopt;
  ArrayRef<int64_t> shape = node.shapeOf(result.scores);
  Shape rows(node.shapeOf(result.labels));
  Shape expected(shape);
  size_t classDim = shape.size() > 1 ? 1 : 0;
  if (!expected.empty())
    expected.erase(expected.begin() + classDim);
  Type labelType = node.elementOf(result.labels);
  if (shape.empty() || expected != rows || !isa<IntegerType>(labelType) || labelType.isInteger(1) ||
      !isa<FloatType>(node.elementOf(result.scores))) {
    node.fail(node.node.target + " of scores " + node.describe(shape) + " and labels " + node.describe(rows) +
              ": expected floating-point scores and an integer class for each of " + node.describe(expected));
    return std::nullopt;
  }
  int64_t classes = shape[classDim], count = ShapedType::getNumElements(rows);
  SmallVector<int64_t> permutation = llvm::to_vector(llvm::seq<int64_t>(0, shape.size()));
  permutation.erase(permutation.begin() + classDim);
  permutation.push_back(classDim);
  result.scores = node.reshape(node.transpose(result.scores, permutation), {count, classes});
  result.labels = node.reshape(result.labels, {count});
  result.shape = rows;
  return node.failed() ? std::nullopt : std::optional(result);
}

/// −scores[i, label[i]], 0 in rows that are ignored. A label outside of the classes reads the nearest class: the
/// memory read stays in bounds whatever the data.
Value pickNegated(NodeBuilder &node, const LabelledScores &operands) {
  Type type = node.elementOf(operands.scores);
  int64_t classes = node.shapeOf(operands.scores)[1];
  if (classes == 0)
    return node.fail(node.node.target + " with no classes");
  return node.mapElements(node.shapeOf(operands.labels), {operands.labels}, type,
                          [&](OpBuilder &builder, Location loc, ValueRange elements) {
                            Body body{builder, loc};
                            Value label = convertScalar(builder, loc, elements[0], builder.getI64Type());
                            Value ignored =
                                body.compare(Body::Compare::Equal, label,
                                             body.constant(label.getType(), Scalar::ofInt(operands.ignoreIndex)));
                            Value inside = body.max(label, body.constant(label.getType(), Scalar::ofInt(0)));
                            inside = body.min(inside, body.constant(label.getType(), Scalar::ofInt(classes - 1)));
                            Value column = arith::IndexCastOp::create(builder, loc, builder.getIndexType(), inside);
                            Value row = linalg::IndexOp::create(builder, loc, 0);
                            Value score =
                                tensor::ExtractOp::create(builder, loc, operands.scores, ValueRange{row, column});
                            return body.select(ignored, body.constant(type, 0), body.neg(score));
                          });
}

/// The number of labels that count, as an element of `type`.
Value countLabels(NodeBuilder &node, const LabelledScores &operands, Type type) {
  Value counts = node.mapElements(node.shapeOf(operands.labels), {operands.labels}, type,
                                  [&](OpBuilder &builder, Location loc, ValueRange elements) {
                                    Body body{builder, loc};
                                    Value ignore =
                                        body.constant(elements[0].getType(), Scalar::ofInt(operands.ignoreIndex));
                                    Value counted = body.compare(Body::Compare::NotEqual, elements[0], ignore);
                                    return body.select(counted, body.constant(type, 1), body.constant(type, 0));
                                  });
  return node.reduce(
      counts, 0, /*keep=*/false, type, Scalar::ofFloat(0),
      [](OpBuilder &builder, Location loc, Value acc, Value element) { return Body{builder, loc}.add(acc, element); });
}

Value quotient(NodeBuilder &node, Value total, Value count) {
  if (node.failed())
    return nullptr;
  Type type = node.elementOf(total);
  return node.elementwise({total, count}, type, type, [](OpBuilder &builder, Location loc, ValueRange values) {
    return Body{builder, loc}.div(values[0], values[1]);
  });
}

LogicalResult crossEntropy(NodeBuilder &node) {
  std::optional<LabelledScores> operands = readScores(node);
  int64_t reduction = readReduction(node);
  if (node.failed())
    return failure();
  Type type = node.elementOf(operands->scores);
  auto scalar = RankedTensorType::get({}, type);
  auto rows = RankedTensorType::get(node.shapeOf(operands->labels), type);
  auto loss = nn::CrossEntropyOp::create(node.builder, node.loc, TypeRange{scalar, scalar, rows}, operands->scores,
                                         operands->labels, node.builder.getI64IntegerAttr(operands->ignoreIndex));
  if (reduction == Sum)
    return node.result(loss.getLossSum());
  if (reduction == Mean)
    return node.result(quotient(node, loss.getLossSum(), loss.getCount()));
  // One loss a row: lse − score of the label, 0 where it is ignored.
  Value picked = pickNegated(node, *operands);
  Value elements =
      node.mapElements(node.shapeOf(operands->labels), {loss.getLse(), picked, operands->labels}, type,
                       [&](OpBuilder &builder, Location loc, ValueRange values) {
                         Body body{builder, loc};
                         Value ignore = body.constant(values[2].getType(), Scalar::ofInt(operands->ignoreIndex));
                         Value counted = body.compare(Body::Compare::NotEqual, values[2], ignore);
                         return body.select(counted, body.add(values[0], values[1]), body.constant(type, 0));
                       });
  return node.result(node.reshape(elements, operands->shape));
}

/// The loss, and for the forward variants the total weight, which is the number of labels that count.
template <bool withWeight> LogicalResult negativeLogLikelihood(NodeBuilder &node) {
  std::optional<LabelledScores> operands = readScores(node);
  int64_t reduction = readReduction(node);
  if (node.failed())
    return failure();
  Type type = node.elementOf(operands->scores);
  Value elements = pickNegated(node, *operands);
  Value count = countLabels(node, *operands, type);
  Value loss;
  if (reduction == None) {
    loss = node.reshape(elements, operands->shape);
  } else {
    loss = node.reduce(elements, 0, /*keep=*/false, type, Scalar::ofFloat(0),
                       [](OpBuilder &builder, Location loc, Value acc, Value element) {
                         return Body{builder, loc}.add(acc, element);
                       });
    if (reduction == Mean)
      loss = quotient(node, loss, count);
  }
  if (!withWeight)
    return node.result(loss);
  return node.results({loss, count});
}

} // namespace

void registerLossOperators(OperatorTable &table) {
  table.add("aten.cross_entropy_loss.default", crossEntropy);
  table.add("aten.mse_loss.default", distanceLoss<squared>);
  table.add("aten.l1_loss.default", distanceLoss<absolute>);
  table.add({"aten.nll_loss.default", "aten.nll_loss_nd.default", "aten.nll_loss2d.default"},
            negativeLogLikelihood<false>);
  table.add({"aten.nll_loss_forward.default", "aten.nll_loss2d_forward.default"}, negativeLogLikelihood<true>);
}

} // namespace raddle::import
