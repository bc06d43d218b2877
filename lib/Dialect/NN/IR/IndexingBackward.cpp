// Gradients of rows that are read and written by index.
#include "raddle/Dialect/NN/IR/NNOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "raddle/Utils/LinalgBuilders.h"

using namespace mlir;
using namespace raddle;
using namespace raddle::nn;

LogicalResult GatherRowsOp::buildBackward(OpBuilder &builder, ValueRange resultGrads, ArrayRef<bool> wanted,
                                          SmallVectorImpl<Value> &operandGrads) {
  if (!wanted[0])
    return success();
  auto type = cast<RankedTensorType>(getTable().getType());
  int64_t positions = cast<RankedTensorType>(getIndices().getType()).getNumElements();
  Value indices = buildReshape(builder, getLoc(), getIndices(), {positions});
  Value rows = buildReshape(builder, getLoc(), resultGrads[0], {positions, type.getDimSize(1)});
  operandGrads[0] = ScatterRowsOp::create(builder, getLoc(), type, ScatterKind::Add, rows,
                                          buildFilled(builder, getLoc(), type, 0.0), indices);
  return success();
}

namespace {

/// The gradient of one scatter, by what its kind does.
class ScatterGradient {
public:
  ScatterGradient(ScatterRowsOp op, OpBuilder &builder, Value grad)
      : builder(builder), loc(op.getLoc()), grad(grad), target(op.getTarget()), updates(op.getUpdates()),
        indices(op.getIndices()), out(op.getOut()) {}

  /// What is overwritten gets zero; every row that was written gets the gradient of its place, even where a later one
  /// has overwritten it.
  std::pair<Value, Value> ofSet() {
    Value zeros = buildFilled(builder, loc, typeOf(updates), 0.0);
    return {scatter(ScatterKind::Set, zeros, grad), gather(grad)};
  }

  std::pair<Value, Value> ofAdd() { return {grad, gather(grad)}; }

  /// The product of all other factors: through the quotient where no factor is 0, else without the only one that is.
  std::pair<Value, Value> ofMul() {
    auto ones = [&](Value like) { return buildFilled(builder, loc, typeOf(like), 1.0); };
    Value ofTarget = map({grad, scatter(ScatterKind::Mul, updates, ones(target))},
                         [](const Scalars &s, ValueRange args) { return s.mul(args[0], args[1]); });
    auto isZero = [](const Scalars &s, Value x) -> Value {
      return arith::CmpFOp::create(s.builder, s.loc, arith::CmpFPredicate::OEQ, x, s.constantLike(x, 0.0));
    };
    auto nonZero = [&](Value value) {
      return map({value}, [&](const Scalars &s, ValueRange args) {
        return s.select(isZero(s, args[0]), s.constantLike(args[0], 1.0), args[0]);
      });
    };
    auto zeroCount = [&](Value value) {
      return map({value}, [&](const Scalars &s, ValueRange args) {
        return s.select(isZero(s, args[0]), s.constantLike(args[0], 1.0), s.constantLike(args[0], 0.0));
      });
    };
    Value product = gather(scatter(ScatterKind::Mul, nonZero(updates), nonZero(target)));
    Value zeros = gather(scatter(ScatterKind::Add, zeroCount(updates), zeroCount(target)));
    Value ofUpdates = map({updates, product, zeros, gather(grad)}, [&](const Scalars &s, ValueRange args) {
      Value update = args[0], zero = s.constantLike(update, 0.0), one = s.constantLike(update, 1.0);
      Value own = isZero(s, update);
      Value othersZero = s.sub(args[2], s.select(own, one, zero));
      Value others = s.div(args[1], s.select(own, one, update));
      return s.mul(args[3], s.select(isZero(s, othersZero), others, zero));
    });
    return {ofTarget, ofUpdates};
  }

  /// Shared by all that equal the extremum.
  std::pair<Value, Value> ofExtremum() {
    auto isFound = [&](Value value, Value found) {
      return map({value, found}, [](const Scalars &s, ValueRange args) {
        Value equal = arith::CmpFOp::create(s.builder, s.loc, arith::CmpFPredicate::OEQ, args[0], args[1]);
        return s.select(equal, s.constantLike(args[0], 1.0), s.constantLike(args[0], 0.0));
      });
    };
    auto product = [&](Value a, Value b) {
      return map({a, b}, [](const Scalars &s, ValueRange args) { return s.mul(args[0], args[1]); });
    };
    Value targetFound = isFound(target, out), updatesFound = isFound(updates, gather(out));
    Value count = scatter(ScatterKind::Add, updatesFound, targetFound);
    Value share = map({grad, count}, [](const Scalars &s, ValueRange args) { return s.div(args[0], args[1]); });
    return {product(share, targetFound), product(gather(share), updatesFound)};
  }

private:
  static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

  Value map(ValueRange inputs, BodyBuilder body) {
    return buildElementwise(builder, loc, typeOf(inputs[0]), inputs, {}, body);
  }
  Value gather(Value table) { return GatherRowsOp::create(builder, loc, typeOf(updates), table, indices); }
  Value scatter(ScatterKind kind, Value rows, Value into) {
    return ScatterRowsOp::create(builder, loc, typeOf(into), kind, rows, into, indices);
  }

  OpBuilder &builder;
  Location loc;
  Value grad, target, updates, indices, out;
};

} // namespace

LogicalResult ScatterRowsOp::buildBackward(OpBuilder &builder, ValueRange resultGrads, ArrayRef<bool> wanted,
                                           SmallVectorImpl<Value> &operandGrads) {
  ScatterGradient gradient(*this, builder, resultGrads[0]);
  auto [ofTarget, ofUpdates] = getKind() == ScatterKind::Set   ? gradient.ofSet()
                               : getKind() == ScatterKind::Add ? gradient.ofAdd()
                               : getKind() == ScatterKind::Mul ? gradient.ofMul()
                                                               : gradient.ofExtremum();
  if (wanted[0])
    operandGrads[0] = ofUpdates;
  if (wanted[1])
    operandGrads[1] = ofTarget;
  return success();
}
