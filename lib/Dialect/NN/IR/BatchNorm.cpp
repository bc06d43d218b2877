// Batch normalisation: verifiers, decompositions and gradient.
#include "raddle/Dialect/NN/IR/NNOps.h"

#include "raddle/Utils/LinalgBuilders.h"

using namespace mlir;
using namespace raddle;
using namespace raddle::nn;

//===----------------------------------------------------------------------===//
// Verifiers
//===----------------------------------------------------------------------===//

static LogicalResult expectType(Operation *op, StringRef name, Value value, Type expected) {
  if (!value || value.getType() == expected)
    return success();
  return op->emitOpError("expects '") << name << "' of type " << expected << ", is " << value.getType();
}

/// Checks that `input` has channels and that each of `vectors` has a number for each of them.
static LogicalResult verifyChannels(Operation *op, Value input, ArrayRef<std::pair<StringRef, Value>> vectors) {
  auto type = cast<RankedTensorType>(input.getType());
  if (type.getRank() < 2)
    return op->emitOpError("expects 'input' of a rank of at least 2, is ") << type;
  for (auto [name, vector] : vectors)
    if (failed(expectType(op, name, vector, tensorLike(input, {type.getDimSize(1)}))))
      return failure();
  return success();
}

LogicalResult BatchNormOp::verify() {
  // nn_batch_norm_c1, nn_batch_norm_c2
  if (failed(verifyChannels(*this, getInput(),
                            {{"weight", getWeight()},
                             {"bias", getBias()},
                             {"running_mean", getRunningMean()},
                             {"running_variance", getRunningVariance()},
                             {"mean", getMean()},
                             {"variance", getVariance()}})) ||
      failed(expectType(*this, "out", getOut(), getInput().getType())))
    return failure();
  // nn_batch_norm_c3
  if (!getRunningMean() != !getRunningVariance() || (!getTraining() && !getRunningMean()))
    return emitOpError("expects both running statistics") << (getTraining() ? ", or none" : " where it does not train");
  // nn_batch_norm_c4
  if (!getEps().isFinite())
    return emitOpError("expects 'eps' to be finite, is ") << getEps().convertToDouble();
  return success();
}

LogicalResult BatchNormGradOp::verify() {
  // nn_batch_norm_grad_c2
  if (failed(verifyChannels(*this, getInput(),
                            {{"weight", getWeight()},
                             {"mean", getMean()},
                             {"variance", getVariance()},
                             {"weight_grad", getWeightGrad()},
                             {"bias_grad", getBiasGrad()}})))
    return failure();
  // nn_batch_norm_grad_c1
  if (failed(expectType(*this, "out_grad", getOutGrad(), getInput().getType())))
    return failure();
  return expectType(*this, "input_grad", getInputGrad(), getInput().getType());
}

//===----------------------------------------------------------------------===//
// Decompositions
//===----------------------------------------------------------------------===//

namespace {

/// Sums and elementwise work over an input seen as [N, C, S].
class ChannelBuilder {
public:
  ChannelBuilder(OpBuilder &builder, Value input)
      : builder(builder), loc(input.getLoc()), whole(cast<RankedTensorType>(input.getType())) {
    int64_t channels = whole.getDimSize(1), rest = 1;
    for (int64_t extent : whole.getShape().drop_front(2))
      rest *= extent;
    flat = RankedTensorType::get({whole.getDimSize(0), channels, rest}, whole.getElementType());
    vector = RankedTensorType::get({channels}, whole.getElementType());
    count = static_cast<double>(whole.getDimSize(0)) * rest;
  }

  Value flatten(Value value) const { return buildReshape(builder, loc, value, flat.getShape()); }

  /// Σ over a channel; the first `planes` inputs are [N, C, S], the others [C]. The channel is the outermost loop.
  Value sum(ValueRange inputs, size_t planes, BodyBuilder body) const {
    SmallVector<AffineMap> maps(planes, projection(builder.getContext(), 3, {1, 0, 2}));
    AffineMap channel = projection(builder.getContext(), 3, {0});
    maps.resize(inputs.size(), channel);
    return buildReduction(builder, loc, vector, inputs, maps, channel, 0.0, [&](const Scalars &s, ValueRange args) {
      return s.add(args.back(), body(s, args.drop_back()));
    });
  }

  Value map(ValueRange inputs, size_t planes, BodyBuilder body) const {
    SmallVector<AffineMap> maps(planes, builder.getMultiDimIdentityMap(3));
    maps.resize(inputs.size(), projection(builder.getContext(), 3, {1}));
    return buildReshape(builder, loc, buildElementwise(builder, loc, flat, inputs, maps, body), whole.getShape());
  }

  Value channels(ValueRange inputs, BodyBuilder body) const {
    return buildElementwise(builder, loc, vector, inputs, {}, body);
  }

  Value divideByCount(Value value) const {
    return channels({value},
                    [&](const Scalars &s, ValueRange args) { return s.div(args[0], s.constantLike(args[0], count)); });
  }

  /// 1 / sqrt(variance + eps).
  Value rstd(Value variance, const APFloat &eps) const {
    return channels({variance}, [&](const Scalars &s, ValueRange args) {
      return s.rsqrt(s.add(args[0], s.constantLike(args[0], eps.convertToDouble())));
    });
  }

  OpBuilder &builder;
  Location loc;
  RankedTensorType whole, flat, vector;
  double count;
};

} // namespace

FailureOr<SmallVector<Value>> BatchNormOp::decomposeOperation(OpBuilder &builder) {
  ChannelBuilder channel(builder, getInput());
  Value input = channel.flatten(getInput()), mean = getRunningMean(), variance = getRunningVariance();
  if (getTraining()) {
    mean = channel.divideByCount(channel.sum({input}, 1, [](const Scalars &, ValueRange args) { return args[0]; }));
    variance = channel.divideByCount(channel.sum({input, mean}, 1, [](const Scalars &s, ValueRange args) {
      Value centred = s.sub(args[0], args[1]);
      return s.mul(centred, centred);
    }));
  }
  SmallVector<Value> inputs{input, mean, channel.rstd(variance, getEps())};
  for (Value parameter : {getWeight(), getBias()})
    if (parameter)
      inputs.push_back(parameter);
  Value out = channel.map(inputs, 1, [&](const Scalars &s, ValueRange args) {
    Value result = s.mul(s.sub(args[0], args[1]), args[2]);
    if (getWeight())
      result = s.mul(result, args[3]);
    return getBias() ? s.add(result, args.back()) : result;
  });
  return SmallVector<Value>{out, mean, variance};
}

FailureOr<SmallVector<Value>> BatchNormGradOp::decomposeOperation(OpBuilder &builder) {
  ChannelBuilder channel(builder, getInput());
  Value input = channel.flatten(getInput()), grad = channel.flatten(getOutGrad());
  Value rstd = channel.rstd(getVariance(), getEps());
  Value biasGrad = channel.sum({grad}, 1, [](const Scalars &, ValueRange args) { return args[0]; });
  auto normalised = [](const Scalars &s, ValueRange args) { return s.mul(s.sub(args[1], args[2]), args[3]); };
  Value weightGrad = channel.sum({grad, input, getMean(), rstd}, 2, [&](const Scalars &s, ValueRange args) {
    return s.mul(args[0], normalised(s, args));
  });
  SmallVector<Value> inputs{grad, input, getMean(), rstd};
  if (getTraining())
    inputs.append({channel.divideByCount(biasGrad), channel.divideByCount(weightGrad)});
  if (getWeight())
    inputs.push_back(getWeight());
  Value inputGrad = channel.map(inputs, 2, [&](const Scalars &s, ValueRange args) {
    Value result = args[0];
    if (getTraining())
      result = s.sub(s.sub(result, args[4]), s.mul(normalised(s, args), args[5]));
    result = s.mul(result, args[3]);
    return getWeight() ? s.mul(result, args.back()) : result;
  });
  return SmallVector<Value>{inputGrad, weightGrad, biasGrad};
}

//===----------------------------------------------------------------------===//
// Gradient
//===----------------------------------------------------------------------===//

LogicalResult BatchNormOp::buildBackward(OpBuilder &builder, ValueRange resultGrads, ArrayRef<bool> wanted,
                                         SmallVectorImpl<Value> &operandGrads) {
  if (resultGrads[1] || resultGrads[2])
    return emitOpError("has no gradient through 'mean' and 'variance'");
  Type vector = getMean().getType();
  auto grad =
      BatchNormGradOp::create(builder, getLoc(), TypeRange{getInput().getType(), vector, vector}, getInput(),
                              getWeight(), getMean(), getVariance(), resultGrads[0], getEpsAttr(), getTrainingAttr());
  if (wanted[0])
    operandGrads[0] = grad.getInputGrad();
  unsigned next = 1;
  if (getWeight() && wanted[next++])
    operandGrads[1] = grad.getWeightGrad();
  if (getBias() && wanted[next])
    operandGrads[next] = grad.getBiasGrad();
  return success();
}
