// Verifiers of convolutions and pooling, and their windows. The tag at each check is the constraint's in the ODS.
#include "raddle/Dialect/NN/IR/NNOps.h"
#include "raddle/Utils/LinalgBuilders.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace raddle::nn;

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }
static ArrayRef<int64_t> shapeOf(Value value) { return typeOf(value).getShape(); }
static ArrayRef<int64_t> spatialOf(Value value) { return shapeOf(value).drop_front(2); }

static LogicalResult expectElementType(Operation *op, StringRef name, Value value, Value like) {
  if (typeOf(value).getElementType() == typeOf(like).getElementType())
    return success();
  return op->emitOpError("expects '") << name << "' of element type " << typeOf(like).getElementType() << ", is "
                                      << value.getType();
}

/// Checks numbers and extents of windows; every position that they reach fits in 64 bits.
static LogicalResult verifyWindows(Operation *op, const Windows &windows) {
  int64_t rank = windows.input.size();
  struct Rule {
    StringRef name;
    ArrayRef<int64_t> values;
    int64_t least;
  };
  for (const Rule &rule : {Rule{"kernel", windows.kernel, 1}, Rule{"stride", windows.stride, 1},
                           Rule{"padding", windows.padding, 0}, Rule{"dilation", windows.dilation, 1}}) {
    bool fits = int64_t(rule.values.size()) == rank;
    if (!fits || llvm::any_of(rule.values, [&](int64_t value) { return value < rule.least; })) {
      InFlightDiagnostic error = op->emitOpError("expects '")
                                 << rule.name << "' with " << rank << " numbers from " << rule.least << " on, is [";
      llvm::interleaveComma(rule.values, error);
      return error << "]";
    }
  }
  for (int64_t dim = 0; dim < rank; ++dim) {
    int64_t window = 0, reach = 0, padded = 0;
    if (llvm::MulOverflow(windows.kernel[dim] - 1, windows.dilation[dim], window) ||
        llvm::MulOverflow(windows.output[dim], windows.stride[dim], reach) ||
        llvm::AddOverflow(window + 1, reach, reach) ||
        llvm::AddOverflow(windows.padding[dim], windows.input[dim], padded))
      return op->emitOpError("expects windows that end within 64 bits in spatial dimension ") << dim;
  }
  return success();
}

/// Both operands have one element type; the result has it too, or that of its sums.
static LogicalResult expectProductTypes(Operation *op) {
  Type left = getElementTypeOrSelf(op->getOperand(0)), right = getElementTypeOrSelf(op->getOperand(1));
  if (left != right)
    return op->emitOpError("expects operands of one element type, has ") << left << " and " << right;
  Type result = getElementTypeOrSelf(op->getResult(0)), sums = raddle::sumType(left);
  if (result == left || result == sums)
    return success();
  InFlightDiagnostic error = op->emitOpError("expects a result of element type ") << left;
  if (sums != left)
    error << " or " << sums;
  return error << ", is " << result;
}

/// A convolution from `input` to `out` with `weight`, whichever of them is the op's result.
static LogicalResult verifyConvolution(Operation *op, Value input, Value weight, Value out, const Windows &windows,
                                       int64_t groups) {
  // nn_conv_c1, nn_conv_transpose_c1, nn_conv_weight_grad_c1
  int64_t rank = typeOf(input).getRank();
  if (rank < 3 || typeOf(weight).getRank() != rank || typeOf(out).getRank() != rank)
    return op->emitOpError("expects tensors of one rank of at least 3, has ")
           << input.getType() << ", " << weight.getType() << " and " << out.getType();
  if (failed(expectProductTypes(op)))
    return failure();
  // nn_conv_c2, nn_conv_transpose_c2, nn_conv_weight_grad_c2
  if (failed(verifyWindows(op, windows)))
    return failure();
  // nn_conv_c3, nn_conv_transpose_c3, nn_conv_weight_grad_c3
  int64_t inputs = shapeOf(input)[1], outputs = shapeOf(out)[1];
  if (groups < 1 || inputs % groups != 0 || outputs % groups != 0)
    return op->emitOpError("expects 'groups' that divides ")
           << inputs << " and " << outputs << " channels, is " << groups;
  if (shapeOf(input)[0] != shapeOf(out)[0])
    return op->emitOpError("expects batches of one size, has ") << input.getType() << " and " << out.getType();
  if (shapeOf(weight)[0] != outputs || shapeOf(weight)[1] != inputs / groups)
    return op->emitOpError("expects 'weight' with ")
           << outputs << " and " << inputs / groups << " channels, is " << weight.getType();
  return success();
}

template <typename OpTy> static Windows windowsOf(OpTy op, Value input, Value output, ArrayRef<int64_t> kernel) {
  auto list = [](ArrayRef<int64_t> values) { return llvm::to_vector(values); };
  return {list(kernel),           list(op.getStride()),   list(op.getPadding()),
          list(op.getDilation()), list(spatialOf(input)), list(spatialOf(output).take_back(spatialOf(input).size()))};
}

/// Extents that a verifier may ask for before it has checked ranks.
static ArrayRef<int64_t> kernelOf(Value weight) {
  return typeOf(weight).getRank() < 2 ? ArrayRef<int64_t>() : spatialOf(weight);
}

static bool haveRank(std::initializer_list<Value> values) {
  int64_t rank = typeOf(*values.begin()).getRank();
  return rank >= 3 && llvm::all_of(values, [&](Value value) { return typeOf(value).getRank() == rank; });
}

Windows ConvOp::getWindows() { return windowsOf(*this, getInput(), getOut(), kernelOf(getWeight())); }
Windows ConvTransposeOp::getWindows() { return windowsOf(*this, getOut(), getInput(), kernelOf(getWeight())); }
Windows ConvWeightGradOp::getWindows() { return windowsOf(*this, getInput(), getOutGrad(), kernelOf(getWeightGrad())); }

LogicalResult ConvOp::verify() {
  Windows windows = haveRank({getInput(), getWeight(), getOut()}) ? getWindows() : Windows();
  return verifyConvolution(*this, getInput(), getWeight(), getOut(), windows, getGroups());
}

LogicalResult ConvTransposeOp::verify() {
  Windows windows = haveRank({getInput(), getWeight(), getOut()}) ? getWindows() : Windows();
  return verifyConvolution(*this, getOut(), getWeight(), getInput(), windows, getGroups());
}

LogicalResult ConvWeightGradOp::verify() {
  Windows windows = haveRank({getInput(), getWeightGrad(), getOutGrad()}) ? getWindows() : Windows();
  return verifyConvolution(*this, getInput(), getWeightGrad(), getOutGrad(), windows, getGroups());
}

//===----------------------------------------------------------------------===//
// Unfold and fold
//===----------------------------------------------------------------------===//

template <typename OpTy> static Windows unfoldedWindows(OpTy op, Value whole, Value unfolded) {
  return windowsOf(op, whole, unfolded, spatialOf(unfolded).take_front(spatialOf(whole).size()));
}

Windows UnfoldOp::getWindows() { return unfoldedWindows(*this, getInput(), getOut()); }
Windows FoldOp::getWindows() { return unfoldedWindows(*this, getOut(), getInput()); }

template <typename OpTy> static LogicalResult verifyUnfolded(OpTy op, Value whole, Value unfolded) {
  // nn_unfold_c1, nn_fold_c1
  int64_t rank = typeOf(whole).getRank();
  if (rank < 3 || typeOf(unfolded).getRank() != 2 * rank - 2 ||
      shapeOf(whole).take_front(2) != shapeOf(unfolded).take_front(2))
    return op.emitOpError("expects a tensor [N, C, in...] and its windows [N, C, k..., p...], has ")
           << whole.getType() << " and " << unfolded.getType();
  if (failed(expectElementType(op, "out", op.getOut(), op.getInput())))
    return failure();
  return verifyWindows(op, op.getWindows()); // nn_unfold_c2, nn_fold_c2
}

LogicalResult UnfoldOp::verify() { return verifyUnfolded(*this, getInput(), getOut()); }
LogicalResult FoldOp::verify() { return verifyUnfolded(*this, getOut(), getInput()); }

//===----------------------------------------------------------------------===//
// Pooling
//===----------------------------------------------------------------------===//

Windows MaxPoolOp::getWindows() { return windowsOf(*this, getInput(), getOut(), getKernel()); }
Windows MaxPoolGradOp::getWindows() { return windowsOf(*this, getInputGrad(), getOutGrad(), getKernel()); }
Windows SumPoolOp::getWindows() { return windowsOf(*this, getInput(), getOut(), getKernel()); }
Windows SumPoolGradOp::getWindows() { return windowsOf(*this, getInputGrad(), getOutGrad(), getKernel()); }

/// Decomposed, a dimension's window is a constant of a byte a position.
static constexpr int64_t kMostPositions = 1 << 24;

template <typename OpTy>
static LogicalResult verifyPooling(OpTy op, StringRef name, Value input, Value out, Value indices) {
  // nn_max_pool_c1, nn_max_pool_grad_c1, nn_sum_pool_c1, nn_sum_pool_grad_c1
  int64_t rank = typeOf(input).getRank();
  if (rank < 3 || typeOf(out).getRank() != rank || shapeOf(input).take_front(2) != shapeOf(out).take_front(2))
    return op.emitOpError("expects tensors [N, C, in...] and [N, C, p...], has ")
           << input.getType() << " and " << out.getType();
  if (failed(expectElementType(op, name, out, input)))
    return failure();
  if (indices && shapeOf(indices) != shapeOf(out))
    return op.emitOpError("expects 'indices' of the shape of '") << name << "', is " << indices.getType();
  for (int64_t positions : op.getKernel())
    if (positions > kMostPositions)
      return op.emitOpError("expects windows of at most ")
             << kMostPositions << " positions in a dimension, has " << positions;
  return verifyWindows(op, op.getWindows()); // nn_max_pool_c2, nn_max_pool_grad_c2, nn_sum_pool_c2, nn_sum_pool_grad_c2
}

LogicalResult MaxPoolOp::verify() { return verifyPooling(*this, "out", getInput(), getOut(), getIndices()); }
LogicalResult MaxPoolGradOp::verify() {
  return verifyPooling(*this, "out_grad", getInputGrad(), getOutGrad(), getIndices());
}
LogicalResult SumPoolOp::verify() { return verifyPooling(*this, "out", getInput(), getOut(), Value()); }
LogicalResult SumPoolGradOp::verify() {
  return verifyPooling(*this, "out_grad", getInputGrad(), getOutGrad(), Value());
}
