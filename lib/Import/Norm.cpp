#include "Body.h"
#include "Operators.h"
#include "raddle/Dialect/NN/IR/NNOps.h"
#include <cmath>
#include <limits>

using namespace mlir;

namespace raddle::import {

namespace {

/// The operands of a norm over trailing dimensions, with those collapsed to one, in the type that it computes in.
struct NormOperands {
  Value input, weight, bias;
  Type type;   // of the result
  Shape shape; // of the result
  Shape stats; // of the statistics, without the normalised dimensions
  size_t normalized = 0;
};

std::optional<NormOperands> readNorm(NodeBuilder &node) {
  NormOperands operands;
  operands.input = node.tensor("input");
  operands.weight = node.optionalTensor("weight");
  operands.bias = node.optionalTensor("bias");
  SmallVector<int64_t> normalized = node.integers("normalized_shape");
  if (node.failed())
    return std::nullopt;
  ArrayRef<int64_t> shape = node.shapeOf(operands.input);
  if (normalized.empty() || normalized.size() > shape.size() ||
      shape.take_back(normalized.size()) != ArrayRef(normalized)) {
    node.fail("a norm over " + node.describe(normalized) + " of a tensor of shape " + node.describe(shape));
    return std::nullopt;
  }
  Type type = node.elementOf(operands.input);
  if (!isa<FloatType>(type)) {
    node.fail("a norm of integers is not possible");
    return std::nullopt;
  }
  operands.shape.assign(shape.begin(), shape.end());
  operands.normalized = normalized.size();
  operands.stats.assign(shape.begin(), shape.end() - normalized.size());
  int64_t width = ShapedType::getNumElements(normalized);
  Shape flat(operands.stats);
  flat.push_back(width);
  // Sums of squares leave the range of 16 bits.
  operands.type = type;
  Type wide = arithmeticType(type);
  operands.input = node.cast(node.reshape(operands.input, flat), wide);
  for (Value *parameter : {&operands.weight, &operands.bias})
    if (*parameter)
      *parameter = node.cast(node.reshape(*parameter, {width}), wide);
  if (node.failed())
    return std::nullopt;
  return operands;
}

double readEpsilon(NodeBuilder &node, std::optional<double> absent) {
  double epsilon = node.real("eps", absent);
  if (!node.failed() && !std::isfinite(epsilon))
    node.fail("the eps of a norm is " + std::to_string(epsilon) + ", expected a finite number");
  return epsilon;
}

nn::LayerNormOp buildLayerNorm(NodeBuilder &node, const NormOperands &operands, double epsilon) {
  Type type = node.elementOf(operands.input);
  auto stats = RankedTensorType::get(operands.stats, type);
  return nn::LayerNormOp::create(node.builder, node.loc, TypeRange{operands.input.getType(), stats, stats},
                                 operands.input, operands.weight, operands.bias, node.builder.getF64FloatAttr(epsilon));
}

LogicalResult layerNorm(NodeBuilder &node) {
  std::optional<NormOperands> operands = readNorm(node);
  constexpr double kEpsilon = 1e-5;
  double epsilon = readEpsilon(node, kEpsilon);
  if (node.failed())
    return failure();
  Value out = node.cast(buildLayerNorm(node, *operands, epsilon).getOut(), operands->type);
  return node.result(node.reshape(out, operands->shape));
}

LogicalResult nativeLayerNorm(NodeBuilder &node) {
  std::optional<NormOperands> operands = readNorm(node);
  double epsilon = readEpsilon(node, std::nullopt);
  if (node.failed())
    return failure();
  nn::LayerNormOp norm = buildLayerNorm(node, *operands, epsilon);
  // PyTorch keeps the normalised dimensions with size 1, and the statistics of 16-bit types in f32 or, on the
  // CPU, in their own type. They carry no gradient.
  Shape kept(operands->stats);
  kept.append(operands->normalized, 1);
  Type wide = node.declaredElement(1);
  if (node.failed())
    return failure();
  return node.results({node.reshape(node.cast(norm.getOut(), operands->type), operands->shape),
                       node.detach(node.cast(node.reshape(norm.getMean(), kept), wide)),
                       node.detach(node.cast(node.reshape(norm.getRstd(), kept), wide))});
}

LogicalResult rmsNorm(NodeBuilder &node) {
  std::optional<NormOperands> operands = readNorm(node);
  if (node.failed())
    return failure();
  // Without a number eps is the spacing of the numbers of the input's type at 1.
  auto type = cast<FloatType>(operands->type);
  double spacing = std::ldexp(1.0, 1 - int(llvm::APFloat::semanticsPrecision(type.getFloatSemantics())));
  double epsilon = readEpsilon(node, spacing);
  if (node.failed())
    return failure();
  auto stats = RankedTensorType::get(operands->stats, node.elementOf(operands->input));
  auto norm = nn::RMSNormOp::create(node.builder, node.loc, TypeRange{operands->input.getType(), stats},
                                    operands->input, operands->weight, node.builder.getF64FloatAttr(epsilon));
  return node.result(node.reshape(node.cast(norm.getOut(), type), operands->shape));
}

/// Along `dim`: x − max, which keeps exp from overflowing, in the arithmetic of the result. No gradient goes through
/// the maximum: what softmax and its logarithm give does not change with it.
Value shifted(NodeBuilder &node, Value self, int64_t dim, Type wide) {
  Value greatest = node.reduce(
      self, dim, /*keep=*/true, wide, Scalar::ofFloat(-INFINITY),
      [](OpBuilder &builder, Location loc, Value acc, Value element) { return Body{builder, loc}.max(acc, element); });
  greatest = node.detach(greatest);
  return node.elementwise({self, greatest}, wide, wide, [](OpBuilder &builder, Location loc, ValueRange elements) {
    return Body{builder, loc}.sub(elements[0], elements[1]);
  });
}

/// exp(x − max) / Σ exp(x − max), or its logarithm x − max − log Σ exp(x − max). Rows that are −∞ throughout give NaN,
/// or zeros where it is safe.
template <bool isLog, bool isSafe = false> LogicalResult softmax(NodeBuilder &node) {
  Value self = node.tensor("self");
  if (node.failed())
    return failure();
  int64_t dim = node.dimension("dim", node.rankOf(self));
  Type type = node.dtype("dtype", node.elementOf(self));
  // The variants with an underscore say so instead.
  if (node.boolean("half_to_float", false))
    type = node.builder.getF32Type();
  if (node.failed())
    return failure();
  if (!isa<FloatType>(type))
    return node.fail("softmax of integers is not possible"), failure();
  Shape shape(node.shapeOf(self));
  if (shape.empty())
    self = node.reshape(self, {1});
  Type wide = arithmeticType(type);
  self = node.cast(self, type);
  Value shift = shifted(node, self, dim, wide);
  Value exponentials = node.elementwise({shift}, wide, wide, [](OpBuilder &builder, Location loc, ValueRange elements) {
    Body body{builder, loc};
    return body.exp(elements[0]);
  });
  SmallVector<Operand> parts{isLog ? shift : exponentials};
  Value total = node.reduce(
      exponentials, dim, /*keep=*/true, wide, Scalar::ofFloat(0),
      [](OpBuilder &builder, Location loc, Value acc, Value element) { return Body{builder, loc}.add(acc, element); });
  parts.push_back(total);
  // Where all is −∞ nothing depends on the operand.
  if (isSafe)
    parts.push_back(self);
  Value result = node.elementwise(parts, wide, type, [](OpBuilder &builder, Location loc, ValueRange elements) {
    Body body{builder, loc};
    if (isLog)
      return body.sub(elements[0], body.make<math::LogOp>(elements[1]));
    Value share = body.div(elements[0], elements[1]);
    return isSafe ? body.select(body.compare(Body::Compare::Equal, elements[2], -INFINITY), 0, share) : share;
  });
  return node.result(node.reshape(result, shape));
}

} // namespace

void registerNormOperators(OperatorTable &table) {
  table.add("aten.layer_norm.default", layerNorm);
  table.add("aten.native_layer_norm.default", nativeLayerNorm);
  table.add("aten.rms_norm.default", rmsNorm);
  table.add({"aten.softmax.int", "aten._softmax.default"}, softmax<false>);
  table.add("aten._safe_softmax.default", softmax<false, /*isSafe=*/true>);
  table.add({"aten.log_softmax.int", "aten._log_softmax.default"}, softmax<true>);
}

} // namespace raddle::import
