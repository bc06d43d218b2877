#include "Random.h"
#include "Body.h"
#include "Operators.h"
#include "raddle/Dialect/NN/IR/NNOps.h"
#include <cmath>

using namespace mlir;

namespace raddle::import {

Stream Stream::make(NodeBuilder &node, std::optional<int64_t> batchDim) {
  Stream stream;
  Value seed = node.runtimeInput("seed"), call = node.runtimeInput("call");
  if (node.failed())
    return stream;
  OpBuilder &builder = node.builder;
  stream.key = nn::RandomKeyOp::create(builder, node.loc, seed.getType(), seed, call,
                                       builder.getI64IntegerAttr(node.newStream()));
  if (batchDim) {
    stream.rank = node.runtimeInput("rank");
    stream.batchDim = builder.getI64IntegerAttr(*batchDim);
  }
  return stream;
}

Value buildDropout(NodeBuilder &node, Value value, double p, const Stream &stream) {
  if (node.failed())
    return nullptr;
  Type type = node.elementOf(value);
  if (!isa<FloatType>(type))
    return node.fail(node.node.target + " of a tensor that is not floating point");
  if (p == 1)
    return node.elementwise(
        {value, Scalar::ofInt(0)}, type, type,
        [](OpBuilder &builder, Location loc, ValueRange args) { return Body{builder, loc}.mul(args[0], args[1]); });
  return nn::DropoutOp::create(node.builder, node.loc, value.getType(), value, stream.key, stream.rank,
                               node.builder.getF64FloatAttr(p), stream.batchDim);
}

namespace {

template <typename Op> Value drawAs(NodeBuilder &node, ArrayRef<int64_t> shape, Type element, const Stream &stream) {
  RankedTensorType type = node.tensorType(shape, element);
  if (node.failed())
    return nullptr;
  return Op::create(node.builder, node.loc, type, stream.key, stream.rank, stream.batchDim);
}

/// A probability between 0 and 1.
double probability(NodeBuilder &node, StringRef name, std::optional<double> absent = std::nullopt) {
  double p = node.real(name, absent);
  if (!node.failed() && !(p >= 0 && p <= 1))
    node.fail(node.node.target + " with probability " + std::to_string(p) + ", expected 0 to 1");
  return p;
}

//===----------------------------------------------------------------------===//
// Dropout
//===----------------------------------------------------------------------===//

LogicalResult dropout(NodeBuilder &node) {
  Value input = node.tensor("input");
  double p = probability(node, "p");
  if (node.failed())
    return failure();
  if (p == 0 || !node.boolean("train", false))
    return node.result(input);
  return node.result(buildDropout(node, input, p, Stream::make(node, node.batchDimension())));
}

/// Gives what was kept as well. Trains unless it is told otherwise.
LogicalResult nativeDropout(NodeBuilder &node) {
  Value input = node.tensor("input");
  double p = probability(node, "p");
  if (node.failed())
    return failure();
  Type boolean = node.builder.getI1Type();
  if (p == 0 || !node.boolean("train", true))
    return node.results({input, node.fill(node.shapeOf(input), boolean, Scalar::ofBool(true))});
  Stream stream = Stream::make(node, node.batchDimension());
  Value result = buildDropout(node, input, p, stream);
  Type f32 = node.builder.getF32Type();
  Value drawn = drawAs<nn::RandomUniformOp>(node, Shape(node.shapeOf(input)), f32, stream);
  Value kept = node.elementwise({drawn, Scalar::ofFloat(p)}, f32, boolean,
                                [](OpBuilder &builder, Location loc, ValueRange args) {
                                  return Body{builder, loc}.compare(Body::Compare::GreaterEqual, args[0], args[1]);
                                });
  return node.results({result, kept});
}

/// scale * x + shift where an element is kept, `dropped` elsewhere.
struct AlphaDropout {
  double scale, shift, dropped;

  /// Keeps mean and variance of what SELU gives (arXiv 1706.02515): what is dropped becomes SELU's limit.
  explicit AlphaDropout(double p) {
    constexpr double kLimit = 1.7580993408473766;
    double a = p < 1 ? 1 / std::sqrt((kLimit * kLimit * p + 1) * (1 - p)) : 0;
    scale = a;
    shift = kLimit * a * p;
    dropped = shift - kLimit * a;
  }
};

template <bool isAlpha, bool isFeature> LogicalResult generalDropout(NodeBuilder &node) {
  Value input = node.tensor("input");
  double p = probability(node, "p");
  if (node.failed())
    return failure();
  if (p == 0 || !node.boolean("train", false))
    return node.result(input);
  Type type = node.elementOf(input);
  Shape shape(node.shapeOf(input));
  std::optional<int64_t> batchDim = node.batchDimension();
  if (isFeature) {
    // One number a channel: dimensions 0 and 1.
    if (shape.size() < 2)
      return node.fail(node.node.target + " of a tensor of rank " + Twine(shape.size()) + ", expected at least 2"),
             failure();
    std::fill(shape.begin() + 2, shape.end(), 1);
    if (batchDim && *batchDim >= 2)
      batchDim = std::nullopt;
  }
  if (!isa<FloatType>(type))
    return node.fail(node.node.target + " of a tensor that is not floating point"), failure();
  Value drawn = drawAs<nn::RandomUniformOp>(node, shape, node.builder.getF32Type(), Stream::make(node, batchDim));
  AlphaDropout alpha(p);
  double scale = isAlpha ? alpha.scale : p < 1 ? 1 / (1 - p) : 0;
  double shift = isAlpha ? alpha.shift : 0, dropped = isAlpha ? alpha.dropped : 0;
  return node.result(node.mapElements(
      node.shapeOf(input), {input, drawn}, type, [&](OpBuilder &builder, Location loc, ValueRange args) {
        Body body{builder, loc};
        Type wide = arithmeticType(type);
        Value kept = body.compare(Body::Compare::GreaterEqual, args[1], body.constant(args[1].getType(), p));
        Value factor = body.select(kept, body.constant(wide, scale), body.constant(wide, 0));
        Value offset = body.select(kept, body.constant(wide, shift), body.constant(wide, dropped));
        Value result = body.mul(convertScalar(builder, loc, args[0], wide), factor);
        return convertScalar(builder, loc, body.add(result, offset), type);
      }));
}

//===----------------------------------------------------------------------===//
// Distributions
//===----------------------------------------------------------------------===//

/// The shape of what is drawn: given, or that of a tensor.
Shape drawnShape(NodeBuilder &node) {
  if (!node.has("self"))
    return Shape(node.integers("size"));
  Value self = node.tensor("self");
  return node.failed() ? Shape() : Shape(node.shapeOf(self));
}

/// Draws by `Op` and maps each number of the arithmetic type by `fn`.
template <typename Op> LogicalResult drawn(NodeBuilder &node, ElementFn fn) {
  Type type = node.declaredElement();
  Shape shape = drawnShape(node);
  if (node.failed())
    return failure();
  if (!isa<FloatType>(type))
    return node.fail(node.node.target + " of a type that is not floating point"), failure();
  Value value = drawAs<Op>(node, shape, type, Stream::make(node, node.batchDimension()));
  return node.result(fn ? node.elementwise({value}, type, type, fn) : value);
}

LogicalResult rand(NodeBuilder &node) { return drawn<nn::RandomUniformOp>(node, nullptr); }
LogicalResult randn(NodeBuilder &node) { return drawn<nn::RandomNormalOp>(node, nullptr); }

/// scale * element + shift
Value affine(OpBuilder &builder, Location loc, Value element, double scale, double shift) {
  Body body{builder, loc};
  Type type = element.getType();
  return body.add(body.mul(element, body.constant(type, scale)), body.constant(type, shift));
}

LogicalResult uniform(NodeBuilder &node) {
  double from = node.real("from", 0), to = node.real("to", 1);
  return drawn<nn::RandomUniformOp>(node, [&](OpBuilder &builder, Location loc, ValueRange args) {
    return affine(builder, loc, args[0], to - from, from);
  });
}

LogicalResult normal(NodeBuilder &node) {
  double mean = node.real("mean", 0), std = node.real("std", 1);
  return drawn<nn::RandomNormalOp>(node, [&](OpBuilder &builder, Location loc, ValueRange args) {
    return affine(builder, loc, args[0], std, mean);
  });
}

/// mean + std * z, where at least one of them is a tensor.
LogicalResult normalOfTensors(NodeBuilder &node) {
  Operand mean = node.operand("mean");
  Operand deviation = node.has("std") ? node.operand("std") : Operand(Scalar::ofInt(1));
  Shape shape = node.broadcastShape({mean, deviation});
  Type type = node.declaredElement();
  if (!node.failed() && !isa<FloatType>(type))
    return node.fail(node.node.target + " of a type that is not floating point"), failure();
  Value z = drawAs<nn::RandomNormalOp>(node, shape, type, Stream::make(node, node.batchDimension()));
  return node.result(
      node.elementwise({mean, deviation, z}, type, type, [](OpBuilder &builder, Location loc, ValueRange args) {
        Body body{builder, loc};
        return body.add(args[0], body.mul(args[1], args[2]));
      }));
}

/// −log(1 − u) / rate: 1 − u is never zero.
Value exponentialOf(const Body &body, Value u, double rate) {
  Value rest = body.sub(body.constant(u.getType(), 1), u);
  return body.mul(body.make<math::LogOp>(rest), body.constant(u.getType(), -1 / rate));
}

LogicalResult exponential(NodeBuilder &node) {
  double rate = node.real("lambd", 1);
  if (!node.failed() && !(rate > 0))
    return node.fail("exponential with rate " + std::to_string(rate) + ", expected above 0"), failure();
  return drawn<nn::RandomUniformOp>(node, [&](OpBuilder &builder, Location loc, ValueRange args) {
    return exponentialOf(Body{builder, loc}, args[0], rate);
  });
}

LogicalResult logNormal(NodeBuilder &node) {
  double mean = node.real("mean", 1), std = node.real("std", 2);
  return drawn<nn::RandomNormalOp>(node, [&](OpBuilder &builder, Location loc, ValueRange args) -> Value {
    return math::ExpOp::create(builder, loc, affine(builder, loc, args[0], std, mean));
  });
}

LogicalResult bernoulli(NodeBuilder &node) {
  Value self = node.tensor("self");
  Operand p = node.has("p") ? node.operand("p") : Operand(self);
  Type type = node.declaredElement(), f32 = node.builder.getF32Type();
  if (node.failed())
    return failure();
  Value u =
      drawAs<nn::RandomUniformOp>(node, Shape(node.shapeOf(self)), f32, Stream::make(node, node.batchDimension()));
  return node.result(node.elementwise({u, p}, f32, type, [](OpBuilder &builder, Location loc, ValueRange args) {
    return Body{builder, loc}.compare(Body::Compare::Less, args[0], args[1]);
  }));
}

/// low + bits mod (high − low)
LogicalResult integers(NodeBuilder &node) {
  int64_t low = node.integer(node.has("from") ? "from" : "low", 0);
  int64_t high = node.integer(node.has("to") ? "to" : "high");
  Type type = node.declaredElement(), i64 = node.builder.getI64Type();
  Shape shape = drawnShape(node);
  if (node.failed())
    return failure();
  if (high <= low)
    return node.fail("random integers from " + Twine(low) + " to below " + Twine(high)), failure();
  Scalar range = Scalar::ofInt(int64_t(uint64_t(high) - uint64_t(low)));
  Value bits = drawAs<nn::RandomBitsOp>(node, shape, i64, Stream::make(node, node.batchDimension()));
  return node.result(node.elementwise({bits}, i64, type, [&](OpBuilder &builder, Location loc, ValueRange args) {
    Body body{builder, loc};
    Value offset = body.make<arith::RemUIOp>(args[0], body.constant(i64, range));
    return body.add(offset, body.constant(i64, Scalar::ofInt(low)));
  }));
}

/// In training the slope of negative elements is random; gives the slopes (1 for others) as well.
LogicalResult randomSlope(NodeBuilder &node) {
  Value self = node.tensor("self");
  double lower = node.real("lower", 1.0 / 8), upper = node.real("upper", 1.0 / 3);
  if (node.failed())
    return failure();
  Type type = node.elementOf(self);
  Shape shape(node.shapeOf(self));
  Value slope;
  if (node.boolean("training", false)) {
    Value u = drawAs<nn::RandomUniformOp>(node, shape, type, Stream::make(node, node.batchDimension()));
    slope = node.elementwise({self, u}, type, type, [&](OpBuilder &builder, Location loc, ValueRange args) {
      Body body{builder, loc};
      Value negative = body.compare(Body::Compare::LessEqual, args[0], body.constant(args[0].getType(), 0));
      return body.select(negative, affine(builder, loc, args[1], upper - lower, lower),
                         body.constant(args[0].getType(), 1));
    });
  } else {
    slope = node.elementwise({self}, type, type, [&](OpBuilder &builder, Location loc, ValueRange args) {
      Body body{builder, loc};
      Value negative = body.compare(Body::Compare::LessEqual, args[0], body.constant(args[0].getType(), 0));
      return body.select(negative, body.constant(args[0].getType(), (lower + upper) / 2),
                         body.constant(args[0].getType(), 1));
    });
  }
  if (node.failed())
    return failure();
  // The slope is a step of the input: it carries no gradient.
  Value fixed = nn::DetachOp::create(node.builder, node.loc, slope.getType(), slope);
  Value result = node.elementwise({self, fixed}, type, type, [](OpBuilder &builder, Location loc, ValueRange args) {
    return Body{builder, loc}.mul(args[0], args[1]);
  });
  if (node.node.target.contains("functional"))
    return node.results({result, fixed});
  return node.result(result);
}

} // namespace

void registerRandomOperators(OperatorTable &table) {
  table.add("aten.dropout.default", dropout);
  table.add("aten.native_dropout.default", nativeDropout);
  table.add("aten.feature_dropout.default", generalDropout<false, true>);
  table.add("aten.alpha_dropout.default", generalDropout<true, false>);
  table.add("aten.feature_alpha_dropout.default", generalDropout<true, true>);
  table.add({"aten.rand.default", "aten.rand_like.default"}, rand);
  table.add({"aten.randn.default", "aten.randn_like.default"}, randn);
  table.add("aten.uniform.default", uniform);
  table.add({"aten.normal_functional.default", "aten.normal.float_float"}, normal);
  table.add({"aten.normal.Tensor_float", "aten.normal.float_Tensor", "aten.normal.Tensor_Tensor"}, normalOfTensors);
  table.add("aten.exponential.default", exponential);
  table.add("aten.log_normal.default", logNormal);
  table.add({"aten.bernoulli.default", "aten.bernoulli.p", "aten.bernoulli.Tensor"}, bernoulli);
  table.add({"aten.randint.default", "aten.randint.low", "aten.randint_like.default", "aten.randint_like.low_dtype",
             "aten.random.from", "aten.random.to"},
            integers);
  table.add({"aten.rrelu.default", "aten.rrelu_with_noise.default", "aten.rrelu_with_noise_functional.default"},
            randomSlope);
}

} // namespace raddle::import
