#include "ExactWindows.h"

#include "ReductionOps.h"
#include "Spatial.h"

using namespace mlir;

namespace raddle::import {

constexpr int64_t kLead = 2; // dimensions before the spatial ones

/// `value` with `before` and `behind` zeros at the ends of a dimension; negative numbers cut off.
static Value padEnds(NodeBuilder &node, Value value, int64_t dim, int64_t before, int64_t behind) {
  if (node.failed())
    return nullptr;
  int64_t size = node.shapeOf(value)[dim], cutBefore = std::max<int64_t>(-before, 0),
          cutBehind = std::max<int64_t>(-behind, 0);
  value = node.slice(value, dim, cutBefore, size - cutBefore - cutBehind);
  if (node.failed())
    return nullptr;
  auto zeros = [&](int64_t count) {
    Shape shape(node.shapeOf(value));
    shape[dim] = count;
    return node.fill(shape, node.elementOf(value), Scalar::ofInt(0));
  };
  SmallVector<Value> parts{value};
  if (before > 0)
    parts.insert(parts.begin(), zeros(before));
  if (behind > 0)
    parts.push_back(zeros(behind));
  return parts.size() == 1 ? value : node.concat(parts, dim);
}

/// The windows along dimension `dim`, which becomes [kernel, counts].
static Value windowsAlong(NodeBuilder &node, Value value, int64_t dim, int64_t spatial, const WindowPlaces &places) {
  if (node.failed())
    return nullptr;
  int64_t kernel = places.kernel[spatial], stride = places.stride[spatial], dilation = places.dilation[spatial],
          count = places.counts[spatial], padding = places.padding[spatial];
  int64_t reach = (count - 1) * stride + (kernel - 1) * dilation + 1;
  value = padEnds(node, value, dim, padding, reach - padding - node.shapeOf(value)[dim]);
  SmallVector<Value> elements;
  for (int64_t k = 0; k < kernel && !node.failed(); ++k)
    elements.push_back(node.insertUnitDim(node.slice(value, dim, k * dilation, count, stride), dim));
  return node.failed() ? nullptr : node.concat(elements, dim);
}

Value exactWindows(NodeBuilder &node, Value input, const WindowPlaces &places) {
  int64_t rank = places.kernel.size();
  Value value = input;
  SmallVector<int64_t> permutation{0, 1};
  for (int64_t spatial = 0; spatial < rank; ++spatial) {
    value = windowsAlong(node, value, kLead + 2 * spatial, spatial, places);
    permutation.push_back(kLead + 2 * spatial);
  }
  for (int64_t spatial = 0; spatial < rank; ++spatial)
    permutation.push_back(kLead + 2 * spatial + 1);
  return node.failed() ? nullptr : node.transpose(value, permutation);
}

Value exactConvolution(NodeBuilder &node, Value input, Value weight, const WindowPlaces &places, int64_t groups) {
  Value windows = exactWindows(node, input, places);
  if (node.failed())
    return nullptr;
  int64_t batch = node.shapeOf(input)[0], outputs = node.shapeOf(weight)[0] / groups,
          patch = node.typeOf(weight).getNumElements() / (groups * outputs),
          count = ShapedType::getNumElements(places.counts);
  weight = node.broadcast(node.reshape(weight, {1, groups, outputs, patch}), {batch, groups, outputs, patch});
  Value product = node.batchMatmul(node.reshape(weight, {batch * groups, outputs, patch}),
                                   node.reshape(windows, {batch * groups, patch, count}));
  Shape shape{batch, groups * outputs};
  llvm::append_range(shape, places.counts);
  return node.reshape(product, shape);
}

/// `stride` − 1 zeros between neighbours of a dimension.
static Value spread(NodeBuilder &node, Value value, int64_t dim, int64_t stride) {
  if (node.failed() || stride == 1)
    return value;
  Shape shape(node.shapeOf(value));
  int64_t extent = shape[dim];
  value = padEnds(node, node.insertUnitDim(value, dim + 1), dim + 1, 0, stride - 1);
  shape[dim] *= stride;
  return node.slice(node.reshape(value, shape), dim, 0, (extent - 1) * stride + 1);
}

/// A convolution of the input, spread by the strides, with the weight turned round.
Value exactTransposed(NodeBuilder &node, Value input, Value weight, const WindowPlaces &places, int64_t groups) {
  if (node.failed())
    return nullptr;
  int64_t rank = places.kernel.size();
  Shape shape(node.shapeOf(weight));
  SmallVector<int64_t> ones(rank, 1), padding;
  for (int64_t spatial = 0; spatial < rank; ++spatial) {
    int64_t dim = kLead + spatial, kernel = places.kernel[spatial];
    input = spread(node, input, dim, places.stride[spatial]);
    SmallVector<int64_t> reversed = llvm::to_vector(llvm::reverse(llvm::seq<int64_t>(0, kernel)));
    weight = gatherAlong(node, weight, dim, reversed);
    padding.push_back(places.dilation[spatial] * (kernel - 1) - places.padding[spatial]);
  }
  int64_t inputs = shape[0] / groups, outputs = shape[1];
  Shape grouped{groups, inputs, outputs};
  grouped.append(shape.begin() + kLead, shape.end());
  SmallVector<int64_t> permutation = llvm::to_vector(llvm::seq<int64_t>(0, grouped.size()));
  std::swap(permutation[1], permutation[2]);
  shape[0] = groups * outputs;
  shape[1] = inputs;
  weight = node.reshape(weight, grouped);
  if (node.failed())
    return nullptr;
  weight = node.reshape(node.transpose(weight, permutation), shape);
  return exactConvolution(node, input, weight, {places.kernel, ones, padding, places.dilation, places.counts}, groups);
}

Value exactWindowSums(NodeBuilder &node, Value input, const WindowPlaces &places) {
  Value windows = exactWindows(node, input, places);
  if (node.failed())
    return nullptr;
  SmallVector<int64_t> dims = llvm::to_vector(llvm::seq<int64_t>(kLead, kLead + places.kernel.size()));
  return sumOver(node, windows, dims, /*keep=*/false, node.elementOf(input));
}

} // namespace raddle::import
