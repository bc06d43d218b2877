// Draws from distributions that are data, and permutations.
#include "ElementwiseOps.h"
#include "Random.h"
#include "ReductionOps.h"
#include "SearchOps.h"
#include "SortOps.h"
#include "raddle/Dialect/NN/IR/NNOps.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>

using namespace mlir;

namespace raddle::import {

namespace {

Value drawUniform(NodeBuilder &node, ArrayRef<int64_t> shape, Type type) {
  RankedTensorType drawn = node.tensorType(shape, type);
  Stream stream = Stream::make(node, node.batchDimension());
  if (node.failed())
    return nullptr;
  return nn::RandomUniformOp::create(node.builder, node.loc, drawn, stream.key, stream.rank, stream.batchDim);
}

/// Places in the running sum of the probabilities where uniform numbers fall.
Value sampleWithReplacement(NodeBuilder &node, Value probabilities, int64_t count) {
  Type type = node.elementOf(probabilities), i64 = node.builder.getI64Type();
  int64_t rows = node.shapeOf(probabilities)[0], classes = node.shapeOf(probabilities)[1];
  Value sums = nn::CumsumOp::create(node.builder, node.loc, probabilities.getType(), probabilities,
                                    node.builder.getI64IntegerAttr(1), UnitAttr());
  Value total = node.slice(sums, 1, classes - 1, 1), u = drawUniform(node, {rows, count}, type);
  if (node.failed())
    return nullptr;
  return node.mapElements({rows, count}, {u, total}, i64, [&](OpBuilder &builder, Location loc, ValueRange args) {
    Body body{builder, loc};
    Value row = linalg::IndexOp::create(builder, loc, 0);
    Value place = countBefore(body, sums, row, body.mul(args[0], args[1]), /*right=*/true);
    // Rounding may lead behind the end.
    return body.min(place, body.constant(i64, Scalar::ofInt(classes - 1)));
  });
}

/// The first of exponential waiting times, each with its probability as rate.
Value sampleWithoutReplacement(NodeBuilder &node, Value probabilities, int64_t count) {
  Type type = node.elementOf(probabilities);
  Value u = drawUniform(node, Shape(node.shapeOf(probabilities)), type);
  Value rates = applyFn(node, {probabilities, u}, type, type, [](const Body &body, ValueRange e) {
    Value rest = body.sub(body.constant(e[1].getType(), 1), e[1]);
    return body.div(e[0], body.neg(body.log(rest)));
  });
  return node.failed() ? nullptr : buildTopPositions(node, rates, 1, count, /*largest=*/true);
}

/// `num_samples` positions of each row of probabilities, which need not add up to 1.
LogicalResult multinomial(NodeBuilder &node) {
  Value self = node.tensor("self");
  int64_t count = node.integer("num_samples");
  bool replaces = node.boolean("replacement", false);
  if (node.failed())
    return failure();
  Shape shape(node.shapeOf(self));
  if (shape.empty() || shape.size() > 2 || !isa<FloatType>(node.elementOf(self)) || shape.back() < 1 || count < 1 ||
      (!replaces && count > shape.back()))
    return node.fail("multinomial of " + Twine(count) + " samples from probabilities of shape " + node.describe(shape)),
           failure();
  Type wide = arithmeticType(node.elementOf(self));
  Value rows = node.cast(node.reshape(self, {node.typeOf(self).getNumElements() / shape.back(), shape.back()}), wide);
  rows = node.detach(rows);
  if (node.failed())
    return failure();
  Value places = replaces ? sampleWithReplacement(node, rows, count) : sampleWithoutReplacement(node, rows, count);
  shape.back() = count;
  return node.result(node.reshape(places, shape));
}

/// The order of random numbers of 64 bits.
LogicalResult permutation(NodeBuilder &node) {
  int64_t size = node.integer("n");
  Type type = node.declaredElement(), i64 = node.builder.getI64Type();
  RankedTensorType drawn = node.tensorType({size}, i64);
  if (node.failed())
    return failure();
  Stream stream = Stream::make(node, std::nullopt);
  if (node.failed())
    return failure();
  Value bits = nn::RandomBitsOp::create(node.builder, node.loc, drawn, stream.key, stream.rank, stream.batchDim);
  return node.result(node.cast(buildOrder(node, bits, 0, /*descending=*/false), type));
}

/// fn of uniform numbers in [0, 1) of the shape of `self`.
LogicalResult fromUniform(NodeBuilder &node, AnyFn fn) {
  Value self = node.tensor("self");
  Type type = node.declaredElement();
  if (node.failed())
    return failure();
  Type drawn = isa<FloatType>(type) ? arithmeticType(type) : node.builder.getF32Type();
  return node.result(applyFn(node, {drawUniform(node, Shape(node.shapeOf(self)), drawn)}, drawn, type, fn));
}

LogicalResult cauchy(NodeBuilder &node) {
  double median = node.real("median", 0), width = node.real("sigma", 1);
  return fromUniform(node, [&](const Body &body, ValueRange e) {
    Value angle = body.mul(body.sub(e[0], 0.5), llvm::numbers::pi);
    return body.add(body.mul(body.make<math::TanOp>(angle), width), median);
  });
}

/// The number of the first success.
LogicalResult geometric(NodeBuilder &node) {
  double p = node.real("p");
  if (!node.failed() && !(p > 0 && p < 1))
    return node.fail("geometric with probability " + std::to_string(p) + ", expected between 0 and 1"), failure();
  return fromUniform(node, [&](const Body &body, ValueRange e) {
    Value rest = body.sub(body.constant(e[0].getType(), 1), e[0]);
    Value trials = body.make<math::CeilOp>(body.div(body.log(rest), std::log1p(-p)));
    return body.max(trials, body.constant(trials.getType(), 1));
  });
}

} // namespace

void registerSamplingOperators(OperatorTable &table) {
  table.add("aten.multinomial.default", multinomial);
  table.add("aten.randperm.default", permutation);
  table.add("aten.cauchy.default", cauchy);
  table.add("aten.geometric.default", geometric);
}

} // namespace raddle::import
