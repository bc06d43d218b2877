// Pooling over windows of given extents, and over as many windows as there are results ("adaptive").
#include "Body.h"
#include "ExactWindows.h"
#include "Operators.h"
#include "Spatial.h"
#include "raddle/Dialect/NN/IR/NNOps.h"

using namespace mlir;

namespace raddle::import {

namespace {

struct Pooling {
  SpatialInput input;
  SmallVector<int64_t> kernel, stride, padding, dilation;
  RankedTensorType type; // of the result
};

/// The number of windows: with `ceil` a last one may hang over, but must begin inside the input or its padding.
int64_t countWindows(int64_t extent, int64_t kernel, int64_t stride, int64_t padding, int64_t dilation, bool ceil) {
  int64_t room = extent + 2 * padding - dilation * (kernel - 1) - 1 + (ceil ? stride - 1 : 0);
  if (room < 0)
    return 0;
  int64_t count = room / stride + 1;
  return ceil && (count - 1) * stride >= extent + padding ? count - 1 : count;
}

Pooling readPooling(NodeBuilder &node, int64_t rank, bool dilated, SpatialElements elements = SpatialElements::Floats) {
  Pooling pooling;
  pooling.input = readSpatial(node, "self", rank, elements);
  pooling.kernel = readPerDimension(node, "kernel_size", rank, 1, {});
  if (node.failed())
    return pooling;
  pooling.stride = readPerDimension(node, "stride", rank, 1, pooling.kernel);
  pooling.padding = readPerDimension(node, "padding", rank, 0, {0});
  pooling.dilation.assign(rank, 1);
  if (dilated)
    pooling.dilation = readPerDimension(node, "dilation", rank, 1, {1});
  bool ceil = node.boolean("ceil_mode", false);
  if (node.failed())
    return pooling;
  Shape shape(node.shapeOf(pooling.input.value).take_front(2));
  for (int64_t dim = 0; dim < rank; ++dim) {
    if (pooling.padding[dim] > (pooling.dilation[dim] * (pooling.kernel[dim] - 1) + 1) / 2) {
      node.fail(node.node.target + " with padding " + node.describe(pooling.padding) +
                " of more than half the kernel " + node.describe(pooling.kernel));
      return pooling;
    }
    shape.push_back(countWindows(pooling.input.extents()[dim], pooling.kernel[dim], pooling.stride[dim],
                                 pooling.padding[dim], pooling.dilation[dim], ceil));
    if (shape.back() < 1) {
      node.fail(node.node.target + " with a kernel of " + node.describe(pooling.kernel) + " over a smaller input of " +
                node.describe(node.shapeOf(pooling.input.value)));
      return pooling;
    }
  }
  pooling.type = node.tensorType(shape, node.elementOf(pooling.input.value));
  return pooling;
}

nn::MaxPoolOp buildMaxPool(NodeBuilder &node, const Pooling &pooling) {
  auto indices = RankedTensorType::get(pooling.type.getShape(), node.builder.getI64Type());
  return nn::MaxPoolOp::create(node.builder, node.loc, TypeRange{pooling.type, indices}, pooling.input.value,
                               pooling.kernel, pooling.stride, pooling.padding, pooling.dilation);
}

template <int64_t rank, bool withIndices> LogicalResult maxPool(NodeBuilder &node) {
  Pooling pooling = readPooling(node, rank, /*dilated=*/true);
  if (node.failed())
    return failure();
  nn::MaxPoolOp op = buildMaxPool(node, pooling);
  Value out = pooling.input.restore(node, op.getOut());
  if (!withIndices)
    return node.result(out);
  return node.results({out, pooling.input.restore(node, op.getIndices())});
}

/// The type of constants to divide by: numbers of elements are exact in any.
Type divisorType(NodeBuilder &node, Type type) {
  return isa<FloatType>(type) ? arithmeticType(type) : node.builder.getF64Type();
}

/// `value` divided, in each spatial dimension, by what `lengths` says for its position; integers are cut off.
Value divideByLengths(NodeBuilder &node, Value value, ArrayRef<SmallVector<double>> lengths) {
  Type type = node.elementOf(value);
  int64_t rank = node.rankOf(value);
  double common = 1;
  SmallVector<Operand> operands{value};
  for (auto [dim, list] : llvm::enumerate(lengths)) {
    if (llvm::all_equal(list))
      common *= list.front();
    else
      operands.push_back(
          node.cast(constantAlong(node, list, divisorType(node, type), 2 + dim, rank), arithmeticType(type)));
  }
  if (node.failed())
    return nullptr;
  return node.elementwise(operands, arithmeticType(type), type,
                          [&](OpBuilder &builder, Location loc, ValueRange elements) {
                            Body body{builder, loc};
                            Value divisor = body.constant(elements[0].getType(), common);
                            for (Value length : elements.drop_front())
                              divisor = body.mul(divisor, length);
                            return Body::isFloat(divisor) ? body.div(elements[0], divisor)
                                                          : body.make<arith::DivSIOp>(elements[0], divisor);
                          });
}

/// Elements of each window along one dimension that count for the average.
SmallVector<double> windowLengths(const Pooling &pooling, int64_t dim, bool countPadding) {
  int64_t extent = pooling.input.extents()[dim], padding = pooling.padding[dim];
  SmallVector<double> lengths;
  for (int64_t window = 0; window < pooling.type.getDimSize(2 + dim); ++window) {
    int64_t begin = window * pooling.stride[dim] - padding;
    int64_t end = std::min(begin + pooling.kernel[dim], extent + padding);
    lengths.push_back(countPadding ? end - begin : std::min(end, extent) - std::max<int64_t>(begin, 0));
  }
  return lengths;
}

template <int64_t rank> LogicalResult averagePool(NodeBuilder &node) {
  Pooling pooling = readPooling(node, rank, /*dilated=*/false, SpatialElements::Numbers);
  bool countPadding = node.boolean("count_include_pad", true);
  bool hasDivisor = node.has("divisor_override");
  int64_t divisor = hasDivisor ? node.integer("divisor_override") : 1;
  if (!node.failed() && divisor == 0)
    return node.fail(node.node.target + " with divisor_override 0"), failure();
  if (node.failed())
    return failure();
  Value sum;
  if (isa<FloatType>(pooling.type.getElementType()))
    sum = nn::SumPoolOp::create(node.builder, node.loc, pooling.type, pooling.input.value, pooling.kernel,
                                pooling.stride, pooling.padding, pooling.dilation);
  else
    sum = exactWindowSums(
        node, pooling.input.value,
        {pooling.kernel, pooling.stride, pooling.padding, pooling.dilation, pooling.type.getShape().drop_front(2)});
  SmallVector<SmallVector<double>> lengths;
  if (hasDivisor)
    lengths.push_back(SmallVector<double>(pooling.type.getDimSize(2), divisor));
  for (int64_t dim = 0; dim < rank && !hasDivisor; ++dim)
    lengths.push_back(windowLengths(pooling, dim, countPadding));
  return node.result(pooling.input.restore(node, divideByLengths(node, sum, lengths)));
}

//===----------------------------------------------------------------------===//
// Adaptive
//===----------------------------------------------------------------------===//

struct Range {
  int64_t begin, size;
};

/// Elements of an extent that window `index` of `count` covers.
Range adaptiveRange(int64_t extent, int64_t count, int64_t index) {
  int64_t begin = index * extent / count, end = llvm::divideCeil((index + 1) * extent, count);
  return {begin, end - begin};
}

/// Input and number of windows; they are equal in size where the number divides the extent.
std::pair<SpatialInput, SmallVector<int64_t>> readAdaptive(NodeBuilder &node, int64_t rank) {
  SpatialInput input = readSpatial(node, "self", rank);
  SmallVector<int64_t> counts = readPerDimension(node, "output_size", rank, 1, {});
  if (!node.failed())
    for (int64_t extent : input.extents())
      if (extent < 1 || extent > std::numeric_limits<int32_t>::max())
        node.fail(node.node.target + " of a tensor of shape " + node.describe(node.shapeOf(input.value)));
  return {input, counts};
}

/// The mean over each part of dimension `dim`.
Value averageAlong(NodeBuilder &node, Value value, int64_t dim, int64_t count) {
  if (node.failed() || node.shapeOf(value)[dim] == count)
    return value;
  Type type = node.elementOf(value), wide = arithmeticType(type);
  SmallVector<Value> parts;
  for (int64_t index = 0; index < count && !node.failed(); ++index) {
    Range range = adaptiveRange(node.shapeOf(value)[dim], count, index);
    Value sum = node.reduce(node.slice(value, dim, range.begin, range.size), {dim}, /*keep=*/true, wide,
                            Scalar::ofFloat(0), [](OpBuilder &builder, Location loc, Value acc, Value element) {
                              return Body{builder, loc}.add(acc, element);
                            });
    parts.push_back(node.elementwise({sum}, wide, type, [&](OpBuilder &builder, Location loc, ValueRange elements) {
      Body body{builder, loc};
      return body.div(elements[0], body.constant(elements[0].getType(), range.size));
    }));
  }
  return node.concat(parts, dim);
}

/// Equal windows side by side.
Pooling tiles(NodeBuilder &node, const SpatialInput &input, ArrayRef<int64_t> counts) {
  Pooling pooling;
  pooling.input = input;
  Shape shape(node.shapeOf(input.value).take_front(2));
  for (auto [extent, count] : llvm::zip(input.extents(), counts)) {
    pooling.kernel.push_back(extent / count);
    shape.push_back(count);
  }
  pooling.stride = pooling.kernel;
  pooling.padding.assign(counts.size(), 0);
  pooling.dilation.assign(counts.size(), 1);
  pooling.type = node.tensorType(shape, node.elementOf(input.value));
  return pooling;
}

bool dividesEvenly(const SpatialInput &input, ArrayRef<int64_t> counts) {
  return llvm::all_of(llvm::zip(input.extents(), counts),
                      [](auto pair) { return std::get<0>(pair) % std::get<1>(pair) == 0; });
}

template <int64_t rank> LogicalResult adaptiveAverage(NodeBuilder &node) {
  auto [input, counts] = readAdaptive(node, rank);
  if (node.failed())
    return failure();
  bool whole = llvm::all_of(counts, [](int64_t count) { return count == 1; });
  if (!whole && dividesEvenly(input, counts)) {
    Pooling pooling = tiles(node, input, counts);
    if (node.failed())
      return failure();
    Value sum = nn::SumPoolOp::create(node.builder, node.loc, pooling.type, input.value, pooling.kernel, pooling.stride,
                                      pooling.padding, pooling.dilation);
    SmallVector<SmallVector<double>> lengths;
    for (int64_t extent : pooling.kernel)
      lengths.push_back({double(extent)});
    return node.result(input.restore(node, divideByLengths(node, sum, lengths)));
  }
  // The mean over a box is the mean of means: one dimension after the other.
  Value value = input.value;
  for (int64_t dim = 0; dim < rank; ++dim)
    value = averageAlong(node, value, 2 + dim, counts[dim]);
  return node.result(input.restore(node, value));
}

/// Positions in a part of the plane as positions in the whole.
Value positionsInWhole(NodeBuilder &node, Value positions, ArrayRef<Range> part, ArrayRef<int64_t> extents) {
  Type type = node.elementOf(positions);
  return node.elementwise({positions}, type, type, [&](OpBuilder &builder, Location loc, ValueRange elements) {
    Body body{builder, loc};
    auto number = [&](int64_t value) { return body.constant(type, Scalar::ofInt(value)); };
    Value rest = elements[0], result;
    int64_t step = 1;
    for (size_t dim = extents.size(); dim-- > 0;) {
      Value size = number(part[dim].size);
      Value coordinate = body.add(body.make<arith::RemSIOp>(rest, size), number(part[dim].begin));
      rest = body.make<arith::DivSIOp>(rest, size);
      Value term = body.mul(coordinate, number(step));
      result = result ? body.add(result, term) : term;
      step *= extents[dim];
    }
    return result;
  });
}

/// Parts of different sizes: each is the window of a pooling of its own.
std::pair<Value, Value> unevenMaximum(NodeBuilder &node, const SpatialInput &input, ArrayRef<int64_t> counts) {
  SmallVector<Value> values, positions;
  int64_t cells = llvm::product_of(counts);
  SmallVector<int64_t> ones(counts.size(), 1);
  Shape flat(node.shapeOf(input.value).take_front(2));
  flat.push_back(1);
  for (int64_t cell = 0; cell < cells && !node.failed(); ++cell) {
    SmallVector<Range> part(counts.size());
    SpatialInput box = input;
    int64_t rest = cell;
    for (size_t dim = counts.size(); dim-- > 0; rest /= counts[dim]) {
      part[dim] = adaptiveRange(input.extents()[dim], counts[dim], rest % counts[dim]);
      box.value = node.slice(box.value, 2 + dim, part[dim].begin, part[dim].size);
    }
    Pooling pooling = tiles(node, box, ones);
    if (node.failed())
      return {};
    nn::MaxPoolOp op = buildMaxPool(node, pooling);
    values.push_back(node.reshape(op.getOut(), flat));
    positions.push_back(node.reshape(positionsInWhole(node, op.getIndices(), part, input.extents()), flat));
  }
  Shape shape(node.shapeOf(input.value).take_front(2));
  llvm::append_range(shape, counts);
  return {node.reshape(node.concat(values, 2), shape), node.reshape(node.concat(positions, 2), shape)};
}

template <int64_t rank> LogicalResult adaptiveMaximum(NodeBuilder &node) {
  auto [input, counts] = readAdaptive(node, rank);
  if (node.failed())
    return failure();
  if (node.node.outputs.size() != 2)
    return node.fail(node.node.target + " without positions"), failure();
  if (dividesEvenly(input, counts)) {
    Pooling pooling = tiles(node, input, counts);
    if (node.failed())
      return failure();
    nn::MaxPoolOp op = buildMaxPool(node, pooling);
    return node.results({input.restore(node, op.getOut()), input.restore(node, op.getIndices())});
  }
  auto [out, indices] = unevenMaximum(node, input, counts);
  return node.results({input.restore(node, out), input.restore(node, indices)});
}

} // namespace

void registerPoolingOperators(OperatorTable &table) {
  table.add("aten.max_pool1d.default", maxPool<1, false>);
  table.add("aten.max_pool2d.default", maxPool<2, false>);
  table.add("aten.max_pool3d.default", maxPool<3, false>);
  table.add("aten.max_pool1d_with_indices.default", maxPool<1, true>);
  table.add("aten.max_pool2d_with_indices.default", maxPool<2, true>);
  table.add("aten.max_pool3d_with_indices.default", maxPool<3, true>);
  table.add("aten.avg_pool1d.default", averagePool<1>);
  table.add("aten.avg_pool2d.default", averagePool<2>);
  table.add("aten.avg_pool3d.default", averagePool<3>);
  table.add("aten.adaptive_avg_pool1d.default", adaptiveAverage<1>);
  table.add({"aten.adaptive_avg_pool2d.default", "aten._adaptive_avg_pool2d.default"}, adaptiveAverage<2>);
  table.add({"aten.adaptive_avg_pool3d.default", "aten._adaptive_avg_pool3d.default"}, adaptiveAverage<3>);
  table.add("aten.adaptive_max_pool1d.default", adaptiveMaximum<1>);
  table.add("aten.adaptive_max_pool2d.default", adaptiveMaximum<2>);
  table.add("aten.adaptive_max_pool3d.default", adaptiveMaximum<3>);
}

} // namespace raddle::import
