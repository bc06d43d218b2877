// Operators that look for the place of values between boundaries.
#include "SearchOps.h"

#include "Operators.h"
#include "Rows.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/bit.h"
#include <cmath>

using namespace mlir;

namespace raddle::import {

Value countBefore(const Body &body, Value sequence, ArrayRef<Value> row, Value value, bool right) {
  Type type = body.builder.getI64Type();
  int64_t size = TensorBuilder::shapeOf(sequence).back();
  auto number = [&](int64_t n) { return body.constant(type, Scalar::ofInt(n)); };
  Value count = number(0);
  // Steps of falling powers of two: as many as the size has bits.
  for (int64_t step = llvm::bit_floor(uint64_t(size)); step > 0; step /= 2) {
    Value next = body.add(count, number(step));
    Value last = body.min(body.sub(next, number(1)), number(size - 1));
    SmallVector<Value> coordinates(row);
    coordinates.push_back(body.make<arith::IndexCastOp>(body.builder.getIndexType(), last));
    Value boundary = tensor::ExtractOp::create(body.builder, body.loc, sequence, coordinates);
    Value behind = body.compare(right ? Body::Compare::Greater : Body::Compare::GreaterEqual, boundary, value);
    Value inside = body.compare(Body::Compare::LessEqual, next, number(size));
    Value before = body.make<arith::XOrIOp>(behind, body.constant(behind.getType(), Scalar::ofBool(true)));
    count = body.select(body.min(inside, before), next, count);
  }
  return count;
}

namespace {

/// Places of `values` in `sequence`: one row for all of them, or a row for each of theirs.
LogicalResult search(NodeBuilder &node, Value sequence, Operand values) {
  bool right = node.boolean("right", false) || node.string("side", "left") == "right";
  bool narrow = node.boolean("out_int32", false);
  if (node.failed())
    return failure();
  if (!values.tensor)
    values = node.fill({}, node.elementOf(sequence), values.scalar);
  int64_t rank = node.rankOf(sequence);
  Shape shape(node.shapeOf(values.tensor));
  bool fits = rank >= 1 && node.elementOf(sequence) == node.elementOf(values.tensor) &&
              (rank == 1 || node.shapeOf(sequence).drop_back() == ArrayRef(shape).drop_back(shape.empty() ? 0 : 1));
  if (!fits)
    return node.fail(node.node.target + " of " + node.describe(shape) + " in " + node.describe(node.shapeOf(sequence)) +
                     ", expected one type and equal leading dimensions"),
           failure();
  Type type = narrow ? node.builder.getI32Type() : node.builder.getI64Type();
  return node.result(
      node.mapElements(shape, {values.tensor}, type, [&](OpBuilder &builder, Location loc, ValueRange elements) {
        SmallVector<Value> row;
        for (int64_t dim = 0; dim + 1 < rank; ++dim)
          row.push_back(linalg::IndexOp::create(builder, loc, dim));
        return convertScalar(builder, loc, countBefore(Body{builder, loc}, sequence, row, elements[0], right), type);
      }));
}

LogicalResult searchSorted(NodeBuilder &node) {
  Value sequence = node.tensor("sorted_sequence"), sorter = node.optionalTensor("sorter");
  Operand values = node.operand("self");
  if (node.failed())
    return failure();
  if (sorter)
    sequence = gatherRows(node, sequence, placesAlong(node, sequence, sorter, node.rankOf(sequence) - 1), 1,
                          Shape(node.shapeOf(sorter)));
  return node.failed() ? failure() : search(node, sequence, values);
}

LogicalResult bucketize(NodeBuilder &node) {
  Value boundaries = node.tensor("boundaries");
  Operand values = node.operand("self");
  return node.failed() ? failure() : search(node, boundaries, values);
}

/// Slice i of a dimension `repeats[i]` times, or as often as the only number says. The sizes of the file say how many
/// slices there are; repeats that add up to fewer are an error at run time.
LogicalResult repeatInterleave(NodeBuilder &node) {
  Value repeats = node.tensor("repeats"), self = node.optionalTensor("self");
  int64_t count = node.integer("output_size");
  if (node.failed())
    return failure();
  Type i64 = node.builder.getI64Type();
  if (self && !node.has("dim"))
    self = node.reshape(self, {node.typeOf(self).getNumElements()});
  int64_t dim = self ? node.dimension("dim", node.rankOf(self), 0) : 0;
  if (node.failed())
    return failure();
  int64_t size = self && node.rankOf(self) > 0 ? node.shapeOf(self)[dim] : node.typeOf(repeats).getNumElements();
  if (node.rankOf(repeats) > 1 || !isIndexType(node.elementOf(repeats)) || size == 0 || count < 0 ||
      (self && node.rankOf(self) == 0))
    return node.fail(node.node.target + " of " + Twine(size) + " slices to " + Twine(count) + " by repeats of shape " +
                     node.describe(node.shapeOf(repeats))),
           failure();
  repeats = node.broadcast(node.cast(repeats, i64), {size});
  if (node.failed())
    return failure();
  Value ends = nn::CumsumOp::create(node.builder, node.loc, repeats.getType(), repeats,
                                    node.builder.getI64IntegerAttr(0), UnitAttr());
  Value places = buildPlaces(node, {count}, {}, [&](const Body &body, ArrayRef<Value> loops, ValueRange) {
    return countBefore(body, ends, {}, loops[0], /*right=*/true);
  });
  if (!self)
    return node.result(checkedIndex(node, places, size, /*fromEnd=*/false));
  Selection selection = selectSlices(node, self, dim, places, /*fromEnd=*/false);
  if (node.failed())
    return failure();
  return node.result(gatherRows(node, self, selection.places, selection.width, selection.shape));
}

/// Edge `position` of `bins` equal parts from `low` to `high`, from the nearer end: as torch.linspace has it.
Value edgeOf(const Body &body, Value position, Value low, Value high, int64_t bins) {
  Type type = low.getType();
  Value step = body.div(body.sub(high, low), body.constant(type, double(bins)));
  Value place = convertScalar(body.builder, body.loc, position, type);
  Value fromLow = body.add(low, body.mul(step, place));
  Value fromHigh = body.sub(high, body.mul(step, body.sub(body.constant(type, double(bins)), place)));
  Value middle = body.constant(position.getType(), Scalar::ofInt((bins + 1) / 2));
  return body.select(body.compare(Body::Compare::Less, position, middle), fromLow, fromHigh);
}

/// The part that a value falls into; `bins` where it is outside or NaN. The last part includes its end.
Value binOf(const Body &body, Value value, Value low, Value high, int64_t bins) {
  using Compare = Body::Compare;
  Type type = body.builder.getI64Type(), real = value.getType();
  auto number = [&](int64_t n) { return body.constant(type, Scalar::ofInt(n)); };
  Value inside =
      body.min(body.compare(Compare::GreaterEqual, value, low), body.compare(Compare::LessEqual, value, high));
  Value from = body.select(inside, body.sub(value, low), body.constant(real, 0));
  Value part = body.div(body.mul(from, body.constant(real, double(bins))), body.sub(high, low));
  Value bin = convertScalar(body.builder, body.loc, part, type);
  // The quotient is rounded: the edges themselves decide.
  Value tooHigh = body.compare(Compare::Less, value, edgeOf(body, bin, low, high, bins));
  Value next = body.add(bin, number(1));
  Value tooLow = body.min(body.compare(Compare::GreaterEqual, value, edgeOf(body, next, low, high, bins)),
                          body.compare(Compare::LessEqual, next, number(bins)));
  bin = body.select(tooHigh, body.sub(bin, number(1)), body.select(tooLow, next, bin));
  bin = body.max(body.min(bin, number(bins - 1)), number(0));
  return body.select(inside, bin, number(bins));
}

/// Numbers of elements in equal parts between two bounds; where the bounds are equal, between the least element and
/// the greatest.
LogicalResult histogram(NodeBuilder &node) {
  Value self = node.tensor("self");
  int64_t bins = node.integer("bins", 100);
  double low = node.real("min", 0), high = node.real("max", 0);
  if (node.failed())
    return failure();
  int64_t count = node.typeOf(self).getNumElements();
  if (bins < 1 || low > high || (low == high && count == 0))
    return node.fail("histc of " + Twine(count) + " elements in " + Twine(bins) + " bins from " + std::to_string(low) +
                     " to " + std::to_string(high)),
           failure();
  Type result = node.elementOf(self),
       type = isa<FloatType>(result) ? arithmeticType(result) : node.builder.getF64Type();
  Value flat = node.cast(node.reshape(self, {count}), type);
  auto bound = [&](double value, bool isHigh) {
    if (low != high || node.failed())
      return node.fill({}, type, Scalar::ofFloat(value));
    return node.reduce(flat, {0}, false, type, Scalar::ofFloat(isHigh ? -INFINITY : INFINITY),
                       [&](OpBuilder &builder, Location loc, Value acc, Value element) {
                         Body body{builder, loc};
                         return isHigh ? body.max(acc, element) : body.min(acc, element);
                       });
  };
  Value lowest = bound(low, false), highest = bound(high, true);
  if (node.failed())
    return failure();
  Value places = node.mapElements({count}, {flat, lowest, highest}, node.builder.getI64Type(),
                                  [&](OpBuilder &builder, Location loc, ValueRange elements) {
                                    Body body{builder, loc};
                                    Value one = body.constant(type, 1);
                                    Value equal = body.compare(Body::Compare::Equal, elements[1], elements[2]);
                                    Value from = body.select(equal, body.sub(elements[1], one), elements[1]);
                                    Value to = body.select(equal, body.add(elements[2], one), elements[2]);
                                    return binOf(body, elements[0], from, to, bins);
                                  });
  Value counts = scatterRows(node, nn::ScatterKind::Add, node.fill({bins + 1}, type, Scalar::ofInt(0)), places,
                             node.fill({count}, type, Scalar::ofInt(1)), 1);
  return node.result(node.cast(node.slice(counts, 0, 0, bins), result));
}

} // namespace

void registerSearchOperators(OperatorTable &table) {
  table.add({"aten.repeat_interleave.self_Tensor", "aten.repeat_interleave.Tensor"}, repeatInterleave);
  table.add({"aten.searchsorted.Tensor", "aten.searchsorted.Scalar"}, searchSorted);
  table.add({"aten.bucketize.Tensor", "aten.bucketize.Scalar"}, bucketize);
  table.add("aten.histc.default", histogram);
}

} // namespace raddle::import
