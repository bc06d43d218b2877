// Resampling of planes at positions that are data.
#include "Body.h"
#include "Operators.h"
#include "Spatial.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace raddle::import {

namespace {

using Compare = Body::Compare;

/// What PyTorch's numbers for modes mean.
enum class Interpolation : int64_t { Bilinear = 0, Nearest = 1 };
enum class Outside : int64_t { Zeros = 0, Border = 1, Reflection = 2 };

constexpr int64_t kPlane = 2;

/// Arithmetic on one coordinate of a plane of `size` elements in that direction.
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

  Value locate(Value x, Outside outside) const {
    x = unnormalise(x);
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

/// Reads elements of the planes of `input` in the body of a generic over [N, C, H, W].
struct PlaneReader {
  Value input;
  Coordinate vertical, horizontal;
  Type wide;

  /// The element at whole positions, zero outside.
  Value read(Value y, Value x) const {
    const Body &body = vertical.body;
    SmallVector<Value> coordinates{linalg::IndexOp::create(body.builder, body.loc, 0),
                                   linalg::IndexOp::create(body.builder, body.loc, 1), vertical.indexOf(y),
                                   horizontal.indexOf(x)};
    Value element = tensor::ExtractOp::create(body.builder, body.loc, input, coordinates);
    element = convertScalar(body.builder, body.loc, element, wide);
    Value inside = body.min(vertical.isInside(y), horizontal.isInside(x));
    return body.select(inside, element, body.constant(wide, 0));
  }

  Value bilinear(Value y, Value x) const {
    const Body &body = vertical.body;
    Value one = body.constant(wide, 1), low = body.make<math::FloorOp>(y), left = body.make<math::FloorOp>(x);
    Value down = body.sub(y, low), right = body.sub(x, left);
    Value up = body.sub(one, down), toLeft = body.sub(one, right);
    Value next = body.add(low, one), beside = body.add(left, one);
    auto term = [&](Value row, Value column, Value a, Value b) { return body.mul(read(row, column), body.mul(a, b)); };
    Value upper = body.add(term(low, left, up, toLeft), term(low, beside, up, right));
    return body.add(upper, body.add(term(next, left, down, toLeft), term(next, beside, down, right)));
  }

  Value nearest(Value y, Value x) const {
    const Body &body = vertical.body;
    return read(body.make<math::RoundEvenOp>(y), body.make<math::RoundEvenOp>(x));
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
  if (shape.size() != 2 + kPlane || places.size() != 2 + kPlane || places[0] != shape[0] || places[3] != kPlane ||
      !isa<FloatType>(type) || node.elementOf(grid) != type || llvm::is_contained(shape, 0))
    return node.fail(node.node.target + " of " + node.describe(shape) + " at " + node.describe(places) +
                     ": expected planes [N, C, H, W] and positions [N, H', W', 2] of one type"),
           failure();
  if (interpolation != int64_t(Interpolation::Bilinear) && interpolation != int64_t(Interpolation::Nearest))
    return node.fail(node.node.target + " with interpolation mode " + Twine(interpolation) +
                     ", expected 0 (bilinear) or 1 (nearest)"),
           failure();
  if (outside < int64_t(Outside::Zeros) || outside > int64_t(Outside::Reflection))
    return node.fail(node.node.target + " with padding mode " + Twine(outside) + ", expected 0 to 2"), failure();
  auto direction = [&](int64_t which) {
    return node.reshape(node.slice(grid, 3, which, 1), {places[0], 1, places[1], places[2]});
  };
  Value columns = direction(0), rows = direction(1);
  return node.result(node.mapElements(
      {shape[0], shape[1], places[1], places[2]}, {columns, rows}, type,
      [&](OpBuilder &builder, Location loc, ValueRange elements) -> Value {
        Body body{builder, loc};
        PlaneReader reader{input, {body, shape[2], alignCorners}, {body, shape[3], alignCorners}, wide};
        Value x = reader.horizontal.locate(convertScalar(builder, loc, elements[0], wide), Outside(outside));
        Value y = reader.vertical.locate(convertScalar(builder, loc, elements[1], wide), Outside(outside));
        bool linear = interpolation == int64_t(Interpolation::Bilinear);
        return convertScalar(builder, loc, linear ? reader.bilinear(y, x) : reader.nearest(y, x), type);
      }));
}

} // namespace

void registerGridSampleOperators(OperatorTable &table) {
  table.add({"aten.grid_sampler_2d.default", "aten.grid_sampler.default"}, gridSampler);
}

} // namespace raddle::import
