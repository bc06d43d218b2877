#include "Body.h"
#include "Operators.h"
#include "raddle/Dialect/NN/IR/NNOps.h"

using namespace mlir;

namespace raddle::import {

namespace {

/// The operand of a running sum or product, in the result's type.
struct Walked {
  Value input;
  IntegerAttr dim;
  bool isTrivial; // nothing to combine

  static Walked read(NodeBuilder &node, Type type) {
    Walked walked{node.tensor("self"), {}, false};
    if (node.failed())
      return walked;
    int64_t dim = node.dimension("dim", node.rankOf(walked.input));
    if (type)
      walked.input = node.cast(walked.input, type);
    if (node.failed())
      return walked;
    walked.dim = node.builder.getI64IntegerAttr(dim);
    walked.isTrivial = node.rankOf(walked.input) == 0 || node.typeOf(walked.input).getNumElements() == 0;
    return walked;
  }
};

template <typename Op> Value combine(NodeBuilder &node, const Walked &walked) {
  if (node.failed() || walked.isTrivial)
    return walked.input;
  if constexpr (std::is_same_v<Op, nn::CumsumOp>)
    return Op::create(node.builder, node.loc, walked.input.getType(), walked.input, walked.dim, UnitAttr());
  else
    return Op::create(node.builder, node.loc, walked.input.getType(), walked.input, walked.dim);
}

/// Booleans are counted: the file says the type of the result.
template <typename Op> LogicalResult running(NodeBuilder &node) {
  Type type = node.declaredElement();
  return node.result(combine<Op>(node, Walked::read(node, type)));
}

LogicalResult logcumsumexp(NodeBuilder &node) {
  Walked walked = Walked::read(node, nullptr);
  if (!node.failed() && !isa<FloatType>(node.elementOf(walked.input)))
    return node.fail("logcumsumexp of a tensor that is not floating point"), failure();
  return node.result(combine<nn::LogcumsumexpOp>(node, walked));
}

template <typename Op> LogicalResult extremum(NodeBuilder &node) {
  Walked walked = Walked::read(node, nullptr);
  if (node.failed())
    return failure();
  Type i64 = node.builder.getI64Type();
  if (walked.isTrivial)
    return node.results({walked.input, node.fill(node.shapeOf(walked.input), i64, Scalar::ofInt(0))});
  auto op = Op::create(node.builder, node.loc, walked.input.getType(),
                       RankedTensorType::get(node.shapeOf(walked.input), i64), walked.input, walked.dim);
  return node.results({op.getValues(), op.getIndices()});
}

/// The areas between neighbours along `dim`: (y[i] + y[i + 1]) / 2 times their distance, which is the difference of x
/// (of y's shape, or of its last dimension) or a number.
Value trapezoids(NodeBuilder &node, Type type, int64_t &dim) {
  Value y = node.tensor("y"), x = node.optionalTensor("x");
  double distance = node.real("dx", 1.0);
  if (node.failed())
    return nullptr;
  int64_t rank = node.rankOf(y);
  dim = node.dimension("dim", rank, -1);
  if (node.failed() || rank == 0)
    return node.fail(node.node.target + " of a tensor without dimensions");
  int64_t size = node.shapeOf(y)[dim], count = std::max<int64_t>(size - 1, 0);
  if (x && node.rankOf(x) == 1) {
    Shape aligned(rank, 1);
    aligned[dim] = node.shapeOf(x)[0];
    x = node.reshape(x, aligned);
  }
  if (node.failed())
    return nullptr;
  if (x && (node.rankOf(x) != rank || node.shapeOf(x)[dim] != size))
    return node.fail(node.node.target + " of y " + node.describe(node.shapeOf(y)) + " at x " +
                     node.describe(node.shapeOf(x)));
  auto neighbours = [&](Value value, int64_t first) { return node.slice(value, dim, size > 0 ? first : 0, count); };
  SmallVector<Operand> operands{neighbours(y, 0), neighbours(y, 1)};
  if (x)
    operands.append({neighbours(x, 0), neighbours(x, 1)});
  return node.elementwise(operands, type, type, [&](OpBuilder &builder, Location loc, ValueRange args) {
    Body body{builder, loc};
    Value width = x ? body.sub(args[3], args[2]) : body.constant(args[0].getType(), distance);
    Value height = body.mul(body.add(args[0], args[1]), body.constant(args[0].getType(), 0.5));
    return body.mul(height, width);
  });
}

LogicalResult trapezoid(NodeBuilder &node) {
  Type type = node.declaredElement();
  int64_t dim = 0;
  Value areas = trapezoids(node, type, dim);
  return node.result(node.reduce(
      areas, {dim}, /*keep=*/false, type, Scalar::ofInt(0),
      [](OpBuilder &builder, Location loc, Value acc, Value element) { return Body{builder, loc}.add(acc, element); }));
}

LogicalResult cumulativeTrapezoid(NodeBuilder &node) {
  Type type = node.declaredElement();
  int64_t dim = 0;
  Value areas = trapezoids(node, type, dim);
  if (node.failed())
    return failure();
  bool isTrivial = node.typeOf(areas).getNumElements() == 0;
  return node.result(combine<nn::CumsumOp>(node, {areas, node.builder.getI64IntegerAttr(dim), isTrivial}));
}

} // namespace

void registerCumulativeOperators(OperatorTable &table) {
  table.add("aten.cumsum.default", running<nn::CumsumOp>);
  table.add("aten.cumprod.default", running<nn::CumprodOp>);
  table.add({"aten.logcumsumexp.default", "aten._logcumsumexp.default"}, logcumsumexp);
  table.add("aten.cummax.default", extremum<nn::CummaxOp>);
  table.add("aten.cummin.default", extremum<nn::CumminOp>);
  table.add({"aten.trapezoid.x", "aten.trapezoid.dx", "aten.trapz.x", "aten.trapz.dx"}, trapezoid);
  table.add({"aten.cumulative_trapezoid.x", "aten.cumulative_trapezoid.dx"}, cumulativeTrapezoid);
}

} // namespace raddle::import
