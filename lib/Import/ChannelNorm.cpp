// Norms of channels: over the batch, over groups of channels, over each of them.
#include "Operators.h"
#include "ReductionOps.h"
#include "raddle/Dialect/NN/IR/NNOps.h"
#include <cmath>

using namespace mlir;

namespace raddle::import {

namespace {

/// Operands of a norm of the channels of an input [N, C, ...], all in the type that it computes in.
struct ChannelNorm {
  Value input, weight, bias, runningMean, runningVariance;
  Type type; // of the result
  double epsilon = 0;

  bool isEmpty() const { return TensorBuilder::shapeOf(input)[0] == 0; }
};

ChannelNorm readChannelNorm(NodeBuilder &node, std::optional<double> epsilon = std::nullopt) {
  ChannelNorm norm;
  norm.input = node.tensor("input");
  norm.weight = node.optionalTensor("weight");
  norm.bias = node.optionalTensor("bias");
  norm.runningMean = node.optionalTensor("running_mean");
  norm.runningVariance = node.optionalTensor("running_var");
  norm.epsilon = node.real("eps", epsilon);
  if (node.failed())
    return norm;
  norm.type = node.elementOf(norm.input);
  Shape shape(node.shapeOf(norm.input));
  // A batch may be empty.
  bool fits = shape.size() >= 2 && isa<FloatType>(norm.type) && !llvm::is_contained(ArrayRef(shape).drop_front(), 0);
  if (!fits) {
    node.fail(node.node.target + " of a tensor of shape " + node.describe(shape) +
              ": expected floating-point numbers [N, C, ...]");
    return norm;
  }
  if (!std::isfinite(norm.epsilon))
    node.fail("the eps of a norm is " + std::to_string(norm.epsilon) + ", expected a finite number");
  for (Value vector : {norm.weight, norm.bias, norm.runningMean, norm.runningVariance})
    if (vector && node.shapeOf(vector) != ArrayRef<int64_t>{shape[1]})
      node.fail("an operand of " + node.node.target + " has shape " + node.describe(node.shapeOf(vector)) +
                ", expected " + node.describe({shape[1]}));
  if (!norm.runningMean != !norm.runningVariance)
    node.fail(node.node.target + " with only one of running_mean and running_var");
  Type wide = arithmeticType(norm.type);
  for (Value *value : {&norm.input, &norm.weight, &norm.bias, &norm.runningMean, &norm.runningVariance})
    if (*value)
      *value = node.cast(*value, wide);
  return norm;
}

nn::BatchNormOp buildBatchNorm(NodeBuilder &node, const ChannelNorm &norm, bool training) {
  if (node.failed())
    return {};
  if (norm.isEmpty()) {
    node.fail(node.node.target + " of a tensor of shape " + node.describe(node.shapeOf(norm.input)) +
              ": expected at least one sample");
    return {};
  }
  if (!training && !norm.runningMean) {
    node.fail(node.node.target + " without running statistics outside of training");
    return {};
  }
  auto vector = RankedTensorType::get({node.shapeOf(norm.input)[1]}, node.elementOf(norm.input));
  return nn::BatchNormOp::create(node.builder, node.loc, TypeRange{norm.input.getType(), vector, vector}, norm.input,
                                 norm.weight, norm.bias, norm.runningMean, norm.runningVariance,
                                 node.builder.getF64FloatAttr(norm.epsilon),
                                 training ? node.builder.getUnitAttr() : UnitAttr());
}

/// (1 − momentum) * old + momentum * factor * current, in the type `result`.
Value movingAverage(NodeBuilder &node, StringRef old, Value current, double momentum, double factor, Type result) {
  Value before = node.tensor(old);
  if (node.failed())
    return nullptr;
  return node.elementwise(
      {before, current}, node.elementOf(current), result, [&](OpBuilder &builder, Location loc, ValueRange elements) {
        Body body{builder, loc};
        auto scaled = [&](Value value, double by) { return body.mul(value, body.constant(value.getType(), by)); };
        return body.add(scaled(elements[0], 1 - momentum), scaled(elements[1], momentum * factor));
      });
}

/// Statistics for the backward pass: the mean and 1 / sqrt(variance + eps), which have no gradients, in the type that
/// the file says; nothing where the op does not train.
SmallVector<Value> savedStatistics(NodeBuilder &node, const ChannelNorm &norm, nn::BatchNormOp op) {
  Type type = node.elementOf(norm.input), declared = node.declaredElement(1);
  if (node.failed())
    return {};
  if (!op.getTraining())
    return {node.fill({0}, declared, Scalar::ofInt(0)), node.fill({0}, declared, Scalar::ofInt(0))};
  Value rstd = node.elementwise({op.getVariance()}, type, type,
                                [&](OpBuilder &builder, Location loc, ValueRange elements) -> Value {
                                  Body body{builder, loc};
                                  Value sum = body.add(elements[0], body.constant(type, norm.epsilon));
                                  return body.make<math::RsqrtOp>(sum);
                                });
  return {node.detach(node.cast(op.getMean(), declared)), node.detach(node.cast(rstd, declared))};
}

/// These forms update running statistics in place when they train: only without any do they mean what they return.
nn::BatchNormOp buildPureBatchNorm(NodeBuilder &node, const ChannelNorm &norm) {
  bool training = node.boolean("training", false);
  if (!node.failed() && training && norm.runningMean)
    node.fail(node.node.target + " updates its running statistics in place: run_decompositions({}) on the exported "
                                 "program makes it functional");
  return buildBatchNorm(node, norm, training);
}

LogicalResult batchNorm(NodeBuilder &node) {
  ChannelNorm norm = readChannelNorm(node);
  nn::BatchNormOp op = buildPureBatchNorm(node, norm);
  return node.failed() ? failure() : node.result(node.cast(op.getOut(), norm.type));
}

LogicalResult nativeBatchNorm(NodeBuilder &node) {
  ChannelNorm norm = readChannelNorm(node);
  nn::BatchNormOp op = buildPureBatchNorm(node, norm);
  if (node.failed())
    return failure();
  SmallVector<Value> results{node.cast(op.getOut(), norm.type)};
  results.append(savedStatistics(node, norm, op));
  return node.results(results);
}

/// With the next running statistics as results; the form that always updates them has a reserve for libraries before.
template <bool alwaysUpdates> LogicalResult functionalBatchNorm(NodeBuilder &node) {
  ChannelNorm norm = readChannelNorm(node);
  bool training = alwaysUpdates || node.boolean("training", false);
  double momentum = node.real("momentum");
  nn::BatchNormOp op = buildBatchNorm(node, norm, training);
  if (node.failed())
    return failure();
  if (!norm.runningMean)
    return node.fail(node.node.target + " without running statistics"), failure();
  SmallVector<Value> results{node.cast(op.getOut(), norm.type)};
  results.append(savedStatistics(node, norm, op));
  if (alwaysUpdates) {
    Type reserve = node.declaredElement(results.size());
    if (node.failed())
      return failure();
    results.push_back(node.fill({0}, reserve, Scalar::ofInt(0)));
  }
  // PyTorch's exporter says of 16-bit statistics that nothing reads that they are f32.
  Type meanType = node.declaredElement(results.size()), varianceType = node.declaredElement(results.size() + 1);
  if (node.failed())
    return failure();
  if (!training) {
    results.append(
        {node.cast(node.tensor("running_mean"), meanType), node.cast(node.tensor("running_var"), varianceType)});
    return node.results(results);
  }
  double count = double(node.typeOf(norm.input).getNumElements()) / node.shapeOf(norm.input)[1];
  if (count < 2)
    return node.fail("batch norm in training over a single element of each channel"), failure();
  results.push_back(movingAverage(node, "running_mean", op.getMean(), momentum, 1, meanType));
  // The running variance is that of the population.
  results.push_back(movingAverage(node, "running_var", op.getVariance(), momentum, count / (count - 1), varianceType));
  return node.results(results);
}

/// A norm of each of `groups` runs of channels, as a norm of rows; the third dimension of the rows is what a group's
/// channels have. Gives the normalised input.
Value normaliseGroups(NodeBuilder &node, const ChannelNorm &norm, int64_t groups) {
  ArrayRef<int64_t> shape = node.shapeOf(norm.input);
  int64_t rows = shape[0] * groups;
  Value flat = node.reshape(norm.input, {rows, node.typeOf(norm.input).getNumElements() / rows});
  if (node.failed())
    return {};
  auto stats = RankedTensorType::get({rows}, node.elementOf(flat));
  return nn::LayerNormOp::create(node.builder, node.loc, TypeRange{flat.getType(), stats, stats}, flat, Value(),
                                 Value(), node.builder.getF64FloatAttr(norm.epsilon))
      .getOut();
}

/// The normalised input times the channels' weights plus their biases, in the result's type.
Value scaleChannels(NodeBuilder &node, const ChannelNorm &norm, Value normalised) {
  Shape channels(node.rankOf(norm.input), 1);
  channels[1] = node.shapeOf(norm.input)[1];
  normalised = node.reshape(normalised, node.shapeOf(norm.input));
  SmallVector<Operand> operands{normalised};
  for (Value parameter : {norm.weight, norm.bias})
    if (parameter)
      operands.push_back(node.reshape(parameter, channels));
  if (node.failed())
    return nullptr;
  return node.elementwise(operands, node.elementOf(norm.input), norm.type,
                          [&](OpBuilder &builder, Location loc, ValueRange elements) {
                            Body body{builder, loc};
                            Value result = elements[0];
                            if (norm.weight)
                              result = body.mul(result, elements[1]);
                            return norm.bias ? body.add(result, elements.back()) : result;
                          });
}

bool checkGroups(NodeBuilder &node, const ChannelNorm &norm, int64_t groups) {
  if (!node.failed() && (groups < 1 || node.shapeOf(norm.input)[1] % groups != 0))
    node.fail(node.node.target + " of " + Twine(node.shapeOf(norm.input)[1]) + " channels in " + Twine(groups) +
              " groups");
  return !node.failed();
}

Value buildGroupNorm(NodeBuilder &node, const ChannelNorm &norm, int64_t groups) {
  if (norm.isEmpty())
    return node.cast(norm.input, norm.type);
  Value normalised = normaliseGroups(node, norm, groups);
  return node.failed() ? nullptr : scaleChannels(node, norm, normalised);
}

LogicalResult groupNorm(NodeBuilder &node) {
  constexpr double kEpsilon = 1e-5;
  ChannelNorm norm = readChannelNorm(node, kEpsilon);
  int64_t groups = node.integer("num_groups");
  if (!checkGroups(node, norm, groups))
    return failure();
  return node.result(buildGroupNorm(node, norm, groups));
}

/// The mean and 1 / √(variance + eps) of each group [N, groups]. PyTorch has gradients through both.
std::pair<Value, Value> groupStatistics(NodeBuilder &node, const ChannelNorm &norm, int64_t groups) {
  Shape shape{node.shapeOf(norm.input)[0], groups};
  Type type = node.elementOf(norm.input);
  if (norm.isEmpty())
    return {node.fill(shape, norm.type, Scalar::ofInt(0)), node.fill(shape, norm.type, Scalar::ofInt(0))};
  shape.push_back(node.typeOf(norm.input).getNumElements() / (shape[0] * groups));
  Value rows = node.reshape(norm.input, shape);
  if (node.failed())
    return {};
  Value mean = meanOver(node, rows, {2}, /*keep=*/true, type);
  Value squares = applyBinary(node, rows, mean, type, type, [](const Body &body, Value element, Value center) {
    Value delta = body.sub(element, center);
    return body.mul(delta, delta);
  });
  Value variance = meanOver(node, squares, {2}, /*keep=*/false, type);
  Value rstd = applyFn(node, {variance}, type, norm.type, [&](const Body &body, ValueRange elements) {
    return body.make<math::RsqrtOp>(body.add(elements[0], norm.epsilon));
  });
  shape.pop_back();
  return {node.cast(node.reshape(mean, shape), norm.type), rstd};
}

LogicalResult nativeGroupNorm(NodeBuilder &node) {
  ChannelNorm norm = readChannelNorm(node);
  int64_t groups = node.integer("group");
  if (!checkGroups(node, norm, groups))
    return failure();
  auto [mean, rstd] = groupStatistics(node, norm, groups);
  return node.results({buildGroupNorm(node, norm, groups), mean, rstd});
}

/// Each channel of each sample by itself; with running statistics instead of its own it is a batch norm.
LogicalResult instanceNorm(NodeBuilder &node) {
  ChannelNorm norm = readChannelNorm(node);
  if (!node.boolean("use_input_stats", true)) {
    nn::BatchNormOp op = buildBatchNorm(node, norm, /*training=*/false);
    return node.failed() ? failure() : node.result(node.cast(op.getOut(), norm.type));
  }
  if (node.failed())
    return failure();
  if (norm.runningMean)
    return node.fail(node.node.target +
                     " that updates running statistics in place: expected track_running_stats=False"),
           failure();
  return node.result(buildGroupNorm(node, norm, node.shapeOf(norm.input)[1]));
}

} // namespace

void registerChannelNormOperators(OperatorTable &table) {
  table.add("aten.batch_norm.default", batchNorm);
  table.add({"aten.native_batch_norm.default", "aten._native_batch_norm_legit.default",
             "aten._native_batch_norm_legit.no_stats", "aten._native_batch_norm_legit_no_training.default"},
            nativeBatchNorm);
  table.add("aten._native_batch_norm_legit_functional.default", functionalBatchNorm<false>);
  table.add("aten._batch_norm_with_update_functional.default", functionalBatchNorm<true>);
  table.add("aten.group_norm.default", groupNorm);
  table.add("aten.native_group_norm.default", nativeGroupNorm);
  table.add("aten.instance_norm.default", instanceNorm);
}

} // namespace raddle::import
