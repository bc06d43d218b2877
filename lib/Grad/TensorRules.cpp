#include "raddle/Grad/TensorRules.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "raddle/Interfaces/DifferentiableOpInterface.h"
#include "raddle/Utils/LinalgBuilders.h"

using namespace mlir;

namespace raddle {
namespace {

RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

/// Views and casts: the gradient of the result, seen as the operand was.
template <typename ConcreteOp>
struct ViewGradient : DifferentiableOpInterface::ExternalModel<ViewGradient<ConcreteOp>, ConcreteOp> {
  LogicalResult buildBackward(Operation *op, OpBuilder &builder, ValueRange resultGrads, ArrayRef<bool> wanted,
                              SmallVectorImpl<Value> &operandGrads) const {
    if (!wanted[0])
      return success();
    Type type = op->getOperand(0).getType();
    if constexpr (std::is_same_v<ConcreteOp, tensor::CastOp>)
      operandGrads[0] = tensor::CastOp::create(builder, op->getLoc(), type, resultGrads[0]);
    else
      operandGrads[0] = buildReshape(builder, op->getLoc(), resultGrads[0], cast<RankedTensorType>(type).getShape());
    return success();
  }
};

/// A slice: the gradient stands in a tensor of zeros.
struct ExtractSliceGradient : DifferentiableOpInterface::ExternalModel<ExtractSliceGradient, tensor::ExtractSliceOp> {
  LogicalResult buildBackward(Operation *operation, OpBuilder &builder, ValueRange resultGrads, ArrayRef<bool> wanted,
                              SmallVectorImpl<Value> &operandGrads) const {
    auto op = cast<tensor::ExtractSliceOp>(operation);
    if (!wanted[0])
      return success();
    Value zeros = buildFilled(builder, op.getLoc(), op.getSourceType(), 0.0);
    operandGrads[0] = tensor::InsertSliceOp::create(builder, op.getLoc(), resultGrads[0], zeros, op.getMixedOffsets(),
                                                    op.getMixedSizes(), op.getMixedStrides());
    return success();
  }
};

/// What was overwritten gets zero, what was written gets its part.
struct InsertSliceGradient : DifferentiableOpInterface::ExternalModel<InsertSliceGradient, tensor::InsertSliceOp> {
  LogicalResult buildBackward(Operation *operation, OpBuilder &builder, ValueRange resultGrads, ArrayRef<bool> wanted,
                              SmallVectorImpl<Value> &operandGrads) const {
    auto op = cast<tensor::InsertSliceOp>(operation);
    Location loc = op.getLoc();
    if (wanted[0])
      operandGrads[0] = tensor::ExtractSliceOp::create(builder, loc, op.getSourceType(), resultGrads[0],
                                                       op.getMixedOffsets(), op.getMixedSizes(), op.getMixedStrides());
    if (wanted[1]) {
      Value zeros = buildFilled(builder, loc, op.getSourceType(), 0.0);
      operandGrads[1] = tensor::InsertSliceOp::create(builder, loc, zeros, resultGrads[0], op.getMixedOffsets(),
                                                      op.getMixedSizes(), op.getMixedStrides());
    }
    return success();
  }
};

struct ConcatGradient : DifferentiableOpInterface::ExternalModel<ConcatGradient, tensor::ConcatOp> {
  LogicalResult buildBackward(Operation *operation, OpBuilder &builder, ValueRange resultGrads, ArrayRef<bool> wanted,
                              SmallVectorImpl<Value> &operandGrads) const {
    auto op = cast<tensor::ConcatOp>(operation);
    int64_t dim = op.getDim(), position = 0;
    for (auto [index, input] : llvm::enumerate(op.getInputs())) {
      RankedTensorType type = typeOf(input);
      SmallVector<OpFoldResult> offsets(type.getRank(), builder.getIndexAttr(0)), sizes,
          strides(type.getRank(), builder.getIndexAttr(1));
      for (int64_t extent : type.getShape())
        sizes.push_back(builder.getIndexAttr(extent));
      offsets[dim] = builder.getIndexAttr(position);
      position += type.getDimSize(dim);
      if (wanted[index])
        operandGrads[index] =
            tensor::ExtractSliceOp::create(builder, op.getLoc(), type, resultGrads[0], offsets, sizes, strides);
    }
    return success();
  }
};

struct PadGradient : DifferentiableOpInterface::ExternalModel<PadGradient, tensor::PadOp> {
  LogicalResult buildBackward(Operation *operation, OpBuilder &builder, ValueRange resultGrads, ArrayRef<bool> wanted,
                              SmallVectorImpl<Value> &operandGrads) const {
    auto op = cast<tensor::PadOp>(operation);
    if (!wanted[0])
      return success();
    SmallVector<OpFoldResult> sizes, strides(op.getSourceType().getRank(), builder.getIndexAttr(1));
    for (int64_t extent : op.getSourceType().getShape())
      sizes.push_back(builder.getIndexAttr(extent));
    operandGrads[0] = tensor::ExtractSliceOp::create(builder, op.getLoc(), op.getSourceType(), resultGrads[0],
                                                     op.getMixedLowPad(), sizes, strides);
    return success();
  }
};

} // namespace

void registerTensorGradients(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, tensor::TensorDialect *) {
    tensor::CastOp::attachInterface<ViewGradient<tensor::CastOp>>(*context);
    tensor::CollapseShapeOp::attachInterface<ViewGradient<tensor::CollapseShapeOp>>(*context);
    tensor::ExpandShapeOp::attachInterface<ViewGradient<tensor::ExpandShapeOp>>(*context);
    tensor::ExtractSliceOp::attachInterface<ExtractSliceGradient>(*context);
    tensor::InsertSliceOp::attachInterface<InsertSliceGradient>(*context);
    tensor::ConcatOp::attachInterface<ConcatGradient>(*context);
    tensor::PadOp::attachInterface<PadGradient>(*context);
  });
}

} // namespace raddle
