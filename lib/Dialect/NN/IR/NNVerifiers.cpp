// Verifiers of the nn dialect. The tag at each check is the constraint's in NNOps.td.
#include "Expect.h"
#include "raddle/Utils/LinalgBuilders.h"

using namespace mlir;
using namespace raddle::nn;

static LogicalResult expectNotNegative(Operation *op, StringRef name, const APFloat &value) {
  if (!value.isNegative() && value.isFinite())
    return success();
  return op->emitOpError("expects '") << name << "' not to be negative, is " << value.convertToDouble();
}

static LogicalResult expectUnitInterval(Operation *op, StringRef name, const APFloat &value) {
  double v = value.convertToDouble();
  if (v >= 0.0 && v < 1.0)
    return success();
  return op->emitOpError("expects '") << name << "' in [0, 1), is " << v;
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

static LogicalResult verifyAttentionOperands(Operation *op, Value query, Value key, Value value, Value mask) {
  // nn_attention_c1
  for (auto [name, operand] : {std::pair<StringRef, Value>{"query", query}, {"key", key}, {"value", value}}) {
    if (failed(expectRank(op, name, operand, 4)))
      return failure();
    if (typeOf(operand).getElementType() != typeOf(query).getElementType())
      return op->emitOpError("expects '")
             << name << "' of element type " << typeOf(query).getElementType() << ", is " << operand.getType();
  }
  // nn_attention_c2
  ArrayRef<int64_t> q = shapeOf(query), k = shapeOf(key), v = shapeOf(value);
  if (k[0] != q[0] || k[3] != q[3])
    return op->emitOpError("expects 'key' with batch ") << q[0] << " and width " << q[3] << ", is " << key.getType();
  if (v[0] != q[0] || v[1] != k[1] || v[2] != k[2])
    return op->emitOpError("expects 'value' with batch ")
           << q[0] << ", " << k[1] << " heads and length " << k[2] << ", is " << value.getType();
  if (k[1] == 0 || q[1] % k[1] != 0)
    return op->emitOpError("expects a number of key heads that divides ") << q[1] << ", is " << k[1];
  if (!mask)
    return success();
  // nn_attention_c3
  if (failed(expectRank(op, "mask", mask, 4)))
    return failure();
  int64_t full[] = {q[0], q[1], q[2], k[2]};
  for (int dim = 0; dim < 4; ++dim)
    if (shapeOf(mask)[dim] != 1 && shapeOf(mask)[dim] != full[dim])
      return op->emitOpError("expects dimension ")
             << dim << " of 'mask' to be 1 or " << full[dim] << ", is " << mask.getType();
  return success();
}

/// The types that forward gives to its results: out [B, H, S, E], lse [B, H, S], which is a sum.
static LogicalResult verifyAttentionResults(Operation *op, Value query, Value value, Value out, Value lse) {
  ArrayRef<int64_t> q = shapeOf(query);
  if (failed(expectShape(op, "out", out, {q[0], q[1], q[2], shapeOf(value)[3]}, query)))
    return failure();
  Type sums = raddle::sumType(typeOf(query).getElementType());
  return expectType(op, "lse", lse, RankedTensorType::get(q.drop_back(), sums));
}

LogicalResult AttentionOp::verify() {
  if (failed(verifyAttentionOperands(*this, getQuery(), getKey(), getValue(), getMask())))
    return failure();
  return verifyAttentionResults(*this, getQuery(), getValue(), getOut(), getLse()); // nn_attention_c4
}

LogicalResult AttentionGradOp::verify() {
  if (failed(verifyAttentionOperands(*this, getQuery(), getKey(), getValue(), getMask())))
    return failure();
  // nn_attention_grad_c1
  if (failed(verifyAttentionResults(*this, getQuery(), getValue(), getOut(), getLse())) ||
      failed(expectType(*this, "out_grad", getOutGrad(), getOut().getType())))
    return failure();
  // nn_attention_grad_c2
  if (failed(expectType(*this, "query_grad", getQueryGrad(), getQuery().getType())) ||
      failed(expectType(*this, "key_grad", getKeyGrad(), getKey().getType())))
    return failure();
  return expectType(*this, "value_grad", getValueGrad(), getValue().getType());
}

LogicalResult AttentionMaskGradOp::verify() {
  if (failed(verifyAttentionOperands(*this, getQuery(), getKey(), getValue(), getMask())))
    return failure();
  // nn_attention_mask_grad_c2
  if (failed(verifyAttentionResults(*this, getQuery(), getValue(), getOut(), getLse())) ||
      failed(expectType(*this, "out_grad", getOutGrad(), getOut().getType())))
    return failure();
  // nn_attention_mask_grad_c1
  return expectType(*this, "mask_grad", getMaskGrad(), getMask().getType());
}

//===----------------------------------------------------------------------===//
// Norms
//===----------------------------------------------------------------------===//

/// Checks that `input` has a last dimension and that `weight`, where present, has its size.
static LogicalResult verifyNormOperands(Operation *op, Value input, ArrayRef<std::pair<StringRef, Value>> vectors) {
  if (typeOf(input).getRank() == 0)
    return op->emitOpError("expects 'input' of a rank of at least 1, is ") << input.getType();
  for (auto [name, vector] : vectors)
    if (vector && failed(expectShape(op, name, vector, shapeOf(input).take_back(), input)))
      return failure();
  return success();
}

static LogicalResult verifyNormStatistics(Operation *op, Value input, ArrayRef<std::pair<StringRef, Value>> values) {
  for (auto [name, value] : values)
    if (failed(expectShape(op, name, value, shapeOf(input).drop_back(), input)))
      return failure();
  return success();
}

LogicalResult LayerNormOp::verify() {
  // nn_layer_norm_c1, nn_layer_norm_c2
  if (failed(verifyNormOperands(*this, getInput(), {{"weight", getWeight()}, {"bias", getBias()}})) ||
      failed(expectType(*this, "out", getOut(), getInput().getType())))
    return failure();
  // nn_layer_norm_c3
  if (failed(verifyNormStatistics(*this, getInput(), {{"mean", getMean()}, {"rstd", getRstd()}})))
    return failure();
  return expectFinite(*this, "eps", getEps()); // nn_layer_norm_c4
}

LogicalResult LayerNormGradOp::verify() {
  // nn_layer_norm_grad_c2
  if (failed(verifyNormOperands(*this, getInput(), {{"weight", getWeight()}})) ||
      failed(verifyNormStatistics(*this, getInput(), {{"mean", getMean()}, {"rstd", getRstd()}})))
    return failure();
  // nn_layer_norm_grad_c1
  if (failed(expectType(*this, "out_grad", getOutGrad(), getInput().getType())))
    return failure();
  return expectType(*this, "input_grad", getInputGrad(), getInput().getType());
}

LogicalResult RMSNormOp::verify() {
  // nn_rms_norm_c1, nn_rms_norm_c2
  if (failed(verifyNormOperands(*this, getInput(), {{"weight", getWeight()}})) ||
      failed(expectType(*this, "out", getOut(), getInput().getType())))
    return failure();
  // nn_rms_norm_c3
  if (failed(verifyNormStatistics(*this, getInput(), {{"rstd", getRstd()}})))
    return failure();
  return expectFinite(*this, "eps", getEps()); // nn_rms_norm_c4
}

LogicalResult RMSNormGradOp::verify() {
  // nn_rms_norm_grad_c2
  if (failed(verifyNormOperands(*this, getInput(), {{"weight", getWeight()}})) ||
      failed(verifyNormStatistics(*this, getInput(), {{"rstd", getRstd()}})))
    return failure();
  // nn_rms_norm_grad_c1
  if (failed(expectType(*this, "out_grad", getOutGrad(), getInput().getType())))
    return failure();
  return expectType(*this, "input_grad", getInputGrad(), getInput().getType());
}

//===----------------------------------------------------------------------===//
// Embedding and loss
//===----------------------------------------------------------------------===//

static LogicalResult expectIndexIn(Operation *op, std::optional<uint64_t> index, int64_t size) {
  if (!index || *index < static_cast<uint64_t>(size))
    return success();
  return op->emitOpError("expects 'padding_index' in [0, ") << size << "), is " << static_cast<int64_t>(*index);
}

LogicalResult EmbeddingOp::verify() {
  if (failed(expectRank(*this, "table", getTable(), 2))) // nn_embedding_c1
    return failure();
  // nn_embedding_c2
  SmallVector<int64_t> shape = selectedShape(getIndices(), shapeOf(getTable())[1]);
  if (failed(expectShape(*this, "out", getOut(), shape, getTable())))
    return failure();
  return expectIndexIn(*this, getPaddingIndex(), shapeOf(getTable())[0]); // nn_embedding_c3
}

LogicalResult EmbeddingGradOp::verify() {
  if (failed(expectRank(*this, "table_grad", getTableGrad(), 2))) // nn_embedding_grad_c1
    return failure();
  // nn_embedding_grad_c2
  SmallVector<int64_t> shape = selectedShape(getIndices(), shapeOf(getTableGrad())[1]);
  if (failed(expectShape(*this, "out_grad", getOutGrad(), shape, getTableGrad())))
    return failure();
  return expectIndexIn(*this, getPaddingIndex(), shapeOf(getTableGrad())[0]); // nn_embedding_grad_c3
}

/// Labels [N] beside logits [N, C].
static LogicalResult verifyLabels(Operation *op, Value logits, Value labels) {
  if (failed(expectRank(op, "logits", logits, 2)) || failed(expectRank(op, "labels", labels, 1)))
    return failure();
  if (shapeOf(labels)[0] != shapeOf(logits)[0])
    return op->emitOpError("expects ") << shapeOf(logits)[0] << " labels, one a row of 'logits', is "
                                       << labels.getType();
  return success();
}

LogicalResult CrossEntropyOp::verify() {
  if (failed(verifyLabels(*this, getLogits(), getLabels()))) // nn_cross_entropy_c1
    return failure();
  // nn_cross_entropy_c2
  if (failed(expectShape(*this, "lse", getLse(), shapeOf(getLabels()), getLogits())) ||
      failed(expectShape(*this, "loss_sum", getLossSum(), {}, getLogits())))
    return failure();
  return expectShape(*this, "count", getCount(), {}, getLogits());
}

LogicalResult CrossEntropyGradOp::verify() {
  // nn_cross_entropy_grad_c1
  if (failed(verifyLabels(*this, getLogits(), getLabels())) ||
      failed(expectShape(*this, "lse", getLse(), shapeOf(getLabels()), getLogits())) ||
      failed(expectShape(*this, "loss_grad", getLossGrad(), {}, getLogits())))
    return failure();
  return expectType(*this, "logits_grad", getLogitsGrad(), getLogits().getType()); // nn_cross_entropy_grad_c2
}

//===----------------------------------------------------------------------===//
// Optimizers
//===----------------------------------------------------------------------===//

LogicalResult DetachOp::verify() {
  return expectType(*this, "result", getResult(), getInput().getType());
} // nn_detach_c1

LogicalResult RankMeanOp::verify() {
  return expectType(*this, "result", getResult(), getInput().getType());
} // nn_rank_mean_c1

LogicalResult SquaredNormOp::verify() {
  if (getTensors().empty()) // nn_squared_norm_c1
    return emitOpError("expects at least one tensor");
  Type result = typeOf(getResult()).getElementType();
  for (Value tensor : getTensors()) {
    Type element = typeOf(tensor).getElementType();
    if (element != result && element.getIntOrFloatBitWidth() >= result.getIntOrFloatBitWidth())
      return emitOpError("expects no tensor with elements wider than the result's, ")
             << result << ", has " << tensor.getType();
  }
  return success();
}

LogicalResult AdamWOp::verify() {
  // nn_adamw_c1
  if (failed(expectUnitInterval(*this, "beta1", getBeta1())) || failed(expectUnitInterval(*this, "beta2", getBeta2())))
    return failure();
  // nn_adamw_c2
  if (failed(expectNotNegative(*this, "eps", getEps())))
    return failure();
  return expectNotNegative(*this, "weight_decay", getWeightDecay());
}

LogicalResult SGDOp::verify() {
  if (failed(expectUnitInterval(*this, "momentum", getMomentum()))) // nn_sgd_c1
    return failure();
  return expectNotNegative(*this, "weight_decay", getWeightDecay()); // nn_sgd_c2
}
