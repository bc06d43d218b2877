// Resampling of planes and volumes at positions that are data.
#include "Body.h"
#include "Operators.h"
#include "Spatial.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <array>

using namespace mlir;

namespace raddle::import {

namespace {

using Compare = Body::Compare;

/// What PyTorch's numbers for modes mean.
enum class Interpolation : int64_t { Linear = 0, Nearest = 1, Cubic = 2 };
enum class Outside : int64_t { Zeros = 0, Border = 1, Reflection = 2 };

/// Arithmetic on one coordinate of a grid of `size` elements in that direction.
struct Coordinate {
  Body body;
  int64_t size;
  bool alignCorners;

  Value number(Value like, double value) const { return body.constant(like.getType(), value); }

  /// From [−1, 1] to positions of elements.
  Value unnormalise(Value x) const {
    Value shifted = body.add(x, number(x, 1));
    if (alignCorners)
      return body.mul(shifted, number(x, (size - 1) / 2.0));
    return body.mul(body.sub(body.mul(shifted, number(x, size)), number(x, 1)), number(x, 0.5));
  }

  /// Selections, so that no gradient flows from beyond the edges or from the edges themselves.
  Value clip(Value x) const {
    Value low = number(x, 0), high = number(x, size - 1);
    x = body.select(body.compare(Compare::Greater, x, low), x, low);
    return body.select(body.compare(Compare::Less, x, high), x, high);
  }

  /// Folds at the centres of the outermost elements, or at their outer edges.
  Value reflect(Value x) const {
    double low = alignCorners ? 0 : -0.5, span = alignCorners ? size - 1 : size;
    if (span == 0)
      return number(x, 0);
    Value distance = body.make<math::AbsFOp>(body.sub(x, number(x, low)));
    Value flips = body.make<math::FloorOp>(body.div(distance, number(x, span)));
    Value rest = body.sub(distance, body.mul(flips, number(x, span)));
    Value half = body.mul(flips, number(x, 0.5));
    Value even = body.compare(Compare::Equal, body.make<math::FloorOp>(half), half);
    Value folded = body.select(even, rest, body.sub(number(x, span), rest));
    return body.add(folded, number(x, low));
  }

  /// Inside of the grid, or where it is for what reads zeros there.
  Value bring(Value x, Outside outside) const {
    if (outside == Outside::Reflection)
      x = reflect(x);
    return outside == Outside::Zeros ? x : clip(x);
  }

  /// False for NaN as well.
  Value isInside(Value position) const {
    return body.min(body.compare(Compare::GreaterEqual, position, number(position, 0)),
                    body.compare(Compare::LessEqual, position, number(position, size - 1)));
  }

  /// A whole position as an index; 0 where it is not inside.
  Value indexOf(Value position) const {
    Value safe = body.select(isInside(position), position, number(position, 0));
    Value integer = arith::FPToSIOp::create(body.builder, body.loc, body.builder.getI64Type(), safe);
    return arith::IndexCastOp::create(body.builder, body.loc, body.builder.getIndexType(), integer);
  }
};

/// Reads elements of `input` in the body of a generic over [N, C, extents...].
struct GridReader {
  Value input;
  SmallVector<Coordinate, 3> directions;
  Type wide;
  Outside outside;

  const Body &body() const { return directions.front().body; }

  /// The element at whole positions, zero outside.
  Value read(ArrayRef<Value> positions) const {
    SmallVector<Value> coordinates{linalg::IndexOp::create(body().builder, body().loc, 0),
                                   linalg::IndexOp::create(body().builder, body().loc, 1)};
    Value inside;
    for (auto [direction, position] : llvm::zip_equal(directions, positions)) {
      coordinates.push_back(direction.indexOf(position));
      Value here = direction.isInside(position);
      inside = inside ? body().min(inside, here) : here;
    }
    Value element = tensor::ExtractOp::create(body().builder, body().loc, input, coordinates);
    element = convertScalar(body().builder, body().loc, element, wide);
    return body().select(inside, element, body().constant(wide, 0));
  }

  SmallVector<Value> locate(ValueRange x) const {
    SmallVector<Value> located;
    for (auto [direction, position] : llvm::zip_equal(directions, x))
      located.push_back(direction.bring(direction.unnormalise(position), outside));
    return located;
  }

  /// Between the two neighbours in each direction: each corner counts by how near it is.
  Value linear(ValueRange x) const {
    Value one = body().constant(wide, 1), sum;
    SmallVector<Value> at = locate(x), low, part;
    for (Value position : at) {
      low.push_back(body().make<math::FloorOp>(position));
      part.push_back(body().sub(position, low.back()));
    }
    for (unsigned corner = 0; corner < 1u << at.size(); ++corner) {
      SmallVector<Value> positions;
      Value weight;
      for (size_t dim = 0; dim < at.size(); ++dim) {
        bool isHigh = corner >> (at.size() - 1 - dim) & 1;
        positions.push_back(isHigh ? body().add(low[dim], one) : low[dim]);
        Value near = isHigh ? part[dim] : body().sub(one, part[dim]);
        weight = weight ? body().mul(weight, near) : near;
      }
      Value term = body().mul(read(positions), weight);
      sum = sum ? body().add(sum, term) : term;
    }
    return sum;
  }

  Value nearest(ValueRange x) const {
    SmallVector<Value> positions;
    for (Value position : locate(x))
      positions.push_back(body().make<math::RoundEvenOp>(position));
    return read(positions);
  }

  /// Keys' cubic convolution of the four neighbours in each of two directions. Each of them is brought inside by
  /// itself.
  Value cubic(ValueRange x) const {
    SmallVector<std::array<Value, 4>> positions, weights;
    for (auto [direction, given] : llvm::zip_equal(directions, x)) {
      Value at = direction.unnormalise(given), low = body().make<math::FloorOp>(at);
      weights.push_back(cubicWeights(body().sub(at, low)));
      positions.emplace_back();
      for (int64_t i = 0; i < 4; ++i)
        positions.back()[i] = direction.bring(body().add(low, double(i - 1)), outside);
    }
    Value sum;
    for (int64_t row = 0; row < 4; ++row) {
      Value line;
      for (int64_t column = 0; column < 4; ++column) {
        Value term = body().mul(read({positions[0][row], positions[1][column]}), weights[1][column]);
        line = line ? body().add(line, term) : term;
      }
      line = body().mul(line, weights[0][row]);
      sum = sum ? body().add(sum, line) : line;
    }
    return sum;
  }

  std::array<Value, 4> cubicWeights(Value part) const {
    constexpr double kSharpness = -0.75; // PyTorch's
    const Body &b = body();
    auto near = [&](Value x) {
      Value inner = b.sub(b.mul(x, kSharpness + 2), kSharpness + 3);
      return b.add(b.mul(b.mul(inner, x), x), 1);
    };
    auto far = [&](Value x) {
      Value inner = b.add(b.mul(b.sub(x, 5), x), 8);
      return b.mul(b.sub(b.mul(inner, x), 4), kSharpness);
    };
    Value rest = b.sub(b.constant(wide, 1), part);
    return {far(b.add(part, 1)), near(part), near(rest), far(b.add(rest, 1))};
  }
};

LogicalResult gridSampler(NodeBuilder &node) {
  Value input = node.tensor("input"), grid = node.tensor("grid");
  int64_t interpolation = node.integer("interpolation_mode"), outside = node.integer("padding_mode");
  bool alignCorners = node.boolean("align_corners", false);
  if (node.failed())
    return failure();
  Shape shape(node.shapeOf(input)), places(node.shapeOf(grid));
  Type type = node.elementOf(input), wide = arithmeticType(type);
  int64_t rank = int64_t(shape.size()) - 2;
  if ((rank != 2 && rank != 3) || places.size() != shape.size() || places[0] != shape[0] || places.back() != rank ||
      !isa<FloatType>(type) || node.elementOf(grid) != type || llvm::is_contained(shape, 0))
    return node.fail(node.node.target + " of " + node.describe(shape) + " at " + node.describe(places) +
                     ": expected planes [N, C, H, W] and positions [N, H', W', 2] of one type, or volumes with one "
                     "dimension more"),
           failure();
  if (interpolation < 0 || interpolation > int64_t(Interpolation::Cubic) ||
      (interpolation == int64_t(Interpolation::Cubic) && rank != 2))
    return node.fail(node.node.target + " with interpolation mode " + Twine(interpolation) +
                     ", expected 0 (linear), 1 (nearest) or, of planes, 2 (cubic)"),
           failure();
  if (outside < int64_t(Outside::Zeros) || outside > int64_t(Outside::Reflection))
    return node.fail(node.node.target + " with padding mode " + Twine(outside) + ", expected 0 to 2"), failure();
  Shape points(places), result{shape[0], shape[1]};
  points.pop_back();
  result.append(points.begin() + 1, points.end());
  points.insert(points.begin() + 1, 1);
  // The first number of a position is that of the last dimension.
  SmallVector<Value> positions;
  for (int64_t dim = 0; dim < rank; ++dim)
    positions.push_back(node.reshape(node.slice(grid, rank + 1, rank - 1 - dim, 1), points));
  return node.result(
      node.mapElements(result, positions, type, [&](OpBuilder &builder, Location loc, ValueRange elements) -> Value {
        Body body{builder, loc};
        GridReader reader{input, {}, wide, Outside(outside)};
        SmallVector<Value> x;
        for (auto [dim, element] : llvm::enumerate(elements)) {
          reader.directions.push_back({body, shape[2 + dim], alignCorners});
          x.push_back(convertScalar(builder, loc, element, wide));
        }
        Value value = interpolation == int64_t(Interpolation::Linear)    ? reader.linear(x)
                      : interpolation == int64_t(Interpolation::Nearest) ? reader.nearest(x)
                                                                         : reader.cubic(x);
        return convertScalar(builder, loc, value, type);
      }));
}

} // namespace

void registerGridSampleOperators(OperatorTable &table) {
  table.add({"aten.grid_sampler_2d.default", "aten.grid_sampler_3d.default", "aten.grid_sampler.default"}, gridSampler);
}

} // namespace raddle::import
