// Decomposition of attention and of its gradient.
//
// Loops are (b, g, r, s, t): batch, key head, query head of that key head, query position, key position. Query heads
// that share a key head are a view [B, G, R, S, D] of the query, so that r and s are one dimension of a matrix product.
#include "raddle/Dialect/NN/IR/NNOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "raddle/Utils/LinalgBuilders.h"

using namespace mlir;
using namespace raddle;
using namespace raddle::nn;

namespace {

enum Loop : int64_t { B, G, R, S, T, Inner };

/// Shapes, operands and maps shared by the forward and the backward decomposition.
class AttentionBuilder {
public:
  AttentionBuilder(OpBuilder &builder, Location loc, Value query, Value key, Value value, Value mask, double scale,
                   bool causal)
      : builder(builder), loc(loc), key(key), value(value), scale(scale), causal(causal) {
    ArrayRef<int64_t> q = shape(query);
    batch = q[0], groups = shape(key)[1], repeat = groups ? q[1] / groups : 0, queries = q[2], keys = shape(key)[2];
    this->query = splitHeads(query);
    if (mask)
      addMask(mask);
  }

  /// View of [B, H, ...] as [B, G, R, ...].
  Value splitHeads(Value tensor) const {
    SmallVector<int64_t> split{batch, groups, repeat};
    llvm::append_range(split, shape(tensor).drop_front(2));
    return buildReshape(builder, loc, tensor, split);
  }

  /// Map over loops (b, g, r, s, t[, inner]) that reads `loops`.
  AffineMap map(unsigned rank, ArrayRef<int64_t> loops) const { return projection(builder.getContext(), rank, loops); }

  /// A tensor of sums: of f32 for operands of 16 bits.
  RankedTensorType sums(ArrayRef<int64_t> sumShape) const {
    return RankedTensorType::get(sumShape, sumType(elementType(query)));
  }

  /// out[outLoops] = Σ lhs[lhsLoops] * rhs[rhsLoops] over loops (b, g, r, s, t, inner).
  Value contract(Value lhs, ArrayRef<int64_t> lhsLoops, Value rhs, ArrayRef<int64_t> rhsLoops,
                 ArrayRef<int64_t> outLoops, ArrayRef<int64_t> outShape) const {
    // Number only the loops that occur, in their order, so that a unit loop is never left without a bound.
    SmallVector<int64_t> used;
    for (int64_t loop = B; loop <= Inner; ++loop)
      if (llvm::is_contained(lhsLoops, loop) || llvm::is_contained(rhsLoops, loop))
        used.push_back(loop);
    auto numbered = [&](ArrayRef<int64_t> loops) {
      SmallVector<int64_t> dims;
      for (int64_t loop : loops)
        dims.push_back(llvm::find(used, loop) - used.begin());
      return map(used.size(), dims);
    };
    return buildContraction(builder, loc, sums(outShape), lhs, rhs, numbered(lhsLoops), numbered(rhsLoops),
                            numbered(outLoops));
  }

  /// query keyᵀ, not scaled: [B, G, R, S, T].
  Value buildScores() const {
    return contract(query, {B, G, R, S, Inner}, key, {B, G, T, Inner}, {B, G, R, S, T},
                    {batch, groups, repeat, queries, keys});
  }

  /// Inputs and maps (over b, g, r, s, t) of a generic whose body calls `score` on its first elements.
  void appendScoreInputs(Value scores, SmallVectorImpl<Value> &inputs, SmallVectorImpl<AffineMap> &maps) const {
    inputs.push_back(scores);
    maps.push_back(map(5, {B, G, R, S, T}));
    if (mask) {
      inputs.push_back(mask);
      maps.push_back(maskMap);
    }
  }
  unsigned numScoreInputs() const { return mask ? 2 : 1; }

  /// scale * product + mask, −inf where causality or a boolean mask hides the key.
  Value score(const Scalars &s, ValueRange args) const {
    Value result = s.mul(args[0], s.constantLike(args[0], scale));
    Value minusInfinity = s.constantLike(result, -std::numeric_limits<double>::infinity());
    if (mask) {
      if (args[1].getType().isInteger(1)) {
        result = s.select(args[1], result, minusInfinity);
      } else {
        result = s.add(result, s.castFloat(args[1], result.getType()));
      }
    }
    if (causal) {
      Type i64 = s.builder.getI64Type();
      Value visible =
          arith::CmpIOp::create(s.builder, s.loc, arith::CmpIPredicate::sle, s.position(T, i64), s.position(S, i64));
      result = s.select(visible, result, minusInfinity);
    }
    return result;
  }

  /// exp(score − lse): [B, G, R, S, T].
  Value buildProbabilities(Value scores, Value lse) const {
    SmallVector<Value> inputs;
    SmallVector<AffineMap> maps;
    appendScoreInputs(scores, inputs, maps);
    inputs.push_back(lse);
    maps.push_back(map(5, {B, G, R, S}));
    return buildElementwise(
        builder, loc, sums({batch, groups, repeat, queries, keys}), inputs, maps,
        [&](const Scalars &s, ValueRange args) { return s.exp(s.sub(score(s, args), args.back())); });
  }

  /// Sums as a factor of a product: in the operands' type.
  Value round(Value tensor) const { return buildCast(builder, loc, tensor, elementType(query)); }

  static ArrayRef<int64_t> shape(Value value) { return cast<RankedTensorType>(value.getType()).getShape(); }
  static Type elementType(Value value) { return getElementTypeOrSelf(value); }

  OpBuilder &builder;
  Location loc;
  Value query, key, value, mask;
  AffineMap maskMap;
  double scale;
  bool causal;
  int64_t batch, groups, repeat, queries, keys;

private:
  /// Drops the mask's broadcast dimensions and splits its heads.
  void addMask(Value original) {
    ArrayRef<int64_t> m = shape(original);
    SmallVector<int64_t> kept, loops;
    auto keep = [&](int64_t extent, int64_t loop) {
      kept.push_back(extent);
      loops.push_back(loop);
    };
    if (m[0] != 1)
      keep(m[0], B);
    if (m[1] != 1) {
      keep(groups, G);
      keep(repeat, R);
    }
    if (m[2] != 1)
      keep(m[2], S);
    if (m[3] != 1)
      keep(m[3], T);
    mask = buildReshape(builder, loc, original, kept);
    maskMap = map(5, loops);
  }
};

} // namespace

FailureOr<SmallVector<Value>> AttentionOp::decomposeOperation(OpBuilder &builder) {
  Location loc = getLoc();
  AttentionBuilder attention(builder, loc, getQuery(), getKey(), getValue(), getMask(), getScale().convertToDouble(),
                             getCausal());
  int64_t batch = attention.batch, groups = attention.groups, repeat = attention.repeat, queries = attention.queries;
  RankedTensorType rowType = attention.sums({batch, groups, repeat, queries});
  AffineMap rowMap = attention.map(5, {B, G, R, S});
  double lowest =
      APFloat::getLargest(cast<FloatType>(rowType.getElementType()).getFloatSemantics(), true).convertToDouble();

  Value scores = attention.buildScores();
  SmallVector<Value> inputs;
  SmallVector<AffineMap> maps;
  attention.appendScoreInputs(scores, inputs, maps);
  // Starting from the lowest finite number keeps a row of −inf out of −inf − −inf.
  Value max =
      buildReduction(builder, loc, rowType, inputs, maps, rowMap, lowest,
                     [&](const Scalars &s, ValueRange args) { return s.max(args.back(), attention.score(s, args)); });
  inputs.push_back(max);
  maps.push_back(rowMap);
  Value sum = buildReduction(builder, loc, rowType, inputs, maps, rowMap, 0.0, [&](const Scalars &s, ValueRange args) {
    Value maxElement = args[attention.numScoreInputs()];
    return s.add(args.back(), s.exp(s.sub(attention.score(s, args), maxElement)));
  });
  Value lse = buildElementwise(builder, loc, rowType, {max, sum}, {}, [](const Scalars &s, ValueRange args) {
    Value empty =
        arith::CmpFOp::create(s.builder, s.loc, arith::CmpFPredicate::OEQ, args[1], s.constantLike(args[1], 0.0));
    Value infinity = s.constantLike(args[0], std::numeric_limits<double>::infinity());
    return s.select(empty, infinity, s.add(args[0], s.log(args[1])));
  });
  Value probabilities = attention.buildProbabilities(scores, lse);
  int64_t width = AttentionBuilder::shape(getValue())[3];
  Value out = attention.contract(attention.round(probabilities), {B, G, R, S, T}, getValue(), {B, G, T, Inner},
                                 {B, G, R, S, Inner}, {batch, groups, repeat, queries, width});
  return SmallVector<Value>{buildReshape(builder, loc, attention.round(out), AttentionBuilder::shape(getOut())),
                            buildReshape(builder, loc, lse, AttentionBuilder::shape(getLse()))};
}

/// Gradients of the probabilities, and what of them becomes that of the scores.
struct ProbabilityGradients {
  Value probabilities, outGrad, scoresGrad;
};

/// scoresGrad = factor * p ∘ (dp − Σ_e g ∘ out): [B, G, R, S, T].
template <typename Op>
static ProbabilityGradients buildScoresGrad(const AttentionBuilder &attention, Op op, double factor) {
  OpBuilder &builder = attention.builder;
  Location loc = attention.loc;
  int64_t batch = attention.batch, groups = attention.groups, repeat = attention.repeat, queries = attention.queries;
  Value lse = attention.splitHeads(op.getLse()), out = attention.splitHeads(op.getOut());
  Value outGrad = attention.splitHeads(op.getOutGrad());
  Value probabilities = attention.buildProbabilities(attention.buildScores(), lse);
  Value probabilitiesGrad = attention.contract(outGrad, {B, G, R, S, Inner}, op.getValue(), {B, G, T, Inner},
                                               {B, G, R, S, T}, {batch, groups, repeat, queries, attention.keys});
  AffineMap rowOfOut = attention.map(5, {0, 1, 2, 3}), full = attention.map(5, {0, 1, 2, 3, 4});
  Value delta = buildReduction(builder, loc, attention.sums({batch, groups, repeat, queries}), {outGrad, out},
                               {full, full}, rowOfOut, 0.0, [](const Scalars &s, ValueRange args) {
                                 Type type = args[2].getType();
                                 return s.add(args[2], s.mul(s.castFloat(args[0], type), s.castFloat(args[1], type)));
                               });
  Value scoresGrad = buildElementwise(
      builder, loc, cast<RankedTensorType>(probabilities.getType()), {probabilities, probabilitiesGrad, delta},
      {full, full, rowOfOut}, [&](const Scalars &s, ValueRange args) {
        Value product = s.mul(args[0], s.sub(args[1], args[2]));
        return factor == 1.0 ? product : s.mul(product, s.constantLike(product, factor));
      });
  return {probabilities, outGrad, scoresGrad};
}

FailureOr<SmallVector<Value>> AttentionGradOp::decomposeOperation(OpBuilder &builder) {
  AttentionBuilder attention(builder, getLoc(), getQuery(), getKey(), getValue(), getMask(),
                             getScale().convertToDouble(), getCausal());
  auto [probabilities, outGrad, scoresGrad] = buildScoresGrad(attention, *this, attention.scale);
  Value weights = attention.round(probabilities), slopes = attention.round(scoresGrad);
  Value valueGrad = attention.contract(weights, {B, G, R, S, T}, outGrad, {B, G, R, S, Inner}, {B, G, T, Inner},
                                       AttentionBuilder::shape(getValue()));
  Value queryGrad = attention.contract(slopes, {B, G, R, S, T}, getKey(), {B, G, T, Inner}, {B, G, R, S, Inner},
                                       AttentionBuilder::shape(attention.query));
  Value keyGrad = attention.contract(slopes, {B, G, R, S, T}, attention.query, {B, G, R, S, Inner}, {B, G, T, Inner},
                                     AttentionBuilder::shape(getKey()));
  queryGrad = buildReshape(builder, getLoc(), attention.round(queryGrad), AttentionBuilder::shape(getQuery()));
  return SmallVector<Value>{queryGrad, attention.round(keyGrad), attention.round(valueGrad)};
}

FailureOr<SmallVector<Value>> AttentionMaskGradOp::decomposeOperation(OpBuilder &builder) {
  AttentionBuilder attention(builder, getLoc(), getQuery(), getKey(), getValue(), getMask(),
                             getScale().convertToDouble(), getCausal());
  Value scoresGrad = buildScoresGrad(attention, *this, /*factor=*/1.0).scoresGrad;
  auto kept = cast<RankedTensorType>(attention.mask.getType());
  auto sumType = RankedTensorType::get(kept.getShape(), cast<RankedTensorType>(scoresGrad.getType()).getElementType());
  Value sum = scoresGrad;
  if (attention.maskMap.getNumResults() < attention.maskMap.getNumDims())
    sum =
        buildReduction(builder, getLoc(), sumType, {scoresGrad}, {attention.map(5, {B, G, R, S, T})}, attention.maskMap,
                       0.0, [](const Scalars &s, ValueRange args) { return s.add(args[1], args[0]); });
  sum = buildCast(builder, getLoc(), sum, kept.getElementType());
  return SmallVector<Value>{buildReshape(builder, getLoc(), sum, AttentionBuilder::shape(getMask()))};
}
