// Running sums, products, extrema: verifiers, decompositions and gradients.
#include "ScanBuilder.h"
#include "raddle/Dialect/NN/IR/NNOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace raddle;
using namespace raddle::nn;

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }
static Type elementOf(Value value) { return typeOf(value).getElementType(); }

//===----------------------------------------------------------------------===//
// Verifiers
//===----------------------------------------------------------------------===//

/// `values` are the operands and results that have one type; `indices` has their shape.
static LogicalResult verifyScan(Operation *op, uint64_t dim, ValueRange values, Value indices = {}) {
  RankedTensorType type = typeOf(values.front());
  // nn_scan_c1
  if (dim >= static_cast<uint64_t>(type.getRank()))
    return op->emitOpError("expects 'dim' in [0, ") << type.getRank() << "), is " << static_cast<int64_t>(dim);
  // nn_scan_c2
  for (Value value : values)
    if (value.getType() != type)
      return op->emitOpError("expects one type of operands and results, has ") << type << " and " << value.getType();
  if (indices && typeOf(indices).getShape() != type.getShape())
    return op->emitOpError("expects indices of the shape of ") << type << ", is " << indices.getType();
  return success();
}

LogicalResult CumsumOp::verify() { return verifyScan(*this, getDim(), {getInput(), getResult()}); }
LogicalResult CumprodOp::verify() { return verifyScan(*this, getDim(), {getInput(), getResult()}); }
LogicalResult CumprodGradOp::verify() { return verifyScan(*this, getDim(), {getInput(), getOutGrad(), getResult()}); }
LogicalResult LogcumsumexpOp::verify() { return verifyScan(*this, getDim(), {getInput(), getResult()}); }
LogicalResult LogcumsumexpGradOp::verify() {
  return verifyScan(*this, getDim(), {getInput(), getOut(), getOutGrad(), getResult()});
}
LogicalResult CummaxOp::verify() { return verifyScan(*this, getDim(), {getInput(), getValues()}, getIndices()); }
LogicalResult CumminOp::verify() { return verifyScan(*this, getDim(), {getInput(), getValues()}, getIndices()); }
LogicalResult CumextremumGradOp::verify() {
  return verifyScan(*this, getDim(), {getOutGrad(), getResult()}, getIndices());
}

//===----------------------------------------------------------------------===//
// Sums and products
//===----------------------------------------------------------------------===//

/// What sums of a type add up in.
static Type accumulatorOf(Type type) {
  auto real = dyn_cast<FloatType>(type);
  if (!real)
    return type;
  if (real.getWidth() < 32)
    return Float32Type::get(type.getContext());
  return Float64Type::get(type.getContext());
}

/// To a floating-point type where `type` is one; integers stay.
static Value convert(const Scalars &s, Value value, Type type) {
  return isa<FloatType>(type) ? s.castFloat(value, type) : value;
}

FailureOr<SmallVector<Value>> CumsumOp::decomposeOperation(OpBuilder &builder) {
  Type type = elementOf(getInput()), wide = accumulatorOf(type);
  return buildScan(builder, getLoc(), {getInput()}, getDim(), getReverse(), {{wide, 0.0}}, {type},
                   [&](const Scalars &s, ValueRange inputs, ValueRange carries, Value) -> ScanElements {
                     Value sum = s.add(carries[0], convert(s, inputs[0], wide));
                     return {{sum}, {convert(s, sum, type)}};
                   });
}

LogicalResult CumsumOp::buildBackward(OpBuilder &builder, ValueRange resultGrads, ArrayRef<bool> wanted,
                                      SmallVectorImpl<Value> &operandGrads) {
  if (wanted[0])
    operandGrads[0] = CumsumOp::create(builder, getLoc(), getInput().getType(), resultGrads[0], getDimAttr(),
                                       getReverse() ? UnitAttr() : builder.getUnitAttr());
  return success();
}

FailureOr<SmallVector<Value>> CumprodOp::decomposeOperation(OpBuilder &builder) {
  Type type = elementOf(getInput()), wide = accumulatorOf(type);
  return buildScan(builder, getLoc(), {getInput()}, getDim(), /*reverse=*/false, {{wide, 1.0}}, {type},
                   [&](const Scalars &s, ValueRange inputs, ValueRange carries, Value) -> ScanElements {
                     Value product = s.mul(carries[0], convert(s, inputs[0], wide));
                     return {{product}, {convert(s, product, type)}};
                   });
}

LogicalResult CumprodOp::buildBackward(OpBuilder &builder, ValueRange resultGrads, ArrayRef<bool> wanted,
                                       SmallVectorImpl<Value> &operandGrads) {
  if (wanted[0])
    operandGrads[0] =
        CumprodGradOp::create(builder, getLoc(), getInput().getType(), getInput(), resultGrads[0], getDimAttr());
  return success();
}

FailureOr<SmallVector<Value>> CumprodGradOp::decomposeOperation(OpBuilder &builder) {
  Type type = elementOf(getInput()), wide = accumulatorOf(type);
  Value before = buildScan(builder, getLoc(), {getInput()}, getDim(), /*reverse=*/false, {{wide, 1.0}}, {wide},
                           [&](const Scalars &s, ValueRange inputs, ValueRange carries, Value) -> ScanElements {
                             return {{s.mul(carries[0], convert(s, inputs[0], wide))}, {carries[0]}};
                           })
                     .front();
  // What is carried is input[k + 1] s[k + 1].
  return buildScan(builder, getLoc(), {getInput(), getOutGrad(), before}, getDim(), /*reverse=*/true, {{wide, 0.0}},
                   {type}, [&](const Scalars &s, ValueRange inputs, ValueRange carries, Value) -> ScanElements {
                     Value sum = s.add(convert(s, inputs[1], wide), carries[0]);
                     return {{s.mul(convert(s, inputs[0], wide), sum)}, {convert(s, s.mul(inputs[2], sum), type)}};
                   });
}

//===----------------------------------------------------------------------===//
// Sums of exponentials
//===----------------------------------------------------------------------===//

/// exp(a − b), one where they are equal, infinite or not.
static Value ratio(const Scalars &s, Value a, Value b) {
  Value equal = arith::CmpFOp::create(s.builder, s.loc, arith::CmpFPredicate::OEQ, a, b);
  return s.select(equal, s.constantLike(a, 1.0), s.exp(s.sub(a, b)));
}

/// What exponentials of a type are computed in.
static Type exponentialType(Type type) {
  return type.getIntOrFloatBitWidth() < 32 ? Type(Float32Type::get(type.getContext())) : type;
}

FailureOr<SmallVector<Value>> LogcumsumexpOp::decomposeOperation(OpBuilder &builder) {
  Type type = elementOf(getInput()), wide = exponentialType(type);
  double lowest = -std::numeric_limits<double>::infinity();
  return buildScan(builder, getLoc(), {getInput()}, getDim(), /*reverse=*/false, {{wide, lowest}}, {type},
                   [&](const Scalars &s, ValueRange inputs, ValueRange carries, Value) -> ScanElements {
                     Value element = convert(s, inputs[0], wide);
                     Value high = s.max(carries[0], element);
                     Value low = arith::MinimumFOp::create(s.builder, s.loc, carries[0], element);
                     Value sum = s.add(high, math::Log1pOp::create(s.builder, s.loc, ratio(s, low, high)));
                     return {{sum}, {convert(s, sum, type)}};
                   });
}

LogicalResult LogcumsumexpOp::buildBackward(OpBuilder &builder, ValueRange resultGrads, ArrayRef<bool> wanted,
                                            SmallVectorImpl<Value> &operandGrads) {
  if (wanted[0])
    operandGrads[0] = LogcumsumexpGradOp::create(builder, getLoc(), getInput().getType(), getInput(), getResult(),
                                                 resultGrads[0], getDimAttr());
  return success();
}

FailureOr<SmallVector<Value>> LogcumsumexpGradOp::decomposeOperation(OpBuilder &builder) {
  Type type = elementOf(getInput()), wide = exponentialType(type);
  // Carried: s and out of the place behind. At the end there is none, and its weight is nothing.
  double last = std::numeric_limits<double>::infinity();
  return buildScan(builder, getLoc(), {getInput(), getOut(), getOutGrad()}, getDim(), /*reverse=*/true,
                   {{wide, 0.0}, {wide, last}}, {type},
                   [&](const Scalars &s, ValueRange inputs, ValueRange carries, Value) -> ScanElements {
                     Value element = convert(s, inputs[0], wide), out = convert(s, inputs[1], wide);
                     Value grad = convert(s, inputs[2], wide);
                     Value sum = s.add(grad, s.mul(ratio(s, out, carries[1]), carries[0]));
                     return {{sum, out}, {convert(s, s.mul(ratio(s, element, out), sum), type)}};
                   });
}

//===----------------------------------------------------------------------===//
// Extrema
//===----------------------------------------------------------------------===//

static Value isNaN(const Scalars &s, Value value) {
  return arith::CmpFOp::create(s.builder, s.loc, arith::CmpFPredicate::UNO, value, value);
}

/// Whether `element` takes over from `found`. The first place always does.
static Value takesOver(const Scalars &s, Value element, Value found, bool isMax) {
  if (!isa<FloatType>(element.getType())) {
    using P = arith::CmpIPredicate;
    bool isBool = element.getType().isInteger(1);
    return arith::CmpIOp::create(s.builder, s.loc, isMax ? (isBool ? P::uge : P::sge) : (isBool ? P::ule : P::sle),
                                 element, found);
  }
  auto relation = isMax ? arith::CmpFPredicate::OGE : arith::CmpFPredicate::OLE;
  Value further = arith::CmpFOp::create(s.builder, s.loc, relation, element, found);
  return arith::OrIOp::create(s.builder, s.loc, further, isNaN(s, element));
}

template <typename Op> static SmallVector<Value> decomposeExtremum(Op op, OpBuilder &builder, bool isMax) {
  Value input = op.getInput();
  Type type = elementOf(input), i64 = builder.getI64Type();
  // A result that nobody reads is not computed: it would need memory that no one gives.
  bool isWanted[] = {!op.getValues().use_empty(), !op.getIndices().use_empty()};
  SmallVector<Type> types;
  for (auto [result, wanted] : llvm::zip(op->getResults(), isWanted))
    if (wanted)
      types.push_back(elementOf(result));
  SmallVector<Value> built = buildScan(
      builder, op.getLoc(), {input}, op.getDim(), /*reverse=*/false, {{type, 0.0}, {i64, 0.0}}, types,
      [&](const Scalars &s, ValueRange inputs, ValueRange carries, Value position) -> ScanElements {
        Value place = arith::IndexCastOp::create(s.builder, s.loc, i64, position);
        Value first =
            arith::CmpIOp::create(s.builder, s.loc, arith::CmpIPredicate::eq, place, s.constantLike(place, 0));
        Value taken = arith::OrIOp::create(s.builder, s.loc, first, takesOver(s, inputs[0], carries[0], isMax));
        Value elements[] = {s.select(taken, inputs[0], carries[0]), s.select(taken, place, carries[1])};
        ScanElements computed{{elements[0], elements[1]}, {}};
        for (auto [element, wanted] : llvm::zip(elements, isWanted))
          if (wanted)
            computed.results.push_back(element);
        return computed;
      });
  SmallVector<Value> results;
  auto next = built.begin();
  for (auto [result, wanted] : llvm::zip(op->getResults(), isWanted)) {
    RankedTensorType resultType = typeOf(result);
    if (wanted)
      results.push_back(*next++);
    else
      results.push_back(
          tensor::EmptyOp::create(builder, op.getLoc(), resultType.getShape(), resultType.getElementType()));
  }
  return results;
}

FailureOr<SmallVector<Value>> CummaxOp::decomposeOperation(OpBuilder &builder) {
  return decomposeExtremum(*this, builder, /*isMax=*/true);
}
FailureOr<SmallVector<Value>> CumminOp::decomposeOperation(OpBuilder &builder) {
  return decomposeExtremum(*this, builder, /*isMax=*/false);
}

template <typename Op>
static LogicalResult differentiateExtremum(Op op, OpBuilder &builder, ValueRange resultGrads, ArrayRef<bool> wanted,
                                           SmallVectorImpl<Value> &operandGrads) {
  if (wanted[0] && resultGrads[0])
    operandGrads[0] = CumextremumGradOp::create(builder, op.getLoc(), op.getInput().getType(), op.getIndices(),
                                                resultGrads[0], op.getDimAttr());
  return success();
}

LogicalResult CummaxOp::buildBackward(OpBuilder &builder, ValueRange resultGrads, ArrayRef<bool> wanted,
                                      SmallVectorImpl<Value> &operandGrads) {
  return differentiateExtremum(*this, builder, resultGrads, wanted, operandGrads);
}
LogicalResult CumminOp::buildBackward(OpBuilder &builder, ValueRange resultGrads, ArrayRef<bool> wanted,
                                      SmallVectorImpl<Value> &operandGrads) {
  return differentiateExtremum(*this, builder, resultGrads, wanted, operandGrads);
}

FailureOr<SmallVector<Value>> CumextremumGradOp::decomposeOperation(OpBuilder &builder) {
  Type type = elementOf(getOutGrad()), wide = accumulatorOf(type), i64 = builder.getI64Type();
  // Carried: the sum of the run of equal indices behind, and their index; −1 is none.
  return buildScan(builder, getLoc(), {getIndices(), getOutGrad()}, getDim(), /*reverse=*/true,
                   {{wide, 0.0}, {i64, -1.0}}, {type},
                   [&](const Scalars &s, ValueRange inputs, ValueRange carries, Value position) -> ScanElements {
                     auto equal = [&](Value a, Value b) -> Value {
                       return arith::CmpIOp::create(s.builder, s.loc, arith::CmpIPredicate::eq, a, b);
                     };
                     Value zero = s.constant(wide, 0.0);
                     Value behind = s.select(equal(inputs[0], carries[1]), carries[0], zero);
                     Value sum = s.add(convert(s, inputs[1], wide), behind);
                     Value place = arith::IndexCastOp::create(s.builder, s.loc, i64, position);
                     Value result = s.select(equal(inputs[0], place), sum, zero);
                     return {{sum, inputs[0]}, {convert(s, result, type)}};
                   });
}
