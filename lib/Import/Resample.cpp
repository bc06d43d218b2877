// Resampling of planes on a regular grid, one dimension after the other.
#include "Body.h"
#include "Operators.h"
#include "Spatial.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <cmath>

using namespace mlir;

namespace raddle::import {

namespace {

/// An output position of a dimension is a sum of elements of the input: which, and with which weights.
struct Tap {
  SmallVector<int64_t> positions;
  SmallVector<double> weights;
};

struct Resampling {
  SpatialInput input;
  SmallVector<int64_t> extents;               // of the result
  SmallVector<std::optional<double>> factors; // that the caller asked for
  bool alignCorners = false;
};

/// Extents from `output_size`, or from `scale_factors`; the older forms name a factor for each dimension.
Resampling readResampling(NodeBuilder &node, int64_t rank) {
  static constexpr StringRef kNames[3][3] = {
      {"scales"}, {"scales_h", "scales_w"}, {"scales_d", "scales_h", "scales_w"}};
  const StringRef *factorNames = kNames[rank - 1];
  Resampling resampling;
  resampling.input = readSpatial(node, node.has("input") ? "input" : "self", rank);
  if (node.failed())
    return resampling;
  resampling.alignCorners = node.boolean("align_corners", false);
  resampling.factors.assign(rank, std::nullopt);
  const Argument *list = node.node.find("scale_factors");
  bool hasList = node.has("scale_factors") && list->kind == Argument::Kind::List;
  for (int64_t dim = 0; dim < rank; ++dim) {
    if (hasList && int64_t(list->items.size()) == rank && list->items[dim].kind == Argument::Kind::Float)
      resampling.factors[dim] = list->items[dim].real;
    else if (!hasList && node.has(factorNames[dim]))
      resampling.factors[dim] = node.real(factorNames[dim]);
  }
  if (node.has("output_size")) {
    resampling.extents = readPerDimension(node, "output_size", rank, 1, {});
  } else {
    for (int64_t dim = 0; dim < rank; ++dim) {
      double extent = std::floor(resampling.input.extents()[dim] * resampling.factors[dim].value_or(0));
      if (!(extent >= 1 && extent <= std::numeric_limits<int32_t>::max())) {
        node.fail(node.node.target + " without a size or possible factors");
        break;
      }
      resampling.extents.push_back(int64_t(extent));
    }
  }
  if (!node.failed() && llvm::is_contained(resampling.input.extents(), 0))
    node.fail(node.node.target + " of a tensor without elements");
  return resampling;
}

/// Input elements for a step of one output element, as PyTorch rounds them: in single precision.
float stepOf(const Resampling &resampling, int64_t dim) {
  int64_t in = resampling.input.extents()[dim], out = resampling.extents[dim];
  if (resampling.alignCorners)
    return out > 1 ? float(in - 1) / float(out - 1) : 0.0f;
  std::optional<double> factor = resampling.factors[dim];
  return factor && *factor > 0 ? float(1.0 / *factor) : float(in) / float(out);
}

/// Result along `dim`: the weighted elements of `taps`, added.
Value applyTaps(NodeBuilder &node, Value value, int64_t dim, ArrayRef<Tap> taps) {
  if (node.failed())
    return nullptr;
  Shape shape(node.shapeOf(value));
  shape[dim] = taps.size();
  Type type = node.elementOf(value), wide = arithmeticType(type), i64 = node.builder.getI64Type();
  size_t count = taps.front().positions.size();
  Shape aligned(shape.size(), 1);
  aligned[dim] = taps.size();
  SmallVector<Value> tables;
  for (size_t tap = 0; tap < count; ++tap) {
    SmallVector<int64_t> positions;
    SmallVector<double> weights;
    for (const Tap &one : taps) {
      positions.push_back(one.positions[tap]);
      weights.push_back(one.weights[tap]);
    }
    auto attribute = DenseElementsAttr::get(RankedTensorType::get({int64_t(taps.size())}, i64), ArrayRef(positions));
    tables.push_back(node.reshape(arith::ConstantOp::create(node.builder, node.loc, attribute), aligned));
    tables.push_back(constantAlong(node, weights, wide, dim, shape.size()));
  }
  return node.mapElements(shape, tables, type, [&](OpBuilder &builder, Location loc, ValueRange elements) -> Value {
    Body body{builder, loc};
    Value sum;
    for (size_t tap = 0; tap < count; ++tap) {
      SmallVector<Value> coordinates;
      for (int64_t i = 0, e = shape.size(); i < e; ++i)
        coordinates.push_back(
            i == dim ? arith::IndexCastOp::create(builder, loc, builder.getIndexType(), elements[2 * tap]).getResult()
                     : linalg::IndexOp::create(builder, loc, i).getResult());
      Value element = tensor::ExtractOp::create(builder, loc, value, coordinates);
      Value term = body.mul(convertScalar(builder, loc, element, wide), elements[2 * tap + 1]);
      sum = sum ? body.add(sum, term) : term;
    }
    return convertScalar(builder, loc, sum, type);
  });
}

//===----------------------------------------------------------------------===//
// Nearest
//===----------------------------------------------------------------------===//

/// Every element `times` times: a broadcast, whose gradient is a sum.
Value repeatElements(NodeBuilder &node, Value value, int64_t dim, int64_t times) {
  if (node.failed())
    return nullptr;
  Shape shape(node.shapeOf(value)), wide(shape);
  wide.insert(wide.begin() + dim + 1, times);
  shape[dim] *= times;
  return node.reshape(node.broadcast(node.insertUnitDim(value, dim + 1), wide), shape);
}

template <int64_t rank, bool exact> LogicalResult nearest(NodeBuilder &node) {
  Resampling resampling = readResampling(node, rank);
  if (node.failed())
    return failure();
  Value value = resampling.input.value;
  for (int64_t dim = 0; dim < rank && !node.failed(); ++dim) {
    int64_t in = resampling.input.extents()[dim], out = resampling.extents[dim];
    float step = stepOf(resampling, dim);
    if (in == out && step == 1.0f)
      continue;
    if (out % in == 0 && step * float(out) == float(in)) {
      value = repeatElements(node, value, 2 + dim, out / in);
      continue;
    }
    SmallVector<int64_t> table;
    for (int64_t position = 0; position < out; ++position) {
      float at = exact ? (float(position) + 0.5f) * step : float(position) * step;
      table.push_back(std::min(int64_t(std::floor(at)), in - 1));
    }
    value = gatherAlong(node, value, 2 + dim, table);
  }
  return node.result(resampling.input.restore(node, value));
}

//===----------------------------------------------------------------------===//
// Linear and cubic
//===----------------------------------------------------------------------===//

Tap linearTap(const Resampling &resampling, int64_t dim, int64_t position, float step) {
  int64_t in = resampling.input.extents()[dim];
  float at = resampling.alignCorners ? step * float(position) : std::max(step * (float(position) + 0.5f) - 0.5f, 0.0f);
  int64_t low = std::min(int64_t(std::floor(at)), in - 1), high = std::min(low + 1, in - 1);
  double part = std::clamp(double(at) - double(low), 0.0, 1.0);
  return {{low, high}, {1 - part, part}};
}

/// Keys' cubic convolution; positions beyond the edge take the edge's element.
Tap cubicTap(const Resampling &resampling, int64_t dim, int64_t position, float step) {
  constexpr double kSharpness = -0.75; // PyTorch's
  int64_t in = resampling.input.extents()[dim];
  float at = resampling.alignCorners ? step * float(position) : step * (float(position) + 0.5f) - 0.5f;
  double low = std::floor(at), part = double(at) - low;
  auto near = [&](double x) { return ((kSharpness + 2) * x - (kSharpness + 3)) * x * x + 1; };
  auto far = [&](double x) { return ((x - 5) * x + 8) * x * kSharpness - 4 * kSharpness; };
  Tap tap;
  for (int64_t offset = -1; offset <= 2; ++offset)
    tap.positions.push_back(std::clamp<int64_t>(int64_t(low) + offset, 0, in - 1));
  tap.weights = {far(part + 1), near(part), near(1 - part), far(2 - part)};
  return tap;
}

/// Antialiased: where the result is coarser, the kernel is as wide as its step. `radius` is where the kernel ends, in
/// elements; the weights of what lies inside of the plane add up to 1.
Tap wideTap(const Resampling &resampling, int64_t dim, int64_t position, float step, int64_t radius,
            llvm::function_ref<double(double)> kernel) {
  int64_t in = resampling.input.extents()[dim];
  double stretch = std::max(double(step), 1.0), support = double(radius) * stretch;
  double centre = double(step) * (double(position) + 0.5);
  int64_t first = std::max<int64_t>(int64_t(centre - support + 0.5), 0);
  int64_t last = std::min<int64_t>(int64_t(centre + support + 0.5), in);
  // Every position has as many taps as the widest one; the rest weigh nothing.
  int64_t count = std::min<int64_t>(2 * int64_t(std::ceil(support)) + 1, in);
  Tap tap;
  double total = 0;
  for (int64_t at = first; at < first + count; ++at) {
    double weight = at < last ? kernel((double(at) - centre + 0.5) / stretch) : 0;
    tap.positions.push_back(std::min(at, in - 1));
    tap.weights.push_back(weight);
    total += weight;
  }
  for (double &weight : tap.weights)
    weight /= total == 0 ? 1 : total;
  return tap;
}

Tap wideLinearTap(const Resampling &resampling, int64_t dim, int64_t position, float step) {
  return wideTap(resampling, dim, position, step, 1, [](double x) { return std::max(0.0, 1 - std::abs(x)); });
}

Tap wideCubicTap(const Resampling &resampling, int64_t dim, int64_t position, float step) {
  constexpr double kSharpness = -0.5; // PyTorch's where it antialiases
  return wideTap(resampling, dim, position, step, 2, [](double x) {
    x = std::abs(x);
    if (x < 1)
      return ((kSharpness + 2) * x - (kSharpness + 3)) * x * x + 1;
    return x < 2 ? (((x - 5) * x + 8) * x - 4) * kSharpness : 0;
  });
}

using TapFn = Tap (*)(const Resampling &, int64_t dim, int64_t position, float step);

template <int64_t rank, TapFn tapOf> LogicalResult interpolate(NodeBuilder &node) {
  Resampling resampling = readResampling(node, rank);
  if (node.failed())
    return failure();
  Value value = resampling.input.value;
  for (int64_t dim = 0; dim < rank && !node.failed(); ++dim) {
    float step = stepOf(resampling, dim);
    if (resampling.input.extents()[dim] == resampling.extents[dim] && step == 1.0f)
      continue;
    SmallVector<Tap> taps;
    for (int64_t position = 0; position < resampling.extents[dim]; ++position)
      taps.push_back(tapOf(resampling, dim, position, step));
    value = applyTaps(node, value, 2 + dim, taps);
  }
  return node.result(resampling.input.restore(node, value));
}

} // namespace

void registerResampleOperators(OperatorTable &table) {
  table.add({"aten.upsample_nearest1d.vec", "aten.upsample_nearest1d.default"}, nearest<1, false>);
  table.add({"aten.upsample_nearest2d.vec", "aten.upsample_nearest2d.default"}, nearest<2, false>);
  table.add({"aten.upsample_nearest3d.vec", "aten.upsample_nearest3d.default"}, nearest<3, false>);
  table.add({"aten._upsample_nearest_exact1d.vec", "aten._upsample_nearest_exact1d.default"}, nearest<1, true>);
  table.add({"aten._upsample_nearest_exact2d.vec", "aten._upsample_nearest_exact2d.default"}, nearest<2, true>);
  table.add({"aten._upsample_nearest_exact3d.vec", "aten._upsample_nearest_exact3d.default"}, nearest<3, true>);
  table.add({"aten.upsample_linear1d.vec", "aten.upsample_linear1d.default"}, interpolate<1, linearTap>);
  table.add({"aten.upsample_bilinear2d.vec", "aten.upsample_bilinear2d.default"}, interpolate<2, linearTap>);
  table.add({"aten.upsample_trilinear3d.vec", "aten.upsample_trilinear3d.default"}, interpolate<3, linearTap>);
  table.add({"aten._upsample_bilinear2d_aa.vec", "aten._upsample_bilinear2d_aa.default"},
            interpolate<2, wideLinearTap>);
  table.add({"aten._upsample_bicubic2d_aa.vec", "aten._upsample_bicubic2d_aa.default"}, interpolate<2, wideCubicTap>);
  table.add({"aten.upsample_bicubic2d.vec", "aten.upsample_bicubic2d.default"}, interpolate<2, cubicTap>);
}

} // namespace raddle::import
