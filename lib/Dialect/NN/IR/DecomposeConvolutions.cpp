// Decompositions of convolutions: windows gathered into matrices, and products of those. Where every channel is a group
// of its own, the products would be single rows: those convolutions are one loop nest.
#include "raddle/Dialect/NN/IR/NNOps.h"

#include "WindowBuilder.h"

using namespace mlir;
using namespace raddle;
using namespace raddle::nn;

namespace {

RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

/// Sizes of a convolution, and its three parts as matrices of groups.
class ConvolutionBuilder : public WindowBuilder {
public:
  /// `input`, `weight` are those of the convolution that the op is or belongs to.
  ConvolutionBuilder(OpBuilder &builder, Location loc, Windows windows, RankedTensorType input, RankedTensorType weight,
                     int64_t groups)
      : WindowBuilder(builder, loc, std::move(windows)), batch(input.getDimSize(0)), groups(groups),
        inputs(weight.getDimSize(1)), outputs(weight.getDimSize(0) / groups) {
    patch = inputs * this->windows.kernelSize();
    count = this->windows.outputSize();
  }

  /// One channel in and out of every group.
  bool isDepthwise() const { return inputs == 1 && outputs == 1; }

  Value forward(Value input, Value weight) const {
    if (isDepthwise())
      return buildContraction(builder, loc, sumsOf(input, shapeOf({batch, groups}, windows.output)), pad(input, 0.0),
                              depthwiseKernel(weight), windowMap(2), depthwiseMap(), outputMap(2));
    // out[n, g, o, p] = Σ_c weight[g, o, c] patches[n, g, c, p]
    AffineMap weights = map({1, 2, 4}), patches = map({0, 1, 4, 3}), out = map({0, 1, 2, 3});
    return buildContraction(builder, loc, sumsOf(input, {batch, groups, outputs, count}), weightMatrix(weight),
                            gather(input), weights, patches, out);
  }

  Value transposed(Value grad, Value weight) const {
    if (isDepthwise()) {
      RankedTensorType padded = paddedType(sumsOf(grad, shapeOf({batch, groups}, windows.input)));
      return unpad(buildContraction(builder, loc, padded, grad, depthwiseKernel(weight), outputMap(2), depthwiseMap(),
                                    windowMap(2)));
    }
    // patches[n, g, c, p] = Σ_o weight[g, o, c] grad[n, g, o, p]
    Value patches = buildContraction(builder, loc, sumsOf(grad, {batch, groups, patch, count}), weightMatrix(weight),
                                     outputMatrix(grad), map({1, 4, 2}), map({0, 1, 4, 3}), map({0, 1, 2, 3}));
    if (windows.isPointwise())
      return patches;
    SmallVector<int64_t> shape = shapeOf({batch, groups * inputs}, windows.kernel);
    llvm::append_range(shape, windows.output);
    return fold(buildReshape(builder, loc, patches, shape));
  }

  Value weightGrad(Value input, Value grad) const {
    if (isDepthwise())
      return depthwiseWeightGrad(input, grad);
    // weight[g, o, c] = Σ_{n, p} grad[g, o, n, p] patches[g, c, n, p]: with the batch beside the windows both are
    // matrices, and the sum is one product.
    return buildContraction(builder, loc, sumsOf(input, {groups, outputs, patch}),
                            batchBeside(outputMatrix(grad), outputs), gatherBatchBeside(input), map({0, 1, 3, 4}),
                            map({0, 2, 3, 4}), map({0, 1, 2}));
  }

private:
  AffineMap map(ArrayRef<int64_t> dims) const { return projection(builder.getContext(), 5, dims); }

  static SmallVector<int64_t> shapeOf(ArrayRef<int64_t> lead, ArrayRef<int64_t> rest) {
    SmallVector<int64_t> shape(lead);
    llvm::append_range(shape, rest);
    return shape;
  }

  /// 16-bit numbers are multiplied and added in f32.
  static RankedTensorType sumsOf(Value like, ArrayRef<int64_t> shape) {
    return RankedTensorType::get(shape, sumType(typeOf(like).getElementType()));
  }

  Value weightMatrix(Value weight) const { return buildReshape(builder, loc, weight, {groups, outputs, patch}); }
  Value outputMatrix(Value value) const { return buildReshape(builder, loc, value, {batch, groups, outputs, count}); }

  /// Patches [N, G, C·k, p].
  Value gather(Value input) const {
    Value patches = windows.isPointwise() ? input : unfold(input);
    return buildReshape(builder, loc, patches, {batch, groups, patch, count});
  }

  /// [N, G, rows, p] as [G, rows, N, p].
  Value batchBeside(Value value, int64_t rows) const {
    RankedTensorType type = tensorLike(value, {groups, rows, batch, count});
    if (batch == 1)
      return buildReshape(builder, loc, value, type.getShape());
    return buildElementwise(builder, loc, type, {value}, {projection(builder.getContext(), 4, {2, 0, 1, 3})},
                            [](const Scalars &, ValueRange args) { return args[0]; });
  }

  /// Patches [G, C·k, N, p]. Their layout is not that of the forward pass, so that nobody keeps those for it.
  Value gatherBatchBeside(Value input) const {
    if (windows.isPointwise())
      return batchBeside(gather(input), patch);
    int64_t rank = windows.rank();
    SmallVector<int64_t> shape = shapeOf({groups, inputs}, windows.kernel),
                         padded = shapeOf({batch, groups, inputs}, {});
    shape.push_back(batch);
    llvm::append_range(shape, windows.output);
    Value source = pad(input, 0.0);
    llvm::append_range(padded, typeOf(source).getShape().drop_front(2));
    source = buildReshape(builder, loc, source, padded);
    AffineMap read = windowMap(3 + 2 * rank, {2 + rank, 0, 1}, 2, 3 + rank);
    Value patches = buildElementwise(builder, loc, tensorLike(input, shape), {source}, {read},
                                     [](const Scalars &, ValueRange args) { return args[0]; });
    return buildReshape(builder, loc, patches, {groups, patch, batch, count});
  }

  /// weight[g, k] over the loops (n, g, k, p).
  Value depthwiseKernel(Value weight) const {
    return buildReshape(builder, loc, weight, shapeOf({groups}, windows.kernel));
  }
  AffineMap depthwiseMap() const {
    return projection(builder.getContext(), loops(2), llvm::to_vector(llvm::seq<int64_t>(1, 2 + windows.rank())));
  }

  /// Over the loops (g, k, n, p).
  Value depthwiseWeightGrad(Value input, Value grad) const {
    int64_t rank = windows.rank(), batchLoop = 1 + rank;
    SmallVector<int64_t> gradDims{batchLoop, 0};
    llvm::append_range(gradDims, llvm::seq<int64_t>(batchLoop + 1, loops(2)));
    return buildContraction(
        builder, loc, sumsOf(input, shapeOf({groups}, windows.kernel)), grad, pad(input, 0.0),
        projection(builder.getContext(), loops(2), gradDims), windowMap(loops(2), {batchLoop, 0}, 1, batchLoop + 1),
        projection(builder.getContext(), loops(2), llvm::to_vector(llvm::seq<int64_t>(0, batchLoop))));
  }

  int64_t batch, groups, inputs, outputs;
  int64_t patch; // elements of a window over the channels of a group
  int64_t count; // windows of a plane
};

/// What `build` makes of both operands, whose products it adds in at least single precision, with shape and elements of
/// the op's result.
FailureOr<SmallVector<Value>> buildRounded(OpBuilder &builder, Operation *op,
                                           llvm::function_ref<Value(Value, Value)> build) {
  RankedTensorType result = typeOf(op->getResult(0));
  Value sums = build(op->getOperand(0), op->getOperand(1));
  Value rounded = buildCast(builder, op->getLoc(), sums, result.getElementType());
  return SmallVector<Value>{buildReshape(builder, op->getLoc(), rounded, result.getShape())};
}

} // namespace

FailureOr<SmallVector<Value>> ConvOp::decomposeOperation(OpBuilder &builder) {
  ConvolutionBuilder convolution(builder, getLoc(), getWindows(), typeOf(getInput()), typeOf(getWeight()), getGroups());
  return buildRounded(builder, *this, [&](Value input, Value weight) { return convolution.forward(input, weight); });
}

FailureOr<SmallVector<Value>> ConvTransposeOp::decomposeOperation(OpBuilder &builder) {
  ConvolutionBuilder convolution(builder, getLoc(), getWindows(), typeOf(getOut()), typeOf(getWeight()), getGroups());
  return buildRounded(builder, *this, [&](Value grad, Value weight) { return convolution.transposed(grad, weight); });
}

FailureOr<SmallVector<Value>> ConvWeightGradOp::decomposeOperation(OpBuilder &builder) {
  ConvolutionBuilder convolution(builder, getLoc(), getWindows(), typeOf(getInput()), typeOf(getWeightGrad()),
                                 getGroups());
  return buildRounded(builder, *this, [&](Value input, Value grad) { return convolution.weightGrad(input, grad); });
}

FailureOr<SmallVector<Value>> UnfoldOp::decomposeOperation(OpBuilder &builder) {
  return SmallVector<Value>{WindowBuilder(builder, getLoc(), getWindows()).unfold(getInput())};
}

FailureOr<SmallVector<Value>> FoldOp::decomposeOperation(OpBuilder &builder) {
  return SmallVector<Value>{WindowBuilder(builder, getLoc(), getWindows()).fold(getInput())};
}
