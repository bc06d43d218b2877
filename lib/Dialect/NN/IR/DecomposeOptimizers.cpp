// Decompositions of optimizer steps.
#include "raddle/Dialect/NN/IR/NNOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "raddle/Utils/LinalgBuilders.h"

using namespace mlir;
using namespace raddle;
using namespace raddle::nn;

/// The type that a step is computed in: f32 for 16-bit types.
static Type stepType(RankedTensorType type) {
  Type element = type.getElementType();
  return element.getIntOrFloatBitWidth() < 32 ? Float32Type::get(type.getContext()) : element;
}

/// One elementwise generic with several results of `type`, computed in its step type. `scalars` are rank-0 tensors;
/// `body` sees the elements of `inputs`, then those of `scalars`.
static SmallVector<Value> buildUpdate(OpBuilder &builder, Location loc, RankedTensorType type, unsigned numResults,
                                      ValueRange inputs, ValueRange scalars,
                                      function_ref<SmallVector<Value>(const Scalars &, ValueRange)> body) {
  int64_t rank = type.getRank();
  SmallVector<AffineMap> maps(inputs.size(), builder.getMultiDimIdentityMap(rank));
  maps.append(scalars.size(), projection(builder.getContext(), rank, {}));
  maps.append(numResults, builder.getMultiDimIdentityMap(rank));
  SmallVector<Value> operands(inputs);
  llvm::append_range(operands, scalars);
  Value empty = tensor::EmptyOp::create(builder, loc, type.getShape(), type.getElementType());
  SmallVector<utils::IteratorType> iterators(rank, utils::IteratorType::parallel);
  auto op = linalg::GenericOp::create(builder, loc, SmallVector<Type>(numResults, type), operands,
                                      SmallVector<Value>(numResults, empty), maps, iterators,
                                      [&](OpBuilder &nested, Location nestedLoc, ValueRange args) {
                                        Scalars s{nested, nestedLoc};
                                        SmallVector<Value> values;
                                        for (Value value : args.take_front(operands.size()))
                                          values.push_back(s.castFloat(value, stepType(type)));
                                        SmallVector<Value> next = body(s, values);
                                        for (Value &value : next)
                                          value = s.castFloat(value, type.getElementType());
                                        linalg::YieldOp::create(nested, nestedLoc, next);
                                      });
  return SmallVector<Value>(op.getResults());
}

/// 1 − beta^step as a rank-0 tensor, in double precision as torch has it: near 1 single precision loses half of its
/// digits.
static Value buildBiasCorrection(OpBuilder &builder, Location loc, Value step, double beta) {
  auto type = RankedTensorType::get({}, builder.getF64Type());
  return buildElementwise(builder, loc, type, {step}, {}, [&](const Scalars &s, ValueRange args) {
    Value exponent = arith::SIToFPOp::create(s.builder, s.loc, s.builder.getF64Type(), args[0]);
    Value base = s.constantLike(exponent, beta);
    return s.sub(s.constantLike(exponent, 1.0), math::PowFOp::create(s.builder, s.loc, base, exponent));
  });
}

FailureOr<SmallVector<Value>> SquaredNormOp::decomposeOperation(OpBuilder &builder) {
  // In f64: a sum of many squares in f32 would depend on the order and, with it, on where tensors are cut.
  Value total;
  auto resultType = cast<RankedTensorType>(getResult().getType());
  auto scalarType = RankedTensorType::get({}, builder.getF64Type());
  for (Value tensor : getTensors()) {
    int64_t rank = cast<RankedTensorType>(tensor.getType()).getRank();
    Value sum = buildReduction(builder, getLoc(), scalarType, {tensor}, {builder.getMultiDimIdentityMap(rank)},
                               projection(builder.getContext(), rank, {}), 0.0, [](const Scalars &s, ValueRange args) {
                                 Value element = s.castFloat(args[0], args[1].getType());
                                 return s.add(args[1], s.mul(element, element));
                               });
    total = total ? buildSum(builder, getLoc(), total, sum) : sum;
  }
  if (resultType != scalarType)
    total = buildElementwise(builder, getLoc(), resultType, total, {}, [&](const Scalars &s, ValueRange args) {
      return s.castFloat(args[0], resultType.getElementType());
    });
  return SmallVector<Value>{total};
}

FailureOr<SmallVector<Value>> AdamWOp::decomposeOperation(OpBuilder &builder) {
  Location loc = getLoc();
  auto type = cast<RankedTensorType>(getParam().getType());
  Type element = stepType(type);
  double beta1 = getBeta1().convertToDouble(), beta2 = getBeta2().convertToDouble();
  double eps = getEps().convertToDouble(), decay = getWeightDecay().convertToDouble();
  auto scalarType = RankedTensorType::get({}, element);

  Value correction1 = buildBiasCorrection(builder, loc, getStep(), beta1);
  Value correction2 = buildBiasCorrection(builder, loc, getStep(), beta2);
  auto toElement = [&](Value input, Value correction, function_ref<Value(const Scalars &, Value, Value)> body) {
    return buildElementwise(builder, loc, scalarType, {input, correction}, {}, [&](const Scalars &s, ValueRange args) {
      Value wide = s.castFloat(args[0], s.builder.getF64Type());
      return s.castFloat(body(s, wide, args[1]), element);
    });
  };
  Value stepSize = toElement(getLr(), correction1, [](const Scalars &s, Value lr, Value c) { return s.div(lr, c); });
  Value rootCorrection = toElement(getLr(), correction2, [](const Scalars &s, Value, Value c) { return s.sqrt(c); });
  Value keep = toElement(getLr(), correction1, [&](const Scalars &s, Value lr, Value) {
    return s.sub(s.constantLike(lr, 1.0), s.mul(lr, s.constantLike(lr, decay)));
  });

  SmallVector<Value> scalars{stepSize, rootCorrection, keep};
  if (getGradScale())
    scalars.push_back(getGradScale());
  return buildUpdate(builder, loc, type, 3, {getParam(), getGrad(), getExpAvg(), getExpAvgSq()}, scalars,
                     [&](const Scalars &s, ValueRange args) {
                       Value param = args[0], m = args[2], v = args[3];
                       Value grad = getGradScale() ? s.mul(args[1], args.back()) : args[1];
                       auto scaled = [&](Value value, double factor) {
                         return s.mul(value, s.constantLike(value, factor));
                       };
                       Value newM = s.add(scaled(m, beta1), scaled(grad, 1.0 - beta1));
                       Value newV = s.add(scaled(v, beta2), scaled(s.mul(grad, grad), 1.0 - beta2));
                       Value root = s.div(s.sqrt(newV), args[5]);
                       Value denominator = s.add(root, s.constantLike(root, eps));
                       Value newParam = s.sub(s.mul(param, args[6]), s.mul(args[4], s.div(newM, denominator)));
                       return SmallVector<Value>{newParam, newM, newV};
                     });
}

FailureOr<SmallVector<Value>> SGDOp::decomposeOperation(OpBuilder &builder) {
  double momentum = getMomentum().convertToDouble(), decay = getWeightDecay().convertToDouble();
  SmallVector<Value> scalars{getLr()};
  if (getGradScale())
    scalars.push_back(getGradScale());
  return buildUpdate(builder, getLoc(), cast<RankedTensorType>(getParam().getType()), 2,
                     {getParam(), getGrad(), getMomentumBuffer()}, scalars, [&](const Scalars &s, ValueRange args) {
                       Value grad = getGradScale() ? s.mul(args[1], args.back()) : args[1];
                       Value direction = s.add(grad, s.mul(args[0], s.constantLike(args[0], decay)));
                       Value buffer = s.add(s.mul(args[2], s.constantLike(args[2], momentum)), direction);
                       return SmallVector<Value>{s.sub(args[0], s.mul(args[3], buffer)), buffer};
                     });
}
