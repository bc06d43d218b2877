// Convolutions, transposed convolutions, and the gathering of windows.
#include "Body.h"
#include "ExactWindows.h"
#include "Operators.h"
#include "Spatial.h"
#include "raddle/Dialect/NN/IR/NNOps.h"

using namespace mlir;

namespace raddle::import {

namespace {

/// The arguments of a convolution of any form.
struct Convolution {
  SpatialInput input;
  Value weight, bias;
  SmallVector<int64_t> stride, padding, dilation, outputPadding;
  int64_t groups = 1;
  bool same = false; // padding that keeps the extents

  ArrayRef<int64_t> kernel() const { return TensorBuilder::shapeOf(weight).drop_front(2); }
  bool ofFloats() const { return isa<FloatType>(TensorBuilder::elementOf(input.value)); }
  /// The windows of the untransposed convolution over `counts` places.
  WindowPlaces places(ArrayRef<int64_t> counts) const { return {kernel(), stride, padding, dilation, counts}; }
};

/// Channels of the weight must be those of the input; `channelDim` is the weight's dimension of input channels.
void checkChannels(NodeBuilder &node, const Convolution &convolution, bool transposed) {
  if (node.failed())
    return;
  ArrayRef<int64_t> weight = node.shapeOf(convolution.weight);
  int64_t channels = node.shapeOf(convolution.input.value)[1], groups = convolution.groups;
  bool fits = int64_t(weight.size()) == convolution.input.rank + 2 && groups >= 1 && channels % groups == 0 &&
              llvm::all_of(weight.drop_front(2), [](int64_t extent) { return extent >= 1; }) &&
              node.elementOf(convolution.weight) == node.elementOf(convolution.input.value);
  if (fits)
    fits = transposed ? weight[0] == channels : weight[1] == channels / groups && weight[0] % groups == 0;
  if (!fits)
    node.fail(node.node.target + " of " + node.describe(node.shapeOf(convolution.input.value)) +
              " with a weight of shape " + node.describe(weight) + " in " + Twine(groups) + " groups");
}

Value addBias(NodeBuilder &node, Value out, Value bias) {
  if (!bias || node.failed())
    return out;
  Shape shape(node.rankOf(out), 1);
  shape[1] = node.shapeOf(out)[1];
  Type type = node.elementOf(out);
  bias = node.reshape(bias, shape);
  return node.elementwise({out, bias}, type, type, [](OpBuilder &builder, Location loc, ValueRange elements) {
    return Body{builder, loc}.add(elements[0], elements[1]);
  });
}

LogicalResult buildConvolution(NodeBuilder &node, Convolution &convolution) {
  checkChannels(node, convolution, /*transposed=*/false);
  if (node.failed())
    return failure();
  ArrayRef<int64_t> input = node.shapeOf(convolution.input.value);
  Shape shape{input[0], node.shapeOf(convolution.weight)[0]};
  for (int64_t dim = 0; dim < convolution.input.rank; ++dim) {
    int64_t extent = input[2 + dim];
    // The kernel's extents are those of a tensor: only the product with the dilation can be too large.
    int64_t reach = 0;
    if (llvm::MulOverflow(convolution.kernel()[dim] - 1, convolution.dilation[dim], reach))
      return node.fail("a kernel of " + node.describe(convolution.kernel()) + " is too large"), failure();
    if (convolution.same) {
      if (convolution.stride[dim] != 1)
        return node.fail("padding 'same' with stride " + node.describe(convolution.stride)), failure();
      convolution.padding.push_back(reach / 2);
      shape.push_back(extent);
      continue;
    }
    int64_t room = extent + 2 * convolution.padding[dim] - reach - 1;
    if (room < 0)
      return node.fail(node.node.target + " with a kernel of " + node.describe(convolution.kernel()) +
                       " over a smaller input of " + node.describe(input)),
             failure();
    shape.push_back(room / convolution.stride[dim] + 1);
  }
  RankedTensorType type = node.tensorType(shape, node.elementOf(convolution.input.value));
  if (!type)
    return failure();
  Value out;
  if (convolution.ofFloats())
    out = nn::ConvOp::create(node.builder, node.loc, type, convolution.input.value, convolution.weight,
                             convolution.stride, convolution.padding, convolution.dilation, convolution.groups);
  else
    out = exactConvolution(node, convolution.input.value, convolution.weight,
                           convolution.places(ArrayRef(shape).drop_front(2)), convolution.groups);
  return node.result(convolution.input.restore(node, addBias(node, out, convolution.bias)));
}

LogicalResult buildTransposed(NodeBuilder &node, Convolution &convolution) {
  checkChannels(node, convolution, /*transposed=*/true);
  if (node.failed())
    return failure();
  ArrayRef<int64_t> input = node.shapeOf(convolution.input.value);
  Shape shape{input[0]};
  int64_t channels = 0;
  if (llvm::MulOverflow(node.shapeOf(convolution.weight)[1], convolution.groups, channels))
    return node.fail(node.node.target + " in " + Twine(convolution.groups) + " groups"), failure();
  shape.push_back(channels);
  for (int64_t dim = 0; dim < convolution.input.rank; ++dim) {
    int64_t extent = 0, reach = 0;
    bool overflows = llvm::MulOverflow(input[2 + dim] - 1, convolution.stride[dim], extent) ||
                     llvm::MulOverflow(convolution.kernel()[dim] - 1, convolution.dilation[dim], reach) ||
                     llvm::AddOverflow(extent, reach + convolution.outputPadding[dim] + 1, extent);
    extent -= 2 * convolution.padding[dim];
    if (overflows || input[2 + dim] < 1 || extent < 1)
      return node.fail(node.node.target + " of " + node.describe(input) + " gives no possible extents"), failure();
    shape.push_back(extent);
  }
  RankedTensorType type = node.tensorType(shape, node.elementOf(convolution.input.value));
  if (!type)
    return failure();
  Value out;
  if (convolution.ofFloats())
    out =
        nn::ConvTransposeOp::create(node.builder, node.loc, type, convolution.input.value, convolution.weight,
                                    convolution.stride, convolution.padding, convolution.dilation, convolution.groups);
  else
    out = exactTransposed(node, convolution.input.value, convolution.weight,
                          convolution.places(ArrayRef(shape).drop_front(2)), convolution.groups);
  return node.result(convolution.input.restore(node, addBias(node, out, convolution.bias)));
}

/// Arguments other than the padding.
Convolution readConvolution(NodeBuilder &node, int64_t rank, bool transposed) {
  Convolution convolution;
  convolution.input = readSpatial(node, "input", rank, SpatialElements::Numbers);
  convolution.weight = node.tensor("weight");
  convolution.bias = node.optionalTensor("bias");
  convolution.groups = node.integer("groups", 1);
  convolution.stride = readPerDimension(node, "stride", rank, 1, {1});
  convolution.dilation = readPerDimension(node, "dilation", rank, 1, {1});
  if (transposed)
    convolution.outputPadding = readPerDimension(node, "output_padding", rank, 0, {0});
  if (!node.failed() && convolution.bias) {
    int64_t channels = node.shapeOf(convolution.weight)[0];
    if (transposed)
      channels = node.rankOf(convolution.weight) < 2 ? 0 : node.shapeOf(convolution.weight)[1] * convolution.groups;
    if (node.shapeOf(convolution.bias) != ArrayRef<int64_t>{channels})
      node.fail("the bias of " + node.node.target + " has shape " + node.describe(node.shapeOf(convolution.bias)) +
                ", expected " + node.describe({channels}));
  }
  return convolution;
}

template <int64_t rank> LogicalResult convolution(NodeBuilder &node) {
  Convolution convolution = readConvolution(node, rank, /*transposed=*/false);
  convolution.padding = readPerDimension(node, "padding", rank, 0, {0});
  return buildConvolution(node, convolution);
}

template <int64_t rank> LogicalResult namedPadding(NodeBuilder &node) {
  Convolution convolution = readConvolution(node, rank, /*transposed=*/false);
  StringRef padding = node.string("padding", "valid");
  if (!node.failed() && padding != "valid" && padding != "same")
    return node.fail(node.node.target + " with padding '" + padding + "', expected 'valid' or 'same'"), failure();
  convolution.same = padding == "same";
  if (!convolution.same)
    convolution.padding.assign(rank, 0);
  return buildConvolution(node, convolution);
}

template <int64_t rank> LogicalResult transposedConvolution(NodeBuilder &node) {
  Convolution convolution = readConvolution(node, rank, /*transposed=*/true);
  convolution.padding = readPerDimension(node, "padding", rank, 0, {0});
  return buildTransposed(node, convolution);
}

/// The form of core ATen, whose rank is that of its weight.
LogicalResult anyConvolution(NodeBuilder &node) {
  Value weight = node.tensor("weight");
  bool transposed = node.boolean("transposed", false);
  if (node.failed())
    return failure();
  int64_t rank = node.rankOf(weight) - 2;
  if (rank < 1)
    return node.fail(node.node.target + " with a weight of shape " + node.describe(node.shapeOf(weight))), failure();
  Convolution convolution = readConvolution(node, rank, transposed);
  convolution.padding = readPerDimension(node, "padding", rank, 0, {0});
  return transposed ? buildTransposed(node, convolution) : buildConvolution(node, convolution);
}

//===----------------------------------------------------------------------===//
// Windows as columns
//===----------------------------------------------------------------------===//

constexpr int64_t kPlane = 2; // spatial dimensions of im2col and col2im

/// Windows over planes of `extents`: their number in each dimension.
SmallVector<int64_t> countWindows(NodeBuilder &node, ArrayRef<int64_t> extents, ArrayRef<int64_t> kernel,
                                  ArrayRef<int64_t> stride, ArrayRef<int64_t> padding, ArrayRef<int64_t> dilation) {
  SmallVector<int64_t> windows;
  for (int64_t dim = 0; dim < kPlane && !node.failed(); ++dim) {
    int64_t room = extents[dim] + 2 * padding[dim] - dilation[dim] * (kernel[dim] - 1) - 1;
    if (room < 0)
      node.fail(node.node.target + " with a kernel of " + node.describe(kernel) + " over smaller planes of " +
                node.describe(extents));
    windows.push_back(room / stride[dim] + 1);
  }
  return windows;
}

/// [N, C, H, W] to [N, C · kernel, windows].
LogicalResult im2col(NodeBuilder &node) {
  SpatialInput input = readSpatial(node, "self", kPlane, SpatialElements::All);
  SmallVector<int64_t> kernel = readPerDimension(node, "kernel_size", kPlane, 1, {}),
                       dilation = readPerDimension(node, "dilation", kPlane, 1, {}),
                       padding = readPerDimension(node, "padding", kPlane, 0, {}),
                       stride = readPerDimension(node, "stride", kPlane, 1, {});
  if (node.failed())
    return failure();
  SmallVector<int64_t> windows = countWindows(node, input.extents(), kernel, stride, padding, dilation);
  if (node.failed())
    return failure();
  ArrayRef<int64_t> shape = node.shapeOf(input.value);
  RankedTensorType type =
      node.tensorType({shape[0], shape[1], kernel[0], kernel[1], windows[0], windows[1]}, node.elementOf(input.value));
  if (!type)
    return failure();
  Value out;
  if (isa<FloatType>(type.getElementType()))
    out = nn::UnfoldOp::create(node.builder, node.loc, type, input.value, stride, padding, dilation);
  else
    out = exactWindows(node, input.value, {kernel, stride, padding, dilation, windows});
  out = node.reshape(out, {shape[0], shape[1] * kernel[0] * kernel[1], windows[0] * windows[1]});
  return node.result(input.restore(node, out));
}

/// [N, C · kernel, windows] to [N, C, H, W].
LogicalResult col2im(NodeBuilder &node) {
  SpatialInput input = readSpatial(node, "self", 1);
  SmallVector<int64_t> extents = readPerDimension(node, "output_size", kPlane, 1, {}),
                       kernel = readPerDimension(node, "kernel_size", kPlane, 1, {}),
                       dilation = readPerDimension(node, "dilation", kPlane, 1, {}),
                       padding = readPerDimension(node, "padding", kPlane, 0, {}),
                       stride = readPerDimension(node, "stride", kPlane, 1, {});
  if (node.failed())
    return failure();
  SmallVector<int64_t> windows = countWindows(node, extents, kernel, stride, padding, dilation);
  if (node.failed())
    return failure();
  ArrayRef<int64_t> shape = node.shapeOf(input.value);
  int64_t patch = kernel[0] * kernel[1];
  if (shape[1] % patch != 0 || windows[0] * windows[1] != shape[2])
    return node.fail(node.node.target + " of " + node.describe(shape) + " to planes of " + node.describe(extents)),
           failure();
  int64_t channels = shape[1] / patch;
  RankedTensorType type = node.tensorType({shape[0], channels, extents[0], extents[1]}, node.elementOf(input.value));
  Value unfolded = node.reshape(input.value, {shape[0], channels, kernel[0], kernel[1], windows[0], windows[1]});
  if (node.failed())
    return failure();
  Value out = nn::FoldOp::create(node.builder, node.loc, type, unfolded, stride, padding, dilation);
  return node.result(input.restore(node, out));
}

} // namespace

void registerConvolutionOperators(OperatorTable &table) {
  table.add("aten.conv1d.default", convolution<1>);
  table.add("aten.conv2d.default", convolution<2>);
  table.add("aten.conv3d.default", convolution<3>);
  table.add("aten.conv1d.padding", namedPadding<1>);
  table.add("aten.conv2d.padding", namedPadding<2>);
  table.add("aten.conv3d.padding", namedPadding<3>);
  table.add("aten.conv_transpose1d.default", transposedConvolution<1>);
  table.add("aten.conv_transpose2d.input", transposedConvolution<2>);
  table.add("aten.conv_transpose3d.input", transposedConvolution<3>);
  table.add({"aten.convolution.default", "aten._convolution.default"}, anyConvolution);
  table.add("aten.im2col.default", im2col);
  table.add("aten.col2im.default", col2im);
}

} // namespace raddle::import
