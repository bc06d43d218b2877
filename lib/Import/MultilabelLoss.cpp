// The margin loss of rows with several labels.
#include "LossOps.h"
#include "Rows.h"
#include "raddle/Dialect/NN/IR/NNOps.h"

using namespace mlir;

namespace raddle::import {

namespace {

using Compare = Body::Compare;

/// Labels [N, C], of which those before the first −1 count: 1 where a label counts, as i64.
Value countingLabels(NodeBuilder &node, Value labels) {
  Type i64 = node.builder.getI64Type();
  Value ends = applyFn(node, {labels}, i64, i64, [&](const Body &body, ValueRange e) {
    return convertScalar(body.builder, body.loc, body.compare(Compare::Less, e[0], 0), i64);
  });
  if (node.failed())
    return nullptr;
  Value before =
      nn::CumsumOp::create(node.builder, node.loc, ends.getType(), ends, node.builder.getI64IntegerAttr(1), UnitAttr());
  return applyFn(node, {before}, i64, i64, [&](const Body &body, ValueRange e) {
    return convertScalar(body.builder, body.loc, body.compare(Compare::Equal, e[0], 0), i64);
  });
}

/// Σ over labels y and classes c that are no label of max(0, 1 − x[y] + x[c]) / C, for each row.
LogicalResult multilabelMargin(NodeBuilder &node) {
  Value scores = node.tensor("self"), labels = node.tensor("target");
  int64_t reduction = readLossReduction(node);
  if (node.failed())
    return failure();
  Shape shape(node.shapeOf(scores));
  Type type = node.elementOf(scores), i64 = node.builder.getI64Type(), wide = arithmeticType(type);
  if (shape.size() > 2 || node.shapeOf(labels) != ArrayRef(shape) || !isa<FloatType>(type) ||
      !isIndexType(node.elementOf(labels)) || llvm::is_contained(shape, 0))
    return node.fail(node.node.target + " of scores " + node.describe(shape) + " and labels " +
                     node.describe(node.shapeOf(labels)) + ", expected [N, C] or [C] of both"),
           failure();
  int64_t classes = shape.empty() ? 1 : shape.back(), rows = node.typeOf(scores).getNumElements() / classes;
  scores = node.reshape(scores, {rows, classes});
  labels = node.cast(node.reshape(labels, {rows, classes}), i64);
  Value counts = countingLabels(node, labels);
  // What stands behind the end names no class; class 0 takes its place.
  Value named = applyFn(node, {labels, counts}, i64, i64, [](const Body &body, ValueRange e) {
    return body.mul(body.max(e[0], body.constant(e[0].getType(), 0)), e[1]);
  });
  named = checkedIndex(node, named, classes, /*fromEnd=*/false);
  Value own = gatherRows(node, scores, placesAlong(node, scores, named, 1), 1, {rows, classes});
  if (node.failed())
    return failure();
  // Over [N, class, label].
  Value isLabel = node.mapElements(
      {rows, classes, classes}, {node.insertUnitDim(named, 1), node.insertUnitDim(counts, 1)}, node.builder.getI1Type(),
      [&](OpBuilder &builder, Location loc, ValueRange e) {
        Body body{builder, loc};
        Value column = arith::IndexCastOp::create(builder, loc, i64, linalg::IndexOp::create(builder, loc, 1));
        return body.both(body.compare(Compare::Equal, e[0], column), body.compare(Compare::NotEqual, e[1], 0));
      });
  Value isAny =
      node.reduce(isLabel, {2}, /*keep=*/true, node.builder.getI1Type(), Scalar::ofBool(false),
                  [](OpBuilder &builder, Location loc, Value acc, Value e) { return Body{builder, loc}.add(acc, e); });
  Value gaps = applyFn(node, {node.insertUnitDim(scores, 2), node.insertUnitDim(own, 1)}, wide, wide,
                       [](const Body &body, ValueRange e) { return body.add(body.sub(e[0], e[1]), 1); });
  if (node.failed())
    return failure();
  Value terms = node.mapElements({rows, classes, classes}, {gaps, isAny, node.insertUnitDim(counts, 1)}, wide,
                                 [&](OpBuilder &builder, Location loc, ValueRange e) {
                                   Body body{builder, loc};
                                   Value counted = body.compare(Compare::NotEqual, e[2], 0);
                                   Value hinge = body.select(body.compare(Compare::LessEqual, e[0], 0), 0, e[0]);
                                   Value loss = body.div(hinge, double(classes));
                                   return body.select(e[1], 0, body.select(counted, loss, body.constant(wide, 0)));
                                 });
  Value losses = node.cast(sumOver(node, terms, {1, 2}, /*keep=*/false, wide), type);
  shape.resize(shape.size() < 2 ? 0 : 1);
  // PyTorch gives a number for a single row, its exporter a vector of one element.
  RankedTensorType declared = node.declaredResult(0);
  if (shape.empty() && reduction == None && declared && declared.getShape() == ArrayRef<int64_t>{1})
    shape.push_back(1);
  return reduceLoss(node, node.reshape(losses, shape), reduction);
}

} // namespace

void registerMultilabelLossOperators(OperatorTable &table) {
  table.add("aten.multilabel_margin_loss.default", multilabelMargin);
}

} // namespace raddle::import
