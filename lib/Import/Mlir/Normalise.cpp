// Forms of ops that differentiation and fusion know.
#include "Adopt.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"
#include "raddle/Dialect/NN/IR/NNOps.h"
#include "raddle/Utils/LinalgBuilders.h"

using namespace mlir;

namespace raddle::import {
namespace {

/// A map without its constant results; where they are not all 0, of dimensions of size 1, null.
AffineMap withoutConstants(AffineMap map, ShapedType type, SmallVectorImpl<int64_t> &shape) {
  SmallVector<AffineExpr> results;
  for (auto [dim, expr] : llvm::enumerate(map.getResults())) {
    auto constant = dyn_cast<AffineConstantExpr>(expr);
    if (constant && (constant.getValue() != 0 || type.getDimSize(dim) != 1))
      return {};
    if (constant)
      continue;
    results.push_back(expr);
    shape.push_back(type.getDimSize(dim));
  }
  return AffineMap::get(map.getNumDims(), 0, results, map.getContext());
}

/// Collapses the dimensions of size 1 that maps read at 0, so that every result of a map is a loop.
void dropUnitDims(linalg::GenericOp op) {
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  bool any = llvm::any_of(
      maps, [](AffineMap map) { return llvm::any_of(map.getResults(), llvm::IsaPred<AffineConstantExpr>); });
  if (!any)
    return;
  OpBuilder builder(op);
  SmallVector<Value> operands;
  for (auto [index, operand] : llvm::enumerate(op->getOperands())) {
    operands.push_back(operand);
    auto type = dyn_cast<RankedTensorType>(operand.getType());
    SmallVector<int64_t> shape;
    AffineMap map = type ? withoutConstants(maps[index], type, shape) : AffineMap();
    if (!map)
      continue;
    maps[index] = map;
    operands.back() = buildReshape(builder, op.getLoc(), operand, shape);
  }
  ValueRange inputs = ValueRange(operands).take_front(op.getNumDpsInputs());
  ValueRange inits = ValueRange(operands).drop_front(op.getNumDpsInputs());
  auto smaller = linalg::GenericOp::create(builder, op.getLoc(), inits.getTypes(), inputs, inits, maps,
                                           op.getIteratorTypesArray());
  smaller.getRegion().takeBody(op.getRegion());
  SmallVector<Value> results;
  for (auto [old, result] : llvm::zip(op.getResults(), smaller.getResults()))
    results.push_back(buildReshape(builder, op.getLoc(), result, cast<RankedTensorType>(old.getType()).getShape()));
  op->replaceAllUsesWith(results);
  op.erase();
}

/// A padded tensor is a constant with the source written into it; null where the padding is no constant.
Value padBySlice(tensor::PadOp op, OpBuilder &builder) {
  Value element = op.getConstantPaddingValue();
  if (!element)
    return {};
  RankedTensorType type = op.getResultType();
  Value empty = tensor::EmptyOp::create(builder, op.getLoc(), type.getShape(), type.getElementType());
  Value filled = linalg::FillOp::create(builder, op.getLoc(), element, empty).getResult(0);
  SmallVector<OpFoldResult> sizes, strides(type.getRank(), builder.getIndexAttr(1));
  for (int64_t size : op.getSourceType().getShape())
    sizes.push_back(builder.getIndexAttr(size));
  return tensor::InsertSliceOp::create(builder, op.getLoc(), op.getSource(), filled, op.getMixedLowPad(), sizes,
                                       strides);
}

} // namespace

LogicalResult normaliseOps(func::FuncOp function) {
  for (Operation &op : llvm::make_early_inc_range(function.getBody().front())) {
    OpBuilder builder(&op);
    FailureOr<SmallVector<Value>> values = failure();
    if (auto concat = dyn_cast<tensor::ConcatOp>(op)) {
      values = concat.decomposeOperation(builder);
    } else if (auto pad = dyn_cast<tensor::PadOp>(op)) {
      Value padded = padBySlice(pad, builder);
      if (!padded)
        return pad.emitError("pads with a value that is no constant, which is not supported");
      values = SmallVector<Value>{padded};
    } else if (auto composite = dyn_cast<linalg::AggregatedOpInterface>(op);
               composite && !isa_and_nonnull<nn::NNDialect>(op.getDialect())) {
      values = composite.decomposeOperation(builder);
    }
    if (failed(values))
      continue;
    op.replaceAllUsesWith(*values);
    op.erase();
  }
  for (auto op : llvm::make_early_inc_range(function.getBody().front().getOps<linalg::GenericOp>()))
    dropUnitDims(op);
  return success();
}

} // namespace raddle::import
