// Padding by a constant, by reflection, by the nearest element and around.
#include "Body.h"
#include "Operators.h"
#include "Spatial.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace raddle::import {

namespace {

/// Elements to put before and behind each dimension; negative numbers cut.
struct PadWidths {
  SmallVector<int64_t> before, behind;
};

/// PyTorch lists pairs from the last dimension on.
std::optional<PadWidths> readWidths(NodeBuilder &node, StringRef name, Value self) {
  SmallVector<int64_t> list = node.integers(name);
  if (node.failed())
    return std::nullopt;
  int64_t rank = node.rankOf(self);
  constexpr int64_t kMost = std::numeric_limits<int32_t>::max();
  bool inRange = llvm::all_of(list, [&](int64_t width) { return width >= -kMost && width <= kMost; });
  if (list.size() % 2 != 0 || int64_t(list.size() / 2) > rank || !inRange) {
    node.fail("pad of a tensor of rank " + Twine(rank) + " by " + node.describe(list));
    return std::nullopt;
  }
  PadWidths widths{SmallVector<int64_t>(rank, 0), SmallVector<int64_t>(rank, 0)};
  for (size_t i = 0; i < list.size(); i += 2) {
    int64_t dim = rank - 1 - int64_t(i / 2);
    widths.before[dim] = list[i];
    widths.behind[dim] = list[i + 1];
    // PyTorch refuses to cut more than there is.
    if (list[i] + list[i + 1] + node.shapeOf(self)[dim] < 0) {
      node.fail("pad of a tensor of shape " + node.describe(node.shapeOf(self)) + " by " + node.describe(list));
      return std::nullopt;
    }
  }
  return widths;
}

/// The tensor in one of `value`.
LogicalResult constantPad(NodeBuilder &node) {
  Value self = node.tensor("self");
  Scalar value = node.scalar("value", Scalar::ofInt(0));
  if (node.failed())
    return failure();
  std::optional<PadWidths> widths = readWidths(node, "pad", self);
  if (!widths)
    return failure();
  Shape padded(node.shapeOf(self));
  bool grows = false;
  SmallVector<OpFoldResult> offsets, strides(padded.size(), node.builder.getIndexAttr(1));
  for (int64_t dim = 0, rank = padded.size(); dim < rank && !node.failed(); ++dim) {
    int64_t extent = padded[dim], cutBefore = std::min(extent, std::max<int64_t>(0, -widths->before[dim])),
            cutBehind = std::min(extent - cutBefore, std::max<int64_t>(0, -widths->behind[dim]));
    self = node.slice(self, dim, cutBefore, extent - cutBefore - cutBehind);
    padded[dim] = extent + widths->before[dim] + widths->behind[dim];
    grows |= widths->before[dim] > 0 || widths->behind[dim] > 0;
    offsets.push_back(node.builder.getIndexAttr(std::max<int64_t>(0, widths->before[dim])));
  }
  if (node.failed())
    return failure();
  if (!grows)
    return node.result(self);
  Value filled = node.fill(padded, node.elementOf(self), value);
  if (node.failed() || node.typeOf(self).getNumElements() == 0)
    return node.result(filled);
  return node.result(
      tensor::InsertSliceOp::create(node.builder, node.loc, self, filled, offsets,
                                    getAsIndexOpFoldResult(node.builder.getContext(), node.shapeOf(self)), strides));
}

enum class PadMode { Reflect, Replicate, Circular };

/// The position inside [0, extent) that stands for `position`; nothing where the mode does not reach that far.
std::optional<int64_t> sourceOf(PadMode mode, int64_t position, int64_t extent) {
  if (mode == PadMode::Replicate)
    return std::clamp<int64_t>(position, 0, extent - 1);
  if (mode == PadMode::Circular)
    position += position < 0 ? extent : position >= extent ? -extent : 0;
  else if (position < 0)
    position = -position;
  else if (position >= extent)
    position = 2 * (extent - 1) - position;
  return position >= 0 && position < extent ? std::optional(position) : std::nullopt;
}

LogicalResult padBy(NodeBuilder &node, PadMode mode, StringRef widthsName) {
  Value self = node.tensor("self");
  if (node.failed())
    return failure();
  std::optional<PadWidths> widths = readWidths(node, widthsName, self);
  if (!widths)
    return failure();
  for (int64_t dim = 0; dim < node.rankOf(self) && !node.failed(); ++dim) {
    int64_t extent = node.shapeOf(self)[dim], before = widths->before[dim], behind = widths->behind[dim];
    if (before == 0 && behind == 0)
      continue;
    SmallVector<int64_t> table;
    for (int64_t position = -before; extent > 0 && position < extent + behind; ++position) {
      std::optional<int64_t> source = sourceOf(mode, position, extent);
      if (!source)
        return node.fail(node.node.target + " by " + Twine(before) + " and " + Twine(behind) +
                         " elements of a dimension of " + Twine(extent)),
               failure();
      table.push_back(*source);
    }
    if (table.empty())
      return node.fail(node.node.target + " to or from a dimension without elements"), failure();
    self = gatherAlong(node, self, dim, table);
  }
  return node.result(self);
}

LogicalResult pad(NodeBuilder &node) {
  StringRef mode = node.string("mode", "constant");
  if (node.failed())
    return failure();
  if (mode == "constant")
    return constantPad(node);
  if (mode == "reflect")
    return padBy(node, PadMode::Reflect, "pad");
  if (mode == "replicate")
    return padBy(node, PadMode::Replicate, "pad");
  if (mode == "circular")
    return padBy(node, PadMode::Circular, "pad");
  return node.fail("pad with mode '" + mode + "', expected 'constant', 'reflect', 'replicate' or 'circular'"),
         failure();
}

template <PadMode mode> LogicalResult namedPad(NodeBuilder &node) { return padBy(node, mode, "padding"); }

} // namespace

void registerPaddingOperators(OperatorTable &table) {
  table.add("aten.pad.default", pad);
  table.add("aten.constant_pad_nd.default", constantPad);
  table.add({"aten.reflection_pad1d.default", "aten.reflection_pad2d.default", "aten.reflection_pad3d.default"},
            namedPad<PadMode::Reflect>);
  table.add({"aten.replication_pad1d.default", "aten.replication_pad2d.default", "aten.replication_pad3d.default"},
            namedPad<PadMode::Replicate>);
  table.add("aten._pad_circular.default", [](NodeBuilder &node) { return padBy(node, PadMode::Circular, "pad"); });
}

} // namespace raddle::import
