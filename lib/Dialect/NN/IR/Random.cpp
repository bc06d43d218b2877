// Random numbers: verifiers, decompositions, and the gradient of dropout.
#include "raddle/Dialect/NN/IR/NNOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "raddle/Utils/LinalgBuilders.h"

using namespace mlir;
using namespace raddle;
using namespace raddle::nn;

//===----------------------------------------------------------------------===//
// Verifiers
//===----------------------------------------------------------------------===//

LogicalResult RandomKeyOp::verify() {
  // nn_random_key_c1
  int64_t id = static_cast<int64_t>(getId());
  if (id < 0 || id > std::numeric_limits<uint32_t>::max())
    return emitOpError("expects 'id' in [0, 2^32), is ") << id;
  return success();
}

static LogicalResult verifyNumbering(Operation *op, Value rank, std::optional<uint64_t> batchDim) {
  // nn_random_c1
  if ((rank != nullptr) != batchDim.has_value())
    return op->emitOpError("expects 'rank' and 'batch_dim' together, has only ") << (rank ? "'rank'" : "'batch_dim'");
  // nn_random_c2
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  if (batchDim && *batchDim >= static_cast<uint64_t>(type.getRank()))
    return op->emitOpError("expects 'batch_dim' in [0, ")
           << type.getRank() << "), is " << static_cast<int64_t>(*batchDim);
  return success();
}

LogicalResult RandomBitsOp::verify() { return verifyNumbering(*this, getRank(), getBatchDim()); }
LogicalResult RandomUniformOp::verify() { return verifyNumbering(*this, getRank(), getBatchDim()); }
LogicalResult RandomNormalOp::verify() { return verifyNumbering(*this, getRank(), getBatchDim()); }

LogicalResult DropoutOp::verify() {
  // nn_dropout_c1
  double p = getP().convertToDouble();
  if (!(p >= 0.0 && p < 1.0))
    return emitOpError("expects 'p' in [0, 1), is ") << p;
  // nn_dropout_c2
  if (getResult().getType() != getInput().getType())
    return emitOpError("expects a result of type ") << getInput().getType() << ", is " << getResult().getType();
  return verifyNumbering(*this, getRank(), getBatchDim());
}

//===----------------------------------------------------------------------===//
// Philox-4x32-10
//===----------------------------------------------------------------------===//

namespace {

/// Integer arithmetic in a generic's body, and the generator itself.
struct Words {
  const Scalars &s;

  Type i32() const { return s.builder.getI32Type(); }
  Type i64() const { return s.builder.getI64Type(); }

  Value constant(Type type, uint64_t value) const {
    unsigned bits = type.getIntOrFloatBitWidth();
    return arith::ConstantOp::create(s.builder, s.loc, s.builder.getIntegerAttr(type, APInt(64, value).trunc(bits)));
  }
  Value low(Value value) const { return arith::TruncIOp::create(s.builder, s.loc, i32(), value); }
  Value shiftRight(Value value, unsigned bits) const {
    return arith::ShRUIOp::create(s.builder, s.loc, value, constant(value.getType(), bits));
  }
  Value high(Value value) const { return low(shiftRight(value, 32)); }
  Value join(Value low, Value high) const {
    Value wide = arith::ExtUIOp::create(s.builder, s.loc, i64(), high);
    wide = arith::ShLIOp::create(s.builder, s.loc, wide, constant(i64(), 32));
    return arith::OrIOp::create(s.builder, s.loc, wide, arith::ExtUIOp::create(s.builder, s.loc, i64(), low));
  }
  Value exclusiveOr(Value a, Value b) const { return arith::XOrIOp::create(s.builder, s.loc, a, b); }

  /// Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3 (SC 2011).
  std::array<Value, 4> philox(std::array<Value, 4> counter, std::array<Value, 2> key) const {
    constexpr unsigned kRounds = 10;
    Value multipliers[] = {constant(i32(), 0xD2511F53), constant(i32(), 0xCD9E8D57)};
    Value steps[] = {constant(i32(), 0x9E3779B9), constant(i32(), 0xBB67AE85)};
    for (unsigned round = 0; round < kRounds; ++round) {
      auto first = arith::MulUIExtendedOp::create(s.builder, s.loc, counter[0], multipliers[0]);
      auto second = arith::MulUIExtendedOp::create(s.builder, s.loc, counter[2], multipliers[1]);
      counter = {exclusiveOr(exclusiveOr(second.getHigh(), counter[1]), key[0]), second.getLow(),
                 exclusiveOr(exclusiveOr(first.getHigh(), counter[3]), key[1]), first.getLow()};
      for (int word = 0; word < 2; ++word)
        key[word] = s.add(key[word], steps[word]);
    }
    return counter;
  }

  /// A number in [0, 1) of the first `digits` bits, which are fewer than the word has.
  Value fraction(Value word, unsigned digits, Type type) const {
    Value integer = shiftRight(word, word.getType().getIntOrFloatBitWidth() - digits);
    Value number = arith::SIToFPOp::create(s.builder, s.loc, type, integer);
    return s.mul(number, s.constant(type, std::ldexp(1.0, -static_cast<int>(digits))));
  }

  Value uniform(const std::array<Value, 4> &words, FloatType type) const {
    unsigned digits = type.getFPMantissaWidth();
    return fraction(digits > 32 ? join(words[0], words[1]) : words[0], digits, type);
  }

  Value normal(const std::array<Value, 4> &words, FloatType type) const {
    FloatType wide = type.getWidth() < 32 ? s.builder.getF32Type() : type;
    bool isDouble = wide.getWidth() > 32;
    Value first = isDouble ? join(words[0], words[1]) : words[0];
    Value second = isDouble ? join(words[2], words[3]) : words[1];
    unsigned width = first.getType().getIntOrFloatBitWidth();
    // All bits of the first number and half a step more: small ones reach far into the tail, none is zero.
    Value u = arith::UIToFPOp::create(s.builder, s.loc, wide, first);
    u = s.mul(s.add(u, s.constant(wide, 0.5)), s.constant(wide, std::ldexp(1.0, -static_cast<int>(width))));
    Value v = fraction(second, wide.getFPMantissaWidth(), wide);
    Value radius = s.sqrt(s.mul(s.constant(wide, -2.0), s.log(u)));
    Value angle = s.mul(s.constant(wide, 2.0 * M_PI), v);
    Value result = s.mul(radius, math::CosOp::create(s.builder, s.loc, angle));
    return s.castFloat(result, type);
  }
};

/// Draws for the elements of a result: four random words for each.
class Drawing {
public:
  Drawing(RankedTensorType type, Value key, Value rank, std::optional<uint64_t> batchDim)
      : type(type), key(key), rank(rank), batchDim(batchDim) {}

  using Element = llvm::function_ref<Value(const Words &, const std::array<Value, 4> &, ValueRange inputs)>;

  /// An elementwise op over `inputs`, which have the result's shape.
  Value build(OpBuilder &builder, Location loc, ValueRange inputs, RankedTensorType result, Element element) const {
    AffineMap full = builder.getMultiDimIdentityMap(type.getRank());
    AffineMap scalar = projection(builder.getContext(), type.getRank(), {});
    SmallVector<Value> operands(inputs);
    SmallVector<AffineMap> maps(inputs.size(), full);
    for (Value counter : {key, rank})
      if (counter) {
        operands.push_back(counter);
        maps.push_back(scalar);
      }
    return buildElementwise(builder, loc, result, operands, maps, [&](const Scalars &s, ValueRange args) {
      Words words{s};
      Value keyWord = args[inputs.size()];
      Value index = number(words, rank ? args[inputs.size() + 1] : Value());
      Value zero = words.constant(words.i32(), 0);
      auto drawn =
          words.philox({words.low(index), words.high(index), zero, zero}, {words.low(keyWord), words.high(keyWord)});
      return element(words, drawn, args.take_front(inputs.size()));
    });
  }

private:
  /// The element's number among those of all ranks, the batch's dimension slowest.
  Value number(const Words &words, Value rankNumber) const {
    const Scalars &s = words.s;
    Value index = words.constant(words.i64(), 0);
    if (batchDim) {
      Value start = s.mul(rankNumber, words.constant(words.i64(), type.getDimSize(*batchDim)));
      index = s.add(start, s.position(*batchDim, words.i64()));
    }
    for (int64_t dim = 0; dim < type.getRank(); ++dim) {
      if (batchDim && dim == static_cast<int64_t>(*batchDim))
        continue;
      index = s.mul(index, words.constant(words.i64(), type.getDimSize(dim)));
      index = s.add(index, s.position(dim, words.i64()));
    }
    return index;
  }

  RankedTensorType type;
  Value key, rank;
  std::optional<uint64_t> batchDim;
};

template <typename Op, typename Element> SmallVector<Value> draw(Op op, OpBuilder &builder, Element element) {
  auto type = cast<RankedTensorType>(op.getResult().getType());
  Drawing drawing(type, op.getKey(), op.getRank(), op.getBatchDim());
  return {drawing.build(builder, op.getLoc(), {}, type,
                        [&](const Words &words, const std::array<Value, 4> &drawn, ValueRange) {
                          return element(words, drawn, type.getElementType());
                        })};
}

} // namespace

//===----------------------------------------------------------------------===//
// Decompositions
//===----------------------------------------------------------------------===//

FailureOr<SmallVector<Value>> RandomKeyOp::decomposeOperation(OpBuilder &builder) {
  auto type = cast<RankedTensorType>(getKey().getType());
  Value key =
      buildElementwise(builder, getLoc(), type, {getSeed(), getCall()}, {}, [&](const Scalars &s, ValueRange args) {
        Words words{s};
        Value id = words.constant(words.i32(), getId()), zero = words.constant(words.i32(), 0);
        auto drawn = words.philox({words.low(args[1]), words.high(args[1]), id, zero},
                                  {words.low(args[0]), words.high(args[0])});
        return words.join(drawn[0], drawn[1]);
      });
  return SmallVector<Value>{key};
}

FailureOr<SmallVector<Value>> RandomBitsOp::decomposeOperation(OpBuilder &builder) {
  return draw(*this, builder, [](const Words &words, const std::array<Value, 4> &drawn, Type) {
    return words.join(drawn[0], drawn[1]);
  });
}

FailureOr<SmallVector<Value>> RandomUniformOp::decomposeOperation(OpBuilder &builder) {
  return draw(*this, builder, [](const Words &words, const std::array<Value, 4> &drawn, Type type) {
    return words.uniform(drawn, cast<FloatType>(type));
  });
}

FailureOr<SmallVector<Value>> RandomNormalOp::decomposeOperation(OpBuilder &builder) {
  return draw(*this, builder, [](const Words &words, const std::array<Value, 4> &drawn, Type type) {
    return words.normal(drawn, cast<FloatType>(type));
  });
}

FailureOr<SmallVector<Value>> DropoutOp::decomposeOperation(OpBuilder &builder) {
  auto type = cast<RankedTensorType>(getInput().getType());
  double p = getP().convertToDouble();
  Drawing drawing(type, getKey(), getRank(), getBatchDim());
  Value result = drawing.build(
      builder, getLoc(), {getInput()}, type,
      [&](const Words &words, const std::array<Value, 4> &drawn, ValueRange inputs) -> Value {
        const Scalars &s = words.s;
        Value uniform = words.uniform(drawn, s.builder.getF32Type());
        Value kept =
            arith::CmpFOp::create(s.builder, s.loc, arith::CmpFPredicate::OGE, uniform, s.constantLike(uniform, p));
        // A product, so that NaN and infinity flow as in PyTorch.
        Value factor = s.select(kept, s.constantLike(inputs[0], 1.0 / (1.0 - p)), s.constantLike(inputs[0], 0.0));
        return s.mul(inputs[0], factor);
      });
  return SmallVector<Value>{result};
}

LogicalResult DropoutOp::buildBackward(OpBuilder &builder, ValueRange resultGrads, ArrayRef<bool> wanted,
                                       SmallVectorImpl<Value> &operandGrads) {
  if (wanted[0])
    operandGrads[0] = DropoutOp::create(builder, getLoc(), getInput().getType(), resultGrads[0], getKey(), getRank(),
                                        getPAttr(), getBatchDimAttr());
  return success();
}
