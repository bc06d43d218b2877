// Bodies of structured ops, on tiles.
#include "../NVVM/DeviceMath.h"
#include "TileEvaluator.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace raddle {

std::optional<AffineExpr> TileEvaluator::expressionOf(Value index, Body &body) {
  if (auto found = positions.find(index); found != positions.end())
    return found->second;
  Operation *op = index.getDefiningOp();
  if (!op)
    return std::nullopt;
  if (auto position = dyn_cast<linalg::IndexOp>(op))
    return body.loops[position.getDim()];
  if (auto constant = dyn_cast<arith::ConstantIndexOp>(op))
    return getAffineConstantExpr(constant.value(), points.context);
  auto apply = dyn_cast<affine::AffineApplyOp>(op);
  if (!apply)
    return std::nullopt;
  SmallVector<AffineExpr> dims, parameters;
  for (auto [number, operand] : llvm::enumerate(apply.getMapOperands())) {
    std::optional<AffineExpr> expr = expressionOf(operand, body);
    if (!expr)
      return std::nullopt;
    (number < apply.getMap().getNumDims() ? dims : parameters).push_back(*expr);
  }
  return apply.getMap().getResult(0).replaceDimsAndSymbols(dims, parameters);
}

Value TileEvaluator::scalarOf(Value value, Body &body) {
  if (!why.empty())
    return {};
  if (auto found = body.known.find(value); found != body.known.end())
    return found->second;
  Value result;
  if (std::optional<AffineExpr> expr = value.getType().isIndex() ? expressionOf(value, body) : std::nullopt)
    result = tiles.castInteger(points.tileOf(*expr), tiles.builder.getI64Type());
  else if (auto argument = dyn_cast<BlockArgument>(value))
    result = argumentOf(argument, body);
  else
    result = apply(value.getDefiningOp(), body);
  return body.known[value] = result;
}

Value TileEvaluator::argumentOf(BlockArgument argument, Body &body) {
  if (!body.op || argument.getOwner() != body.op.getBody())
    return refuse("it takes a number that is no element of a tensor");
  unsigned number = argument.getArgNumber(), inputs = body.op.getNumDpsInputs();
  if (number >= inputs && body.accumulators[number - inputs])
    return body.accumulators[number - inputs];
  OpOperand &operand = body.op->getOpOperand(number);
  if (!isa<RankedTensorType>(operand.get().getType())) {
    Body none;
    none.bounds = body.bounds;
    return scalarOf(operand.get(), none);
  }
  Place place;
  for (AffineExpr expr : body.op.getMatchingIndexingMap(&operand).getResults())
    place.push_back(expr.replaceDims(body.loops));
  return valueAt(operand.get(), place, body.bounds);
}

Value TileEvaluator::extract(Operation *op, Body &body) {
  auto extract = cast<tensor::ExtractOp>(op);
  Place place;
  for (Value index : extract.getIndices()) {
    if (std::optional<AffineExpr> expr = expressionOf(index, body)) {
      place.push_back(*expr);
      continue;
    }
    Value tile = scalarOf(index, body);
    if (!tile)
      return {};
    AffineExpr &symbol = symbols[tile];
    if (!symbol)
      symbol = points.addSymbol(tile, body.loops);
    place.push_back(symbol);
  }
  return valueAt(extract.getTensor(), place, body.bounds);
}

Value TileEvaluator::applyCast(Operation *op, Value operand) {
  Type type = tiles.translate(op->getResult(0).getType());
  return llvm::TypeSwitch<Operation *, Value>(op)
      .Case<arith::ExtFOp, arith::TruncFOp>([&](auto) { return tiles.castFloat(operand, type); })
      .Case<arith::ExtSIOp, arith::TruncIOp, arith::IndexCastOp>([&](auto) { return tiles.castInteger(operand, type); })
      .Case<arith::ExtUIOp, arith::IndexCastUIOp>(
          [&](auto) { return tiles.castInteger(operand, type, /*isUnsigned=*/true); })
      .Case<arith::SIToFPOp, arith::UIToFPOp>([&](auto) -> Value {
        // To 16 bits through f32, as everywhere.
        Type computed = type.getIntOrFloatBitWidth() < 32 ? Type(tiles.builder.getF32Type()) : type;
        return tiles.castFloat(tiles.apply(op->getName().getStringRef(), operand, computed), type);
      })
      .Case<arith::FPToSIOp, arith::FPToUIOp>([&](auto) -> Value {
        bool isNarrow = elementOf(operand).getIntOrFloatBitWidth() < 32;
        Value wide = isNarrow ? tiles.castFloat(operand, tiles.builder.getF32Type()) : operand;
        return tiles.apply(op->getName().getStringRef(), wide, type);
      })
      .Case<arith::BitcastOp>([&](auto) { return tiles.apply("arith.bitcast", operand, type); })
      .Default([](Operation *) { return Value(); });
}

/// Functions of libdevice that have an instruction elsewhere.
static StringRef libraryFunction(Operation *op) {
  if (isa<arith::RemFOp>(op))
    return "__nv_fmod";
  StringRef name = isa_and_nonnull<math::MathDialect>(op->getDialect()) ? deviceFunction(op) : StringRef();
  return !name.empty() ? name
                       : llvm::StringSwitch<StringRef>(op->getName().getStringRef())
                             .Case("math.copysign", "__nv_copysign")
                             .Case("math.round", "__nv_round")
                             .Case("math.roundeven", "__nv_rint")
                             .Case("math.trunc", "__nv_trunc")
                             .Default("");
}

/// Ops that Triton has under the same name.
static bool isSameInTriton(Operation *op) {
  return isa<arith::AddFOp, arith::SubFOp, arith::MulFOp, arith::MaximumFOp, arith::MinimumFOp, arith::MaxNumFOp,
             arith::MinNumFOp, arith::AddIOp, arith::SubIOp, arith::MulIOp, arith::DivSIOp, arith::DivUIOp,
             arith::RemSIOp, arith::RemUIOp, arith::AndIOp, arith::OrIOp, arith::XOrIOp, arith::ShLIOp, arith::ShRSIOp,
             arith::ShRUIOp, arith::MaxSIOp, arith::MinSIOp, arith::MaxUIOp, arith::MinUIOp, math::AbsFOp, math::FmaOp,
             math::FloorOp, math::CeilOp>(op);
}

/// An op on tiles of one type. Null for what is not known.
Value TileEvaluator::applyMath(Operation *op, ArrayRef<Value> operands) {
  Type element = elementOf(operands[0]);
  if (StringRef name = libraryFunction(op); !name.empty())
    return tiles.callLibrary((name + (element.isF64() ? "" : "f")).str(), operands);
  if (isSameInTriton(op))
    return tiles.apply(op->getName().getStringRef(), operands);
  // Plain division and square root are approximations in Triton.
  if (isa<arith::DivFOp>(op))
    return tiles.apply(element.isF64() ? "arith.divf" : "tt.precise_divf", operands);
  if (isa<math::SqrtOp>(op))
    return tiles.apply(element.isF64() ? "math.sqrt" : "tt.precise_sqrt", operands);
  if (isa<arith::NegFOp>(op))
    return tiles.apply("arith.subf", {tiles.floating(element, -0.0), operands[0]});
  if (isa<math::AbsIOp>(op))
    return tiles.apply("arith.maxsi",
                       {operands[0], tiles.apply("arith.subi", {tiles.integer(element, 0), operands[0]})});
  return {};
}

Value TileEvaluator::apply(Operation *op, Body &body) {
  if (isa<tensor::ExtractOp>(op))
    return extract(op, body);
  if (auto constant = dyn_cast<arith::ConstantOp>(op))
    return tiles.constant(cast<TypedAttr>(constant.getValue()));
  SmallVector<Value> operands;
  for (Value operand : op->getOperands()) {
    if (isa<ShapedType>(operand.getType()) || !scalarOf(operand, body))
      return refuse("its loops have an '" + op->getName().getStringRef() + "'");
    operands.push_back(scalarOf(operand, body));
  }
  if (op->getNumResults() != 1 || operands.empty() || op->getNumRegions() != 0)
    return refuse("its loops have an '" + op->getName().getStringRef() + "'");
  Type i1 = tiles.builder.getI1Type();
  if (auto compare = dyn_cast<arith::CmpIOp>(op))
    return tiles.compare(compare.getPredicate(), operands[0], operands[1]);
  if (isa<arith::SelectOp>(op))
    return tiles.apply("arith.select", operands, elementOf(operands[1]));
  // Numbers of 16 bits are computed with in f32 and rounded: that is what instructions for them give as well.
  bool isNarrow = isa<FloatType>(elementOf(operands[0])) && elementOf(operands[0]).getIntOrFloatBitWidth() < 32;
  if (Value cast = operands.size() == 1 ? applyCast(op, operands[0]) : Value())
    return cast;
  if (isNarrow)
    for (Value &operand : operands)
      operand = tiles.castFloat(operand, tiles.builder.getF32Type());
  if (auto compare = dyn_cast<arith::CmpFOp>(op))
    return tiles.apply("arith.cmpf", operands, i1,
                       tiles.builder.getNamedAttr(
                           "predicate", tiles.builder.getI64IntegerAttr(static_cast<int64_t>(compare.getPredicate()))));
  Value result = applyMath(op, operands);
  if (!result)
    return refuse("its loops have an '" + op->getName().getStringRef() + "'");
  return isNarrow ? tiles.castFloat(result, tiles.translate(op->getResult(0).getType())) : result;
}

} // namespace raddle
