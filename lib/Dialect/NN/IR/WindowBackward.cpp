// Gradients of convolutions and pooling. Linear ops over windows come in pairs, each the adjoint of the other, so that
// gradients can be differentiated again.
#include "raddle/Dialect/NN/IR/NNOps.h"

using namespace mlir;
using namespace raddle::nn;

LogicalResult ConvOp::buildBackward(OpBuilder &builder, ValueRange resultGrads, ArrayRef<bool> wanted,
                                    SmallVectorImpl<Value> &operandGrads) {
  Value grad = resultGrads[0];
  if (wanted[0])
    operandGrads[0] = ConvTransposeOp::create(builder, getLoc(), getInput().getType(), grad, getWeight(),
                                              getStrideAttr(), getPaddingAttr(), getDilationAttr(), getGroupsAttr());
  if (wanted[1])
    operandGrads[1] = ConvWeightGradOp::create(builder, getLoc(), getWeight().getType(), getInput(), grad,
                                               getStrideAttr(), getPaddingAttr(), getDilationAttr(), getGroupsAttr());
  return success();
}

LogicalResult ConvTransposeOp::buildBackward(OpBuilder &builder, ValueRange resultGrads, ArrayRef<bool> wanted,
                                             SmallVectorImpl<Value> &operandGrads) {
  Value grad = resultGrads[0];
  if (wanted[0])
    operandGrads[0] = ConvOp::create(builder, getLoc(), getInput().getType(), grad, getWeight(), getStrideAttr(),
                                     getPaddingAttr(), getDilationAttr(), getGroupsAttr());
  if (wanted[1])
    operandGrads[1] = ConvWeightGradOp::create(builder, getLoc(), getWeight().getType(), grad, getInput(),
                                               getStrideAttr(), getPaddingAttr(), getDilationAttr(), getGroupsAttr());
  return success();
}

LogicalResult ConvWeightGradOp::buildBackward(OpBuilder &builder, ValueRange resultGrads, ArrayRef<bool> wanted,
                                              SmallVectorImpl<Value> &operandGrads) {
  Value grad = resultGrads[0];
  if (wanted[0])
    operandGrads[0] = ConvTransposeOp::create(builder, getLoc(), getInput().getType(), getOutGrad(), grad,
                                              getStrideAttr(), getPaddingAttr(), getDilationAttr(), getGroupsAttr());
  if (wanted[1])
    operandGrads[1] = ConvOp::create(builder, getLoc(), getOutGrad().getType(), getInput(), grad, getStrideAttr(),
                                     getPaddingAttr(), getDilationAttr(), getGroupsAttr());
  return success();
}

LogicalResult UnfoldOp::buildBackward(OpBuilder &builder, ValueRange resultGrads, ArrayRef<bool> wanted,
                                      SmallVectorImpl<Value> &operandGrads) {
  if (wanted[0])
    operandGrads[0] = FoldOp::create(builder, getLoc(), getInput().getType(), resultGrads[0], getStrideAttr(),
                                     getPaddingAttr(), getDilationAttr());
  return success();
}

LogicalResult FoldOp::buildBackward(OpBuilder &builder, ValueRange resultGrads, ArrayRef<bool> wanted,
                                    SmallVectorImpl<Value> &operandGrads) {
  if (wanted[0])
    operandGrads[0] = UnfoldOp::create(builder, getLoc(), getInput().getType(), resultGrads[0], getStrideAttr(),
                                       getPaddingAttr(), getDilationAttr());
  return success();
}

LogicalResult MaxPoolOp::buildBackward(OpBuilder &builder, ValueRange resultGrads, ArrayRef<bool> wanted,
                                       SmallVectorImpl<Value> &operandGrads) {
  if (wanted[0] && resultGrads[0])
    operandGrads[0] = MaxPoolGradOp::create(builder, getLoc(), getInput().getType(), resultGrads[0], getIndices(),
                                            getKernelAttr(), getStrideAttr(), getPaddingAttr(), getDilationAttr());
  return success();
}

LogicalResult SumPoolOp::buildBackward(OpBuilder &builder, ValueRange resultGrads, ArrayRef<bool> wanted,
                                       SmallVectorImpl<Value> &operandGrads) {
  if (wanted[0])
    operandGrads[0] = SumPoolGradOp::create(builder, getLoc(), getInput().getType(), resultGrads[0], getKernelAttr(),
                                            getStrideAttr(), getPaddingAttr(), getDilationAttr());
  return success();
}

LogicalResult SumPoolGradOp::buildBackward(OpBuilder &builder, ValueRange resultGrads, ArrayRef<bool> wanted,
                                           SmallVectorImpl<Value> &operandGrads) {
  if (wanted[0])
    operandGrads[0] = SumPoolOp::create(builder, getLoc(), getOutGrad().getType(), resultGrads[0], getKernelAttr(),
                                        getStrideAttr(), getPaddingAttr(), getDilationAttr());
  return success();
}
