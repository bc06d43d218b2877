#include "NarrowValues.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "raddle/Utils/LinalgBuilders.h"
#include "raddle/Utils/TensorQueries.h"

using namespace mlir;

namespace raddle::nn {

bool isSingle(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type && type.getElementType().isF32();
}

/// Whether each element of the result is one of the op's only input.
static bool isCopy(linalg::LinalgOp op) {
  if (op.getNumDpsInputs() != 1 || op->getNumResults() != 1 || op.getNumParallelLoops() != op.getNumLoops())
    return false;
  Block *body = op.getBlock();
  return body->getTerminator()->getOperand(0) == body->getArgument(0) &&
         op.getDpsInits()[0].getDefiningOp<tensor::EmptyOp>();
}

SmallVector<Value> movedTensors(Operation *op) {
  SmallVector<Value> moved;
  if (isView(op) || isa<tensor::ExtractSliceOp>(op))
    moved = {op->getOperand(0)};
  else if (isa<tensor::InsertSliceOp>(op))
    moved = {op->getOperand(0), op->getOperand(1)};
  else if (isa<tensor::ConcatOp>(op))
    moved = op->getOperands();
  else if (auto copy = dyn_cast<linalg::LinalgOp>(op); copy && isCopy(copy))
    moved = {op->getOperand(0)};
  return llvm::all_of(moved, isSingle) ? moved : SmallVector<Value>();
}

/// The number that all elements are, if the value says so.
static std::optional<APFloat> findSplat(Value value) {
  FloatAttr number;
  if (auto fill = value.getDefiningOp<linalg::FillOp>(); fill && matchPattern(fill.getInputs()[0], m_Constant(&number)))
    return number.getValue();
  SplatElementsAttr splat;
  if (isSingle(value) && matchPattern(value, m_Constant(&splat)))
    return splat.getSplatValue<APFloat>();
  return std::nullopt;
}

bool NarrowValues::isExact(Value value) const {
  if (exact.contains(value))
    return true;
  std::optional<APFloat> number = findSplat(value);
  if (!number)
    return false;
  bool losesInfo = false;
  number->convert(APFloat::BFloat(), APFloat::rmNearestTiesToEven, &losesInfo);
  return !losesInfo;
}

Value NarrowValues::widen(OpBuilder &builder, Value value) {
  Value wide = buildCast(builder, value.getLoc(), value, builder.getF32Type());
  rounded[wide] = value;
  exact.insert(wide);
  return wide;
}

Value NarrowValues::round(OpBuilder &builder, Value value) {
  Value cast = buildCast(builder, value.getLoc(), value, narrow);
  Value wide = widen(builder, cast);
  value.replaceAllUsesExcept(wide, cast.getDefiningOp());
  return wide;
}

/// The op on the tensors of bf16 in place of those that it moves.
Value NarrowValues::cloneNarrow(OpBuilder &builder, Operation *op) {
  IRMapping mapping;
  for (Value moved : movedTensors(op))
    mapping.map(moved, get(builder, moved));
  RankedTensorType type = typeOf(op->getResult(0));
  if (auto copy = dyn_cast<linalg::LinalgOp>(op))
    mapping.map(copy.getDpsInits()[0],
                tensor::EmptyOp::create(builder, op->getLoc(), type.getShape(), type.getElementType()).getResult());
  Operation *clone = builder.clone(*op, mapping);
  clone->getResult(0).setType(type);
  for (Region &region : clone->getRegions())
    for (BlockArgument argument : region.getArguments())
      argument.setType(narrow);
  return clone->getResult(0);
}

/// Whether all that reads a moved tensor reads it as bf16, so that nobody needs it wide as well.
static bool isReadNarrow(Value value) {
  return llvm::all_of(value.getUsers(), [](Operation *user) {
    return isNarrowable(user) || (movedTensors(user).size() == 1 && isReadNarrow(user->getResult(0)));
  });
}

/// Whether rounding before an op that moves elements is no more work than behind it.
bool NarrowValues::isWorthMoving(Operation *op) const {
  SmallVector<Value> moved = movedTensors(op);
  if (moved.size() != 1)
    return !moved.empty() && llvm::all_of(moved, [&](Value value) { return isExact(value); });
  return isView(op) || rounded.contains(moved[0]) || isReadNarrow(op->getResult(0));
}

Value NarrowValues::get(OpBuilder &builder, Value value) {
  if (Value known = rounded.lookup(value))
    return known;
  Value result;
  Operation *op = value.getDefiningOp();
  if (std::optional<APFloat> number = findSplat(value))
    result = buildFilled(builder, value.getLoc(), typeOf(value), number->convertToFloat());
  else if (op && isWorthMoving(op))
    result = cloneNarrow(builder, op);
  else
    result = buildCast(builder, value.getLoc(), value, narrow);
  return rounded[value] = result;
}

Value NarrowValues::move(OpBuilder &builder, Operation *op) {
  SmallVector<Value> moved = movedTensors(op);
  // Tensors of one number are moved anyway.
  if (!llvm::all_of(moved, [&](Value value) { return isExact(value); }) ||
      llvm::none_of(moved, [&](Value value) { return exact.contains(value); }))
    return {};
  Value wide = widen(builder, cloneNarrow(builder, op));
  op->getResult(0).replaceAllUsesWith(wide);
  return wide;
}

} // namespace raddle::nn
