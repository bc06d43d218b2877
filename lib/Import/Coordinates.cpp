// Tensors that are a function of the position: ranges, grids, windows.
#include "ElementwiseOps.h"
#include "Spatial.h"
#include "llvm/ADT/SmallVectorExtras.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>

using namespace mlir;

namespace raddle::import {

namespace {

using Compare = Body::Compare;

/// The position in dimension `dim` of the body's loops, as `type`.
Value positionIn(const Body &body, int64_t dim, Type type) {
  Value position = linalg::IndexOp::create(body.builder, body.loc, dim);
  position = arith::IndexCastOp::create(body.builder, body.loc, body.builder.getI64Type(), position);
  return convertScalar(body.builder, body.loc, position, type);
}

/// `steps` numbers from start to end, counted from the nearer end, in f64; with `base` its powers.
Value buildLinspace(NodeBuilder &node, double start, double end, int64_t steps, Type type,
                    std::optional<double> base = std::nullopt) {
  if (node.failed())
    return nullptr;
  if (steps < 0 || !std::isfinite(start) || !std::isfinite(end))
    return node.fail(node.node.target + " of " + Twine(steps) + " numbers from " + std::to_string(start) + " to " +
                     std::to_string(end));
  Type wide = node.builder.getF64Type();
  double step = steps > 1 ? (end - start) / double(steps - 1) : 0;
  return node.mapElements({steps}, {}, type, [&](OpBuilder &builder, Location loc, ValueRange) {
    Body body{builder, loc};
    Value position = positionIn(body, 0, wide);
    Value fromStart = body.add(body.mul(position, step), start);
    Value rest = body.sub(body.constant(wide, double(steps - 1)), position);
    Value fromEnd = body.sub(body.constant(wide, end), body.mul(rest, step));
    Value value = body.select(body.compare(Compare::Less, position, double(steps / 2)), fromStart, fromEnd);
    if (steps == 1)
      value = fromStart;
    if (base)
      value = body.make<math::PowFOp>(body.constant(wide, *base), value);
    return convertScalar(builder, loc, value, type);
  });
}

template <bool isPower> LogicalResult linspace(NodeBuilder &node) {
  double start = node.real("start"), end = node.real("end");
  int64_t steps = node.integer("steps");
  std::optional<double> base = isPower ? std::optional(node.real("base", 10.0)) : std::nullopt;
  Type type = node.dtype("dtype", node.declaredElement());
  return node.result(buildLinspace(node, start, end, steps, type, base));
}

/// Ones on the diagonal.
LogicalResult eye(NodeBuilder &node) {
  int64_t rows = node.integer("n"), columns = node.integer("m", rows);
  Type type = node.dtype("dtype", node.declaredElement());
  if (node.failed())
    return failure();
  return node.result(node.mapElements({rows, columns}, {}, type, [&](OpBuilder &builder, Location loc, ValueRange) {
    Body body{builder, loc};
    Type i64 = builder.getI64Type();
    Value equal = body.compare(Compare::Equal, positionIn(body, 0, i64), positionIn(body, 1, i64));
    return convertScalar(builder, loc, equal, type);
  }));
}

/// Rows and columns of the elements on and below, or on and above, a diagonal.
template <bool isLower> LogicalResult triangleIndices(NodeBuilder &node) {
  int64_t rows = node.integer("row"), columns = node.integer("col"), offset = node.integer("offset", 0);
  Type type = node.dtype("dtype", node.declaredElement());
  if (node.failed())
    return failure();
  // The positions are a constant of the graph.
  constexpr int64_t kMost = 1 << 24;
  int64_t area;
  if (rows < 0 || columns < 0 || llvm::MulOverflow(rows, columns, area) || area > kMost || !isa<IntegerType>(type))
    return node.fail(node.node.target + " of " + Twine(rows) + " rows and " + Twine(columns) + " columns"), failure();
  SmallVector<llvm::APInt> places[2];
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t column = 0; column < columns; ++column)
      if (isLower ? column - row <= offset : column - row >= offset) {
        places[0].emplace_back(type.getIntOrFloatBitWidth(), row);
        places[1].emplace_back(type.getIntOrFloatBitWidth(), column);
      }
  int64_t count = places[0].size();
  places[0].append(places[1]);
  if (count == 0)
    return node.result(node.fill({2, 0}, type, Scalar::ofInt(0)));
  auto attribute = DenseElementsAttr::get(RankedTensorType::get({2, count}, type), places[0]);
  return node.result(arith::ConstantOp::create(node.builder, node.loc, attribute));
}

/// Vectors as the coordinates of a grid, each of the shape of all of them.
LogicalResult meshgrid(NodeBuilder &node) {
  SmallVector<Value> tensors = node.tensors("tensors");
  bool swapsFirst = node.string("indexing", "ij") == "xy" && tensors.size() > 1;
  if (node.failed())
    return failure();
  Shape shape;
  for (Value tensor : tensors) {
    if (!tensor || node.rankOf(tensor) > 1)
      return node.fail("meshgrid of an item that is no vector"), failure();
    shape.push_back(node.typeOf(tensor).getNumElements());
  }
  SmallVector<Value> grids;
  for (auto [index, tensor] : llvm::enumerate(tensors)) {
    size_t dim = swapsFirst && index < 2 ? 1 - index : index;
    Shape wide(shape), aligned(shape.size(), 1);
    if (swapsFirst)
      std::swap(wide[0], wide[1]);
    aligned[dim] = shape[index];
    grids.push_back(node.broadcast(node.reshape(tensor, aligned), wide));
  }
  return node.results(grids);
}

/// Weights of a signal's window: fn(2π i / (length − 1)) or, for a periodic one, fn(2π i / length).
LogicalResult window(NodeBuilder &node, llvm::function_ref<double(double angle)> fn) {
  int64_t length = node.integer("window_length");
  bool isPeriodic = node.boolean("periodic", true);
  Type type = node.declaredElement();
  if (node.failed())
    return failure();
  constexpr int64_t kMost = 1 << 24;
  if (length < 0 || length > kMost || !isa<FloatType>(type))
    return node.fail(node.node.target + " of " + Twine(length) + " elements"), failure();
  SmallVector<double> weights;
  double span = double(isPeriodic ? length : length - 1);
  for (int64_t i = 0; i < length; ++i)
    weights.push_back(length == 1 ? 1 : fn(2 * llvm::numbers::pi * double(i) / span));
  return node.result(constantTensor(node, weights, type, {length}));
}

LogicalResult hann(NodeBuilder &node) {
  return window(node, [](double angle) { return 0.5 - 0.5 * std::cos(angle); });
}
LogicalResult hamming(NodeBuilder &node) {
  double alpha = node.real("alpha", 0.54), beta = node.real("beta", 0.46);
  return window(node, [&](double angle) { return alpha - beta * std::cos(angle); });
}
LogicalResult blackman(NodeBuilder &node) {
  return window(node, [](double angle) { return 0.42 - 0.5 * std::cos(angle) + 0.08 * std::cos(2 * angle); });
}
LogicalResult bartlett(NodeBuilder &node) {
  return window(node, [](double angle) { return 1 - std::abs(angle / llvm::numbers::pi - 1); });
}

/// The frequencies of a Fourier transform's results, for samples `d` apart.
template <bool isHalf> LogicalResult frequencies(NodeBuilder &node) {
  int64_t size = node.integer("n");
  double distance = node.real("d", 1.0);
  Type type = node.declaredElement();
  if (node.failed())
    return failure();
  if (size < 1 || distance == 0 || !isa<FloatType>(type))
    return node.fail(node.node.target + " of " + Twine(size) + " samples, " + std::to_string(distance) + " apart"),
           failure();
  int64_t count = isHalf ? size / 2 + 1 : size, positive = isHalf ? count : (size + 1) / 2;
  Type wide = node.builder.getF64Type();
  return node.result(node.mapElements({count}, {}, type, [&](OpBuilder &builder, Location loc, ValueRange) {
    Body body{builder, loc};
    Value position = positionIn(body, 0, wide);
    Value isPositive = body.compare(Compare::Less, position, double(positive));
    Value number = body.select(isPositive, position, body.sub(position, double(size)));
    return convertScalar(builder, loc, body.div(number, double(size) * distance), type);
  }));
}

/// Positions [N, extents..., rank] in −1 to 1 after the matrices `theta` [N, rank, rank + 1].
LogicalResult affineGrid(NodeBuilder &node) {
  Value theta = node.tensor("theta");
  SmallVector<int64_t> size = node.integers("size");
  bool alignCorners = node.boolean("align_corners", false);
  if (node.failed())
    return failure();
  int64_t rank = int64_t(size.size()) - 2;
  bool fits = rank == 2 || rank == 3;
  if (!fits || node.shapeOf(theta) != ArrayRef<int64_t>{size[0], rank, rank + 1} ||
      !isa<FloatType>(node.elementOf(theta)) || llvm::any_of(size, [](int64_t extent) { return extent < 1; }))
    return node.fail(node.node.target + " of matrices " + node.describe(node.shapeOf(theta)) +
                     " for a result of shape " + node.describe(size)),
           failure();
  Type type = node.elementOf(theta);
  Shape extents(size.begin() + 2, size.end()), base(extents);
  base.push_back(1);
  // The last coordinate is that of the last dimension; behind them is 1.
  SmallVector<Value> coordinates;
  for (int64_t dim = rank; dim-- > 0;) {
    double edge = alignCorners ? 1 : double(extents[dim] - 1) / double(extents[dim]);
    Value along = buildLinspace(node, extents[dim] == 1 && alignCorners ? 0 : -edge, edge, extents[dim], type);
    Shape aligned(base.size(), 1);
    aligned[dim] = extents[dim];
    coordinates.push_back(node.broadcast(node.reshape(along, aligned), base));
  }
  coordinates.push_back(node.fill(base, type, Scalar::ofInt(1)));
  int64_t places = ShapedType::getNumElements(extents);
  Value points = node.reshape(node.concat(coordinates, rank), {1, places, rank + 1});
  points = node.broadcast(points, {size[0], places, rank + 1});
  Shape result{size[0]};
  llvm::append_range(result, extents);
  result.push_back(rank);
  return node.result(node.reshape(node.batchMatmul(points, node.transpose(theta, {0, 2, 1})), result));
}

} // namespace

void registerCoordinateOperators(OperatorTable &table) {
  table.add("aten.linspace.default", linspace<false>);
  table.add("aten.logspace.default", linspace<true>);
  table.add({"aten.eye.default", "aten.eye.m"}, eye);
  table.add("aten.tril_indices.default", triangleIndices<true>);
  table.add("aten.triu_indices.default", triangleIndices<false>);
  table.add({"aten.meshgrid.default", "aten.meshgrid.indexing"}, meshgrid);
  table.add({"aten.hann_window.default", "aten.hann_window.periodic"}, hann);
  table.add({"aten.hamming_window.default", "aten.hamming_window.periodic", "aten.hamming_window.periodic_alpha",
             "aten.hamming_window.periodic_alpha_beta"},
            hamming);
  table.add({"aten.blackman_window.default", "aten.blackman_window.periodic"}, blackman);
  table.add({"aten.bartlett_window.default", "aten.bartlett_window.periodic"}, bartlett);
  table.add("aten.fft_fftfreq.default", frequencies<false>);
  table.add("aten.fft_rfftfreq.default", frequencies<true>);
  table.add("aten.affine_grid_generator.default", affineGrid);
}

} // namespace raddle::import
