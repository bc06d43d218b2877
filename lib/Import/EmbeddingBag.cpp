// Sums, means and maxima of bags of rows of a table.
#include "Body.h"
#include "Operators.h"
#include "ReductionOps.h"
#include "Rows.h"
#include <cmath>

using namespace mlir;

namespace raddle::import {

namespace {

/// PyTorch's numbers for what becomes of a bag.
enum BagMode : int64_t { Sum = 0, Mean = 1, Max = 2 };

/// Rows of a table, each in a bag; one more bag than there are takes what counts for none.
struct Bags {
  Value rows;        // [n, width] in the type that they are added in
  Value bagOf;       // [n], up to `count`
  int64_t count = 0; // of bags
  int64_t width = 0;
  Type type; // of the result
  BagMode mode = Sum;
};

/// The bag of each index: as many bags begin at its place or before, but one.
Value bagOfEach(NodeBuilder &node, Value offsets, int64_t numIndices, int64_t numBags) {
  Type type = node.builder.getI64Type();
  offsets = checkedIndex(node, offsets, numIndices + 1, /*fromEnd=*/false);
  if (node.failed())
    return nullptr;
  Value ones = node.fill(node.shapeOf(offsets), type, Scalar::ofInt(1));
  Value begins =
      scatterRows(node, nn::ScatterKind::Add, node.fill({numIndices + 1}, type, Scalar::ofInt(0)), offsets, ones, 1);
  if (node.failed())
    return nullptr;
  Value begun = nn::CumsumOp::create(node.builder, node.loc, begins.getType(), begins,
                                     node.builder.getI64IntegerAttr(0), UnitAttr());
  Value bagOf = applyFn(node, {node.slice(begun, 0, 0, numIndices), Scalar::ofInt(1)}, type, type,
                        [](const Body &body, ValueRange elements) { return body.sub(elements[0], elements[1]); });
  // What stands before the first bag is reported; what follows the last one is in none.
  return checkedIndex(node, bagOf, numBags + 1, /*fromEnd=*/false);
}

/// `bagOf` with the bag that is none for indices that equal `padding`.
Value withoutPadding(NodeBuilder &node, Value bagOf, Value indices, int64_t padding, int64_t none) {
  Type type = node.builder.getI64Type();
  return applyFn(node, {bagOf, indices, Scalar::ofInt(padding), Scalar::ofInt(none)}, type, type,
                 [](const Body &body, ValueRange elements) {
                   Value isPadding = body.compare(Body::Compare::Equal, elements[1], elements[2]);
                   return body.select(isPadding, elements[3], elements[0]);
                 });
}

/// Each row times its weight.
void weigh(NodeBuilder &node, Bags &bags) {
  Value weights = node.optionalTensor("per_sample_weights");
  if (node.failed() || !weights)
    return;
  int64_t count = node.shapeOf(bags.rows)[0];
  if (bags.mode != Sum || node.shapeOf(weights) != ArrayRef(count)) {
    node.fail("embedding_bag of " + Twine(count) + " indices with per_sample_weights of shape " +
              node.describe(node.shapeOf(weights)) + ": expected one weight an index and mode 'sum'");
    return;
  }
  Type type = node.elementOf(bags.rows);
  bags.rows = applyBinary(node, bags.rows, node.insertUnitDim(weights, 1), type, type,
                          [](const Body &body, Value row, Value weight) { return body.mul(row, weight); });
}

std::optional<Bags> readBags(NodeBuilder &node) {
  Value weight = node.tensor("weight"), indices = node.tensor("indices"), offsets = node.tensor("offsets");
  int64_t mode = node.integer("mode", Sum);
  bool hasEnd = node.boolean("include_last_offset", false);
  std::optional<int64_t> padding;
  if (node.has("padding_idx"))
    padding = node.integer("padding_idx");
  if (node.failed())
    return std::nullopt;
  bool fits = node.rankOf(weight) == 2 && isa<FloatType>(node.elementOf(weight)) && node.rankOf(indices) == 1 &&
              node.rankOf(offsets) == 1 && node.shapeOf(offsets)[0] >= hasEnd;
  if (!fits || mode < Sum || mode > Max) {
    node.fail("embedding_bag of a table of shape " + node.describe(node.shapeOf(weight)) + ", indices of shape " +
              node.describe(node.shapeOf(indices)) + " and offsets of shape " + node.describe(node.shapeOf(offsets)) +
              " in mode " + Twine(mode) +
              ": expected a floating-point matrix, two vectors, and mode 0 (sum), 1 (mean) or 2 (max)");
    return std::nullopt;
  }
  Bags bags;
  bags.mode = BagMode(mode);
  bags.count = node.shapeOf(offsets)[0] - hasEnd;
  bags.width = node.shapeOf(weight)[1];
  bags.type = node.elementOf(weight);
  int64_t tableRows = node.shapeOf(weight)[0], numIndices = node.shapeOf(indices)[0];
  indices = checkedIndex(node, indices, tableRows, /*fromEnd=*/false);
  bags.bagOf = bagOfEach(node, offsets, numIndices, bags.count);
  if (padding)
    bags.bagOf = withoutPadding(node, bags.bagOf, indices, *padding < 0 ? *padding + tableRows : *padding, bags.count);
  bags.rows = gatherRows(node, weight, indices, bags.width, {numIndices, bags.width});
  bags.rows = node.failed() ? nullptr : node.cast(bags.rows, arithmeticType(bags.type));
  weigh(node, bags);
  return node.failed() ? std::nullopt : std::optional(bags);
}

/// `values` [n, w] combined in each bag, from `start` on: [bags, w].
Value combine(NodeBuilder &node, const Bags &bags, nn::ScatterKind kind, Value values, const Scalar &start) {
  if (node.failed())
    return nullptr;
  int64_t width = node.shapeOf(values)[1];
  Value initial = node.fill({bags.count + 1, width}, node.elementOf(values), start);
  return scatterRows(node, kind, initial, bags.bagOf, values, width);
}

Value meanOf(NodeBuilder &node, const Bags &bags, Value sums) {
  Type type = node.elementOf(bags.rows);
  Value ones = node.fill({node.shapeOf(bags.rows)[0], 1}, type, Scalar::ofInt(1));
  Value sizes = combine(node, bags, nn::ScatterKind::Add, ones, Scalar::ofInt(0));
  return applyBinary(node, sums, sizes, type, type, [](const Body &body, Value sum, Value size) {
    return body.div(sum, body.max(size, body.constant(size.getType(), 1)));
  });
}

/// The greatest element of each column of a bag; 0 where a bag is empty. The first of equal ones gets the gradient.
Value greatestOf(NodeBuilder &node, const Bags &bags) {
  Type type = node.elementOf(bags.rows), position = node.builder.getI64Type();
  int64_t numRows = node.shapeOf(bags.rows)[0];
  Value plain = node.detach(bags.rows);
  Value greatest = combine(node, bags, nn::ScatterKind::Max, plain, Scalar::ofFloat(-INFINITY));
  Value own = gatherRows(node, greatest, bags.bagOf, bags.width, {numRows, bags.width});
  if (node.failed())
    return nullptr;
  Value places = node.mapElements({numRows, bags.width}, {plain, own}, position,
                                  [&](OpBuilder &builder, Location loc, ValueRange elements) {
                                    Body body{builder, loc};
                                    Value row = linalg::IndexOp::create(builder, loc, 0);
                                    Value place = body.make<arith::IndexCastOp>(position, row);
                                    Value none = body.constant(position, Scalar::ofInt(numRows));
                                    Value isGreatest = body.compare(Body::Compare::Equal, elements[0], elements[1]);
                                    return body.select(isGreatest, place, none);
                                  });
  Value first = combine(node, bags, nn::ScatterKind::Min, places, Scalar::ofInt(numRows));
  Value inside = applyFn(node, {first, Scalar::ofInt(numRows - 1)}, position, position,
                         [](const Body &body, ValueRange elements) { return body.min(elements[0], elements[1]); });
  Value found = elementsAt(node, bags.rows, inside, 0);
  if (node.failed())
    return nullptr;
  return node.mapElements(node.shapeOf(first), {found, first}, type,
                          [&](OpBuilder &builder, Location loc, ValueRange elements) {
                            Body body{builder, loc};
                            Value none = body.constant(position, Scalar::ofInt(numRows));
                            Value isEmpty = body.compare(Body::Compare::Equal, elements[1], none);
                            return body.select(isEmpty, 0, elements[0]);
                          });
}

/// The bags, and three tensors for PyTorch's own backward pass, whose shapes differ with the mode: −1 throughout.
LogicalResult embeddingBag(NodeBuilder &node) {
  std::optional<Bags> bags = readBags(node);
  if (!bags)
    return failure();
  Value result;
  if (node.shapeOf(bags->rows)[0] == 0)
    result = node.fill({bags->count, bags->width}, bags->type, Scalar::ofInt(0));
  else if (bags->mode == Max)
    result = greatestOf(node, *bags);
  else
    result = combine(node, *bags, nn::ScatterKind::Add, bags->rows, Scalar::ofInt(0));
  if (bags->mode == Mean && !node.failed() && node.shapeOf(bags->rows)[0] != 0)
    result = meanOf(node, *bags, result);
  if (node.failed())
    return failure();
  result = node.cast(node.slice(result, 0, 0, bags->count), bags->type);
  SmallVector<Value> results{result};
  for (size_t index = 1; index < node.node.outputs.size(); ++index) {
    RankedTensorType type = node.declaredResult(index);
    results.push_back(type ? node.fill(type.getShape(), type.getElementType(), Scalar::ofInt(-1)) : Value());
  }
  return node.results(results);
}

} // namespace

void registerEmbeddingBagOperators(OperatorTable &table) {
  table.add({"aten.embedding_bag.default", "aten.embedding_bag.padding_idx"}, embeddingBag);
}

} // namespace raddle::import
