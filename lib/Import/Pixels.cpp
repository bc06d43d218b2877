// The rearrangement of pixels and channels.
#include "Operators.h"
#include <limits>

using namespace mlir;

namespace raddle::import {

namespace {

/// [..., C r², H, W] to [..., C, H r, W r], or back.
template <bool isShuffle> LogicalResult pixelShuffle(NodeBuilder &node) {
  Value self = node.tensor("self");
  int64_t factor = node.integer(isShuffle ? "upscale_factor" : "downscale_factor");
  if (node.failed())
    return failure();
  Shape shape(node.shapeOf(self));
  size_t rank = shape.size();
  bool fits = rank >= 3 && factor >= 1 && factor <= std::numeric_limits<int16_t>::max();
  if (fits)
    fits = isShuffle ? shape[rank - 3] % (factor * factor) == 0
                     : shape[rank - 2] % factor == 0 && shape[rank - 1] % factor == 0;
  if (!fits)
    return node.fail(node.node.target + " of a tensor of shape " + node.describe(shape) + " by " + Twine(factor)),
           failure();
  int64_t lead = ShapedType::getNumElements(ArrayRef(shape).drop_back(3));
  int64_t channels = shape[rank - 3], height = shape[rank - 2], width = shape[rank - 1];
  Value split, moved;
  if (isShuffle) {
    split = node.reshape(self, {lead, channels / (factor * factor), factor, factor, height, width});
    moved = node.transpose(split, {0, 1, 4, 2, 5, 3});
    shape[rank - 3] = channels / (factor * factor);
    shape[rank - 2] = height * factor;
    shape[rank - 1] = width * factor;
  } else {
    split = node.reshape(self, {lead, channels, height / factor, factor, width / factor, factor});
    moved = node.transpose(split, {0, 1, 3, 5, 2, 4});
    shape[rank - 3] = channels * factor * factor;
    shape[rank - 2] = height / factor;
    shape[rank - 1] = width / factor;
  }
  return node.result(node.reshape(moved, shape));
}

/// Channels as a matrix of `groups` rows, transposed.
LogicalResult channelShuffle(NodeBuilder &node) {
  Value self = node.tensor("self");
  int64_t groups = node.integer("groups");
  if (node.failed())
    return failure();
  Shape shape(node.shapeOf(self));
  if (shape.size() < 3 || groups < 1 || shape[1] % groups != 0)
    return node.fail(node.node.target + " of a tensor of shape " + node.describe(shape) + " in " + Twine(groups) +
                     " groups"),
           failure();
  int64_t plane = ShapedType::getNumElements(ArrayRef(shape).drop_front(2));
  Value rows = node.reshape(self, {shape[0], groups, shape[1] / groups, plane});
  return node.result(node.reshape(node.transpose(rows, {0, 2, 1, 3}), shape));
}

} // namespace

void registerPixelOperators(OperatorTable &table) {
  table.add("aten.pixel_shuffle.default", pixelShuffle<true>);
  table.add("aten.pixel_unshuffle.default", pixelShuffle<false>);
  table.add("aten.channel_shuffle.default", channelShuffle);
}

} // namespace raddle::import
