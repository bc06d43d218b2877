// Convolutions and poolings of a module from outside.
#include "Adopt.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/Matchers.h"
#include "raddle/Dialect/NN/IR/NNOps.h"
#include "raddle/Utils/LinalgBuilders.h"
#include "raddle/Utils/TensorQueries.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace raddle::import {
namespace {

using Shape = SmallVector<int64_t>;

Shape shapeOf(Value value) { return Shape(cast<RankedTensorType>(value.getType()).getShape()); }

bool isLowest(Value value) {
  APFloat number(0.0);
  return matchPattern(value, m_ConstantFloat(&number)) && number.isNegative() &&
         (number.isInfinity() || number.isLargest());
}

/// One op over windows, with what stands before it.
class WindowRaiser {
public:
  WindowRaiser(linalg::LinalgOp op, DenseIntElementsAttr strides, DenseIntElementsAttr dilations)
      : op(op), builder(op), loc(op.getLoc()), stride(strides.getValues<int64_t>()),
        dilation(dilations.getValues<int64_t>()), padding(stride.size(), 0) {}

  /// `input` is [N, G·C, in...], or [N, G, C, in...]; `weight` [G·O, C, k...] or [G, O, C, k...]; depthwise [C, k...].
  void raiseConvolution(bool grouped, bool depthwise) {
    Value input = op->getOperand(0), weight = op->getOperand(1);
    if (!isa<FloatType>(getElementTypeOrSelf(input)) ||
        getElementTypeOrSelf(input) != getElementTypeOrSelf(op->getResult(0)))
      return;
    input = absorbPadding(input, [](Value value) { return matchPattern(value, m_AnyZeroFloat()); });
    Shape out = shapeOf(op->getResult(0)), kernel = shapeOf(weight);
    int64_t groups = 1;
    if (grouped) {
      groups = kernel[0];
      input = merge(input, 1);
      weight = merge(weight, 0);
      out = merged(out, 1);
    } else if (depthwise) {
      groups = kernel[0];
      kernel.insert(kernel.begin() + 1, 1);
      weight = buildReshape(builder, loc, weight, kernel);
    }
    Value result =
        nn::ConvOp::create(builder, loc, tensorLike(input, out), input, weight, stride, padding, dilation, groups);
    result = buildReshape(builder, loc, result, shapeOf(op->getResult(0)));
    Value init = op.getDpsInits()[0];
    replace(isZeroFilled(init) ? result : buildSum(builder, loc, result, init));
  }

  void raisePooling(bool isMax) {
    Value init = op.getDpsInits()[0];
    auto fill = init.getDefiningOp<linalg::FillOp>();
    if (!isa<FloatType>(getElementTypeOrSelf(init)) || !fill ||
        (isMax ? !isLowest(fill.getInputs()[0]) : !isZeroFilled(init)))
      return;
    Value input = absorbPadding(op->getOperand(0), [&](Value value) {
      return isMax ? isLowest(value) : matchPattern(value, m_AnyZeroFloat());
    });
    Shape kernel = shapeOf(op->getOperand(1));
    auto type = cast<RankedTensorType>(op->getResult(0).getType());
    if (isMax)
      replace(nn::MaxPoolOp::create(builder, loc, type, type.clone(builder.getI64Type()), input, kernel, stride,
                                    padding, dilation)
                  .getOut());
    else
      replace(nn::SumPoolOp::create(builder, loc, type, input, kernel, stride, padding, dilation).getOut());
  }

private:
  void replace(Value value) {
    op->getResult(0).replaceAllUsesWith(value);
    op->erase();
  }

  static Shape merged(Shape shape, unsigned dim) {
    shape[dim] *= shape[dim + 1];
    shape.erase(shape.begin() + dim + 1);
    return shape;
  }
  Value merge(Value value, unsigned dim) { return buildReshape(builder, loc, value, merged(shapeOf(value), dim)); }

  /// The tensor before a padding of the spatial dimensions with a value that counts as absent.
  Value absorbPadding(Value input, llvm::function_ref<bool(Value)> isAbsent) {
    auto pad = input.getDefiningOp<tensor::PadOp>();
    Value element = pad ? pad.getConstantPaddingValue() : Value();
    if (!element || !isAbsent(element))
      return input;
    size_t first = pad.getStaticLow().size() - stride.size();
    for (auto [low, high] : llvm::zip(pad.getStaticLow().take_front(first), pad.getStaticHigh().take_front(first)))
      if (low != 0 || high != 0)
        return input;
    for (int64_t low : pad.getStaticLow().drop_front(first))
      if (ShapedType::isDynamic(low) || low < 0)
        return input;
    for (int64_t high : pad.getStaticHigh().drop_front(first))
      if (ShapedType::isDynamic(high) || high < 0)
        return input;
    padding.assign(pad.getStaticLow().begin() + first, pad.getStaticLow().end());
    return pad.getSource();
  }

  linalg::LinalgOp op;
  OpBuilder builder;
  Location loc;
  SmallVector<int64_t> stride, dilation, padding;
};

} // namespace

void raiseWindows(func::FuncOp function) {
  auto raiser = [](auto op) { return WindowRaiser(op, op.getStrides(), op.getDilations()); };
  for (Operation &op : llvm::make_early_inc_range(function.getBody().front()))
    llvm::TypeSwitch<Operation *>(&op)
        .Case<linalg::Conv1DNcwFcwOp, linalg::Conv2DNchwFchwOp, linalg::Conv3DNcdhwFcdhwOp>(
            [&](auto op) { raiser(op).raiseConvolution(/*grouped=*/false, /*depthwise=*/false); })
        .Case<linalg::Conv2DNgchwGfchwOp>(
            [&](auto op) { raiser(op).raiseConvolution(/*grouped=*/true, /*depthwise=*/false); })
        .Case<linalg::DepthwiseConv1DNcwCwOp, linalg::DepthwiseConv2DNchwChwOp>(
            [&](auto op) { raiser(op).raiseConvolution(/*grouped=*/false, /*depthwise=*/true); })
        .Case<linalg::PoolingNcwMaxOp, linalg::PoolingNchwMaxOp>(
            [&](auto op) { raiser(op).raisePooling(/*isMax=*/true); })
        .Case<linalg::PoolingNcwSumOp, linalg::PoolingNchwSumOp>(
            [&](auto op) { raiser(op).raisePooling(/*isMax=*/false); });
}

} // namespace raddle::import
