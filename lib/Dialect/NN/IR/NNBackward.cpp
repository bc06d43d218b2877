// Gradients of the nn dialect's forward ops.
#include "raddle/Dialect/NN/IR/NNOps.h"

#include "raddle/Utils/LinalgBuilders.h"

using namespace mlir;
using namespace raddle;
using namespace raddle::nn;

LogicalResult AttentionOp::buildBackward(OpBuilder &builder, ValueRange resultGrads, ArrayRef<bool> wanted,
                                         SmallVectorImpl<Value> &operandGrads) {
  if (resultGrads[1])
    return emitOpError("has no gradient through 'lse'");
  if (getMask() && wanted[3])
    operandGrads[3] =
        AttentionMaskGradOp::create(builder, getLoc(), getMask().getType(), getQuery(), getKey(), getValue(), getMask(),
                                    getOut(), getLse(), resultGrads[0], getScaleAttr(), getCausalAttr());
  if (llvm::none_of(wanted.take_front(3), [](bool operand) { return operand; }))
    return success();
  auto grad = AttentionGradOp::create(builder, getLoc(), getQuery().getType(), getKey().getType(), getValue().getType(),
                                      getQuery(), getKey(), getValue(), getMask(), getOut(), getLse(), resultGrads[0],
                                      getScaleAttr(), getCausalAttr());
  for (auto [index, value] : llvm::enumerate(grad.getResults()))
    if (wanted[index])
      operandGrads[index] = value;
  return success();
}

/// Sums over all but the last dimension of the product of `factors`, all of the shape of `like` or of its rows.
static Value sumToVector(OpBuilder &builder, Location loc, Value like, ValueRange inputs, ArrayRef<AffineMap> maps,
                         BodyBuilder body) {
  auto type = cast<RankedTensorType>(like.getType());
  int64_t rank = type.getRank();
  return buildReduction(
      builder, loc, tensorLike(like, type.getShape().take_back()), inputs, maps,
      projection(builder.getContext(), rank, {rank - 1}), 0.0,
      [&](const Scalars &s, ValueRange args) { return s.add(args.back(), body(s, args.drop_back())); });
}

/// Map from the loops of `like` to its rows.
static AffineMap rowMap(OpBuilder &builder, Value like) {
  int64_t rank = cast<RankedTensorType>(like.getType()).getRank();
  return projection(builder.getContext(), rank, llvm::to_vector(llvm::seq<int64_t>(0, rank - 1)));
}

/// The gradient of the input through the statistics of its rows: mean' / D − rstd' rstd³ (x − mean) / D.
static Value buildStatisticsBackward(OpBuilder &builder, LayerNormOp op, Value meanGrad, Value rstdGrad) {
  auto type = cast<RankedTensorType>(op.getInput().getType());
  AffineMap full = builder.getMultiDimIdentityMap(type.getRank()), row = rowMap(builder, op.getInput());
  double share = 1.0 / double(type.getShape().back());
  Value result;
  auto add = [&](ValueRange inputs, BodyBuilder body) {
    SmallVector<AffineMap> maps(inputs.size(), row);
    maps.front() = full;
    Value part = buildElementwise(builder, op.getLoc(), type, inputs, maps, body);
    result = result ? buildSum(builder, op.getLoc(), result, part) : part;
  };
  if (meanGrad)
    add({op.getInput(), meanGrad},
        [&](const Scalars &s, ValueRange args) { return s.mul(args[1], s.constantLike(args[1], share)); });
  if (rstdGrad)
    add({op.getInput(), op.getMean(), op.getRstd(), rstdGrad}, [&](const Scalars &s, ValueRange args) {
      Value cube = s.mul(args[2], s.mul(args[2], args[2]));
      Value slope = s.mul(s.mul(args[3], cube), s.constantLike(args[3], -share));
      return s.mul(slope, s.sub(args[0], args[1]));
    });
  return result;
}

LogicalResult LayerNormOp::buildBackward(OpBuilder &builder, ValueRange resultGrads, ArrayRef<bool> wanted,
                                         SmallVectorImpl<Value> &operandGrads) {
  Value grad = resultGrads[0];
  AffineMap full = builder.getMultiDimIdentityMap(cast<RankedTensorType>(getInput().getType()).getRank());
  AffineMap row = rowMap(builder, getInput());
  if (wanted[0]) {
    Value ofStatistics = buildStatisticsBackward(builder, *this, resultGrads[1], resultGrads[2]), ofOut;
    if (grad)
      ofOut = LayerNormGradOp::create(builder, getLoc(), getInput().getType(), getInput(), getWeight(), getMean(),
                                      getRstd(), grad);
    operandGrads[0] = ofOut && ofStatistics ? buildSum(builder, getLoc(), ofOut, ofStatistics)
                      : ofOut               ? ofOut
                                            : ofStatistics;
  }
  // The statistics do not depend on weight and bias.
  if (!grad)
    return success();
  if (getWeight() && wanted[1])
    operandGrads[1] = sumToVector(
        builder, getLoc(), getInput(), {getInput(), getMean(), getRstd(), grad}, {full, row, row, full},
        [](const Scalars &s, ValueRange args) { return s.mul(args[3], s.mul(s.sub(args[0], args[1]), args[2])); });
  if (getBias() && wanted.back())
    operandGrads.back() = sumToVector(builder, getLoc(), getInput(), {grad}, {full},
                                      [](const Scalars &, ValueRange args) { return args[0]; });
  return success();
}

LogicalResult RMSNormOp::buildBackward(OpBuilder &builder, ValueRange resultGrads, ArrayRef<bool> wanted,
                                       SmallVectorImpl<Value> &operandGrads) {
  if (resultGrads[1])
    return emitOpError("has no gradient through 'rstd'");
  Value grad = resultGrads[0];
  AffineMap full = builder.getMultiDimIdentityMap(cast<RankedTensorType>(getInput().getType()).getRank());
  if (wanted[0])
    operandGrads[0] =
        RMSNormGradOp::create(builder, getLoc(), getInput().getType(), getInput(), getWeight(), getRstd(), grad);
  if (getWeight() && wanted[1])
    operandGrads[1] = sumToVector(
        builder, getLoc(), getInput(), {getInput(), getRstd(), grad}, {full, rowMap(builder, getInput()), full},
        [](const Scalars &s, ValueRange args) { return s.mul(args[2], s.mul(args[0], args[1])); });
  return success();
}

LogicalResult DetachOp::buildBackward(OpBuilder &, ValueRange, ArrayRef<bool>, SmallVectorImpl<Value> &) {
  return success();
}

LogicalResult RankMeanOp::buildBackward(OpBuilder &, ValueRange, ArrayRef<bool>, SmallVectorImpl<Value> &) {
  return success();
}

LogicalResult EmbeddingOp::buildBackward(OpBuilder &builder, ValueRange resultGrads, ArrayRef<bool> wanted,
                                         SmallVectorImpl<Value> &operandGrads) {
  if (wanted[0])
    operandGrads[0] = EmbeddingGradOp::create(builder, getLoc(), getTable().getType(), resultGrads[0], getIndices(),
                                              getPaddingIndexAttr());
  return success();
}

/// The gradient of the logits through lse = log Σ exp(logits): the row's gradient times softmax.
static Value buildLseBackward(OpBuilder &builder, CrossEntropyOp op, Value grad) {
  auto type = cast<RankedTensorType>(op.getLogits().getType());
  AffineMap whole = builder.getMultiDimIdentityMap(2), row = projection(builder.getContext(), 2, {0});
  return buildElementwise(
      builder, op.getLoc(), type, {op.getLogits(), op.getLse(), grad}, {whole, row, row},
      [](const Scalars &s, ValueRange args) { return s.mul(args[2], s.exp(s.sub(args[0], args[1]))); });
}

LogicalResult CrossEntropyOp::buildBackward(OpBuilder &builder, ValueRange resultGrads, ArrayRef<bool> wanted,
                                            SmallVectorImpl<Value> &operandGrads) {
  if (!wanted[0])
    return success();
  // The count does not depend on the logits.
  Value ofSum, ofLse;
  if (resultGrads[0])
    ofSum = CrossEntropyGradOp::create(builder, getLoc(), getLogits().getType(), getLogits(), getLabels(), getLse(),
                                       resultGrads[0], getIgnoreIndexAttr());
  if (resultGrads[2])
    ofLse = buildLseBackward(builder, *this, resultGrads[2]);
  operandGrads[0] = ofSum && ofLse ? buildSum(builder, getLoc(), ofSum, ofLse) : ofSum ? ofSum : ofLse;
  return success();
}
