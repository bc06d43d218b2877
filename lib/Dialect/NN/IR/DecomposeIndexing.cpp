// Decompositions of lookups by index: embedding, gather, scatter, and the gradient of embedding.
#include "Rows.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "raddle/Dialect/NN/IR/NNOps.h"
#include "raddle/Utils/LinalgBuilders.h"

using namespace mlir;
using namespace raddle;
using namespace raddle::nn;

FailureOr<SmallVector<Value>> EmbeddingOp::decomposeOperation(OpBuilder &builder) {
  return SmallVector<Value>{buildGatherRows(builder, getLoc(), getTable(), getIndices())};
}

FailureOr<SmallVector<Value>> EmbeddingGradOp::decomposeOperation(OpBuilder &builder) {
  Location loc = getLoc();
  auto type = cast<RankedTensorType>(getTableGrad().getType());
  int64_t positions = cast<RankedTensorType>(getIndices().getType()).getNumElements();
  Value indices = buildReshape(builder, loc, getIndices(), {positions});
  Value rows = buildReshape(builder, loc, getOutGrad(), {positions, type.getDimSize(1)});
  Value zeros = buildFilled(builder, loc, type, 0.0);
  Value sum = buildScatterRows(builder, loc, zeros, indices, rows,
                               [&](OpBuilder &body, Location bodyLoc, Value row, Value old, Value update) -> Value {
                                 Value result = arith::AddFOp::create(body, bodyLoc, old, update);
                                 if (!getPaddingIndex())
                                   return result;
                                 Value padding = arith::ConstantIndexOp::create(body, bodyLoc, *getPaddingIndex());
                                 Value skip =
                                     arith::CmpIOp::create(body, bodyLoc, arith::CmpIPredicate::eq, row, padding);
                                 return arith::SelectOp::create(body, bodyLoc, skip, old, result);
                               });
  return SmallVector<Value>{sum};
}

/// `index` itself where it equals `ignored`, `otherwise` elsewhere, as i64.
static Value keepIgnored(const Scalars &s, Value index, int64_t ignored, Value otherwise) {
  Type type = otherwise.getType();
  if (index.getType() != type)
    index = arith::ExtSIOp::create(s.builder, s.loc, type, index);
  Value number = arith::ConstantOp::create(s.builder, s.loc, s.builder.getIntegerAttr(type, ignored));
  Value isIgnored = arith::CmpIOp::create(s.builder, s.loc, arith::CmpIPredicate::eq, index, number);
  return s.select(isIgnored, index, otherwise);
}

FailureOr<SmallVector<Value>> CheckedIndexOp::decomposeOperation(OpBuilder &builder) {
  int64_t size = static_cast<int64_t>(getSize());
  Value out =
      buildElementwise(builder, getLoc(), cast<RankedTensorType>(getOut().getType()), {getIndices()}, {},
                       [&](const Scalars &s, ValueRange args) -> Value {
                         Value index = args[0];
                         if (getFromEnd()) {
                           index = arith::IndexCastOp::create(s.builder, s.loc, s.builder.getIndexType(), index);
                           Value zero = arith::ConstantIndexOp::create(s.builder, s.loc, 0);
                           Value negative =
                               arith::CmpIOp::create(s.builder, s.loc, arith::CmpIPredicate::slt, index, zero);
                           Value fromStart = s.add(index, arith::ConstantIndexOp::create(s.builder, s.loc, size));
                           index = s.select(negative, fromStart, index);
                         }
                         Value inside = arith::IndexCastOp::create(s.builder, s.loc, s.builder.getI64Type(),
                                                                   clampIndex(s.builder, s.loc, index, size));
                         return getIgnoreIndex() ? keepIgnored(s, args[0], *getIgnoreIndex(), inside) : inside;
                       });
  return SmallVector<Value>{out};
}

FailureOr<SmallVector<Value>> GatherRowsOp::decomposeOperation(OpBuilder &builder) {
  return SmallVector<Value>{buildGatherRows(builder, getLoc(), getTable(), getIndices())};
}

static Value combineRows(OpBuilder &builder, Location loc, ScatterKind kind, Value old, Value update) {
  bool isFloat = isa<FloatType>(old.getType()), isBool = old.getType().isInteger(1);
  auto make = [&](auto floatOp, auto boolOp, auto intOp) -> Value {
    if (isFloat)
      return decltype(floatOp)::create(builder, loc, old, update);
    if (isBool)
      return decltype(boolOp)::create(builder, loc, old, update);
    return decltype(intOp)::create(builder, loc, old, update);
  };
  switch (kind) {
  case ScatterKind::Set:
    return update;
  case ScatterKind::Add:
    return make(arith::AddFOp(), arith::OrIOp(), arith::AddIOp());
  case ScatterKind::Mul:
    return make(arith::MulFOp(), arith::AndIOp(), arith::MulIOp());
  case ScatterKind::Max:
    return make(arith::MaximumFOp(), arith::OrIOp(), arith::MaxSIOp());
  case ScatterKind::Min:
    return make(arith::MinimumFOp(), arith::AndIOp(), arith::MinSIOp());
  }
  llvm_unreachable("all kinds are handled");
}

FailureOr<SmallVector<Value>> ScatterRowsOp::decomposeOperation(OpBuilder &builder) {
  return SmallVector<Value>{buildScatterRows(builder, getLoc(), getTarget(), getIndices(), getUpdates(),
                                             [&](OpBuilder &body, Location loc, Value, Value old, Value update) {
                                               return combineRows(body, loc, getKind(), old, update);
                                             })};
}
