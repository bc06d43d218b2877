#include "raddle/Utils/LinalgBuilders.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/ReshapeOpsUtils.h"
#include "llvm/ADT/SmallVectorExtras.h"

using namespace mlir;

namespace raddle {

Value buildScalarConstant(OpBuilder &builder, Location loc, Type type, double value) {
  if (auto floatType = dyn_cast<FloatType>(type))
    return arith::ConstantOp::create(builder, loc, builder.getFloatAttr(floatType, value));
  return arith::ConstantOp::create(builder, loc, builder.getIntegerAttr(type, static_cast<int64_t>(value)));
}

Value Scalars::constant(Type type, double value) const { return buildScalarConstant(builder, loc, type, value); }

Value Scalars::add(Value a, Value b) const {
  if (isa<FloatType>(a.getType()))
    return arith::AddFOp::create(builder, loc, a, b);
  return arith::AddIOp::create(builder, loc, a, b);
}
Value Scalars::sub(Value a, Value b) const {
  if (isa<FloatType>(a.getType()))
    return arith::SubFOp::create(builder, loc, a, b);
  return arith::SubIOp::create(builder, loc, a, b);
}
Value Scalars::mul(Value a, Value b) const {
  if (isa<FloatType>(a.getType()))
    return arith::MulFOp::create(builder, loc, a, b);
  return arith::MulIOp::create(builder, loc, a, b);
}
Value Scalars::div(Value a, Value b) const { return arith::DivFOp::create(builder, loc, a, b); }
Value Scalars::neg(Value a) const { return arith::NegFOp::create(builder, loc, a); }
Value Scalars::max(Value a, Value b) const { return arith::MaximumFOp::create(builder, loc, a, b); }
Value Scalars::exp(Value a) const { return math::ExpOp::create(builder, loc, a); }
Value Scalars::log(Value a) const { return math::LogOp::create(builder, loc, a); }
Value Scalars::sqrt(Value a) const { return math::SqrtOp::create(builder, loc, a); }
Value Scalars::rsqrt(Value a) const { return math::RsqrtOp::create(builder, loc, a); }
Value Scalars::select(Value condition, Value a, Value b) const {
  return arith::SelectOp::create(builder, loc, condition, a, b);
}
Value Scalars::castFloat(Value a, Type type) const {
  if (a.getType() == type)
    return a;
  if (a.getType().getIntOrFloatBitWidth() < type.getIntOrFloatBitWidth())
    return arith::ExtFOp::create(builder, loc, type, a);
  return arith::TruncFOp::create(builder, loc, type, a);
}
Value Scalars::position(int64_t dimension, Type type) const {
  Value index = linalg::IndexOp::create(builder, loc, dimension);
  return arith::IndexCastOp::create(builder, loc, type, index);
}

Value buildFilled(OpBuilder &builder, Location loc, RankedTensorType type, double value) {
  Value empty = tensor::EmptyOp::create(builder, loc, type.getShape(), type.getElementType());
  Value scalar = buildScalarConstant(builder, loc, type.getElementType(), value);
  return linalg::FillOp::create(builder, loc, scalar, empty).getResult(0);
}

AffineMap projection(MLIRContext *context, unsigned rank, ArrayRef<int64_t> dims) {
  SmallVector<AffineExpr> results;
  for (int64_t dim : dims)
    results.push_back(getAffineDimExpr(dim, context));
  return AffineMap::get(rank, 0, results, context);
}

/// Yields what `body` makes of the block's arguments; `withAccumulator` says whether it may see the last one.
static void fillBody(OpBuilder &builder, Location loc, ValueRange arguments, bool withAccumulator, BodyBuilder body) {
  Scalars scalars{builder, loc};
  Value result = body(scalars, withAccumulator ? arguments : arguments.drop_back());
  linalg::YieldOp::create(builder, loc, result);
}

Value buildElementwise(OpBuilder &builder, Location loc, RankedTensorType type, ValueRange inputs,
                       ArrayRef<AffineMap> maps, BodyBuilder body) {
  AffineMap identity = builder.getMultiDimIdentityMap(type.getRank());
  SmallVector<AffineMap> allMaps(maps.begin(), maps.end());
  if (allMaps.empty())
    allMaps.assign(inputs.size(), identity);
  allMaps.push_back(identity);
  SmallVector<utils::IteratorType> iterators(type.getRank(), utils::IteratorType::parallel);
  Value empty = tensor::EmptyOp::create(builder, loc, type.getShape(), type.getElementType());
  return linalg::GenericOp::create(builder, loc, TypeRange{type}, inputs, ValueRange{empty}, allMaps, iterators,
                                   [&](OpBuilder &nested, Location nestedLoc, ValueRange args) {
                                     fillBody(nested, nestedLoc, args, /*withAccumulator=*/false, body);
                                   })
      .getResult(0);
}

Value buildReduction(OpBuilder &builder, Location loc, RankedTensorType type, ValueRange inputs,
                     ArrayRef<AffineMap> maps, AffineMap outputMap, double init, BodyBuilder body) {
  SmallVector<utils::IteratorType> iterators(outputMap.getNumDims(), utils::IteratorType::reduction);
  for (AffineExpr result : outputMap.getResults())
    if (auto dim = dyn_cast<AffineDimExpr>(result))
      iterators[dim.getPosition()] = utils::IteratorType::parallel;
  SmallVector<AffineMap> allMaps(maps.begin(), maps.end());
  allMaps.push_back(outputMap);
  Value filled = buildFilled(builder, loc, type, init);
  return linalg::GenericOp::create(builder, loc, TypeRange{type}, inputs, ValueRange{filled}, allMaps, iterators,
                                   [&](OpBuilder &nested, Location nestedLoc, ValueRange args) {
                                     fillBody(nested, nestedLoc, args, /*withAccumulator=*/true, body);
                                   })
      .getResult(0);
}

Type sumType(Type element) {
  return element.getIntOrFloatBitWidth() < 32 ? Type(Float32Type::get(element.getContext())) : element;
}

Value buildCast(OpBuilder &builder, Location loc, Value value, Type element) {
  auto type = cast<RankedTensorType>(value.getType());
  if (type.getElementType() == element)
    return value;
  return buildElementwise(builder, loc, RankedTensorType::get(type.getShape(), element), {value}, {},
                          [&](const Scalars &s, ValueRange args) { return s.castFloat(args[0], element); });
}

Value buildContraction(OpBuilder &builder, Location loc, RankedTensorType type, Value lhs, Value rhs, AffineMap lhsMap,
                       AffineMap rhsMap, AffineMap outputMap) {
  return buildReduction(builder, loc, type, {lhs, rhs}, {lhsMap, rhsMap}, outputMap, 0.0,
                        [&](const Scalars &s, ValueRange args) {
                          Type element = type.getElementType();
                          return s.add(args[2], s.mul(s.castFloat(args[0], element), s.castFloat(args[1], element)));
                        });
}

/// Cuts two shapes of the same number of elements into the shortest runs of dimensions with equal products.
static void commonGroups(ArrayRef<int64_t> from, ArrayRef<int64_t> to,
                         SmallVectorImpl<ReassociationIndices> &fromGroups,
                         SmallVectorImpl<ReassociationIndices> &toGroups) {
  size_t i = 0, j = 0;
  while (i < from.size() && j < to.size()) {
    ReassociationIndices left{int64_t(i)}, right{int64_t(j)};
    int64_t leftSize = from[i++], rightSize = to[j++];
    while (leftSize != rightSize) {
      if (leftSize < rightSize) {
        left.push_back(i);
        leftSize *= from[i++];
      } else {
        right.push_back(j);
        rightSize *= to[j++];
      }
    }
    fromGroups.push_back(left);
    toGroups.push_back(right);
  }
  // What is left on one side has size 1.
  for (; i < from.size(); ++i)
    fromGroups.back().push_back(i);
  for (; j < to.size(); ++j)
    toGroups.back().push_back(j);
}

Value buildReshape(OpBuilder &builder, Location loc, Value value, ArrayRef<int64_t> shape) {
  auto from = cast<RankedTensorType>(value.getType()), to = tensorLike(value, shape);
  if (from == to)
    return value;
  if (to.getNumElements() == 0)
    return buildFilled(builder, loc, to, 0.0);
  if (to.getRank() == 0)
    return tensor::CollapseShapeOp::create(builder, loc, to, value, ArrayRef<ReassociationIndices>{});
  if (from.getRank() == 0)
    return tensor::ExpandShapeOp::create(builder, loc, to, value, ArrayRef<ReassociationIndices>{});
  SmallVector<ReassociationIndices> fromGroups, toGroups;
  commonGroups(from.getShape(), shape, fromGroups, toGroups);
  if (fromGroups.size() < size_t(from.getRank())) {
    auto collapsed = llvm::map_to_vector(fromGroups, [&](const ReassociationIndices &group) {
      int64_t size = 1;
      for (int64_t dim : group)
        size *= from.getDimSize(dim);
      return size;
    });
    value = tensor::CollapseShapeOp::create(builder, loc, tensorLike(value, collapsed), value, fromGroups);
  }
  if (toGroups.size() < size_t(to.getRank()))
    value = tensor::ExpandShapeOp::create(builder, loc, to, value, toGroups);
  return value;
}

Value buildSum(OpBuilder &builder, Location loc, Value a, Value b) {
  return buildElementwise(builder, loc, cast<RankedTensorType>(a.getType()), {a, b}, {},
                          [](const Scalars &s, ValueRange args) { return s.add(args[0], args[1]); });
}

RankedTensorType tensorLike(Value like, ArrayRef<int64_t> shape) {
  return RankedTensorType::get(shape, cast<RankedTensorType>(like.getType()).getElementType());
}

} // namespace raddle
