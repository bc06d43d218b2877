// Decompositions of cross-entropy and its gradient, and of barriers.
#include "raddle/Dialect/NN/IR/NNOps.h"

#include "Rows.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "raddle/Utils/LinalgBuilders.h"
#include <limits>

using namespace mlir;
using namespace raddle;
using namespace raddle::nn;

FailureOr<SmallVector<Value>> DetachOp::decomposeOperation(OpBuilder &) { return SmallVector<Value>{getInput()}; }
FailureOr<SmallVector<Value>> RankMeanOp::decomposeOperation(OpBuilder &) { return SmallVector<Value>{getInput()}; }

/// Whether a label counts.
static Value isCounted(const Scalars &s, Value label, int64_t ignoreIndex) {
  Value ignored = arith::ConstantOp::create(s.builder, s.loc, s.builder.getIntegerAttr(label.getType(), ignoreIndex));
  return arith::CmpIOp::create(s.builder, s.loc, arith::CmpIPredicate::ne, label, ignored);
}

/// Whether the class of loop 1, one of `classes`, is the label's, which is one of them or does not count. 32 bits
/// suffice for all classes that fit: twice as many are compared at once.
static Value isLabel(const Scalars &s, Value label, int64_t classes) {
  if (label.getType().isInteger(64) && classes <= std::numeric_limits<int32_t>::max())
    label = arith::TruncIOp::create(s.builder, s.loc, s.builder.getI32Type(), label);
  return arith::CmpIOp::create(s.builder, s.loc, arith::CmpIPredicate::eq, s.position(1, label.getType()), label);
}

/// The logit of each row's label, of some class where the label does not count.
static Value buildTargets(OpBuilder &builder, Location loc, RankedTensorType rowType, Value logits, Value labels) {
  int64_t classes = cast<RankedTensorType>(logits.getType()).getDimSize(1);
  return buildElementwise(builder, loc, rowType, {labels}, {}, [&](const Scalars &s, ValueRange args) -> Value {
    Value row = linalg::IndexOp::create(s.builder, s.loc, 0);
    Value label = clampIndex(s.builder, s.loc, args[0], classes);
    return tensor::ExtractOp::create(s.builder, s.loc, logits, ValueRange{row, label});
  });
}

FailureOr<SmallVector<Value>> CrossEntropyOp::decomposeOperation(OpBuilder &builder) {
  Location loc = getLoc();
  MLIRContext *context = builder.getContext();
  auto rowType = cast<RankedTensorType>(getLse().getType());
  auto scalarType = cast<RankedTensorType>(getLossSum().getType());
  AffineMap full = builder.getMultiDimIdentityMap(2), row = projection(context, 2, {0});
  AffineMap vector = builder.getMultiDimIdentityMap(1), scalar = projection(context, 1, {});
  int64_t ignoreIndex = static_cast<int64_t>(getIgnoreIndex());

  Value max =
      buildReduction(builder, loc, rowType, {getLogits()}, {full}, row, -std::numeric_limits<double>::infinity(),
                     [](const Scalars &s, ValueRange args) { return s.max(args[1], args[0]); });
  Value sum =
      buildReduction(builder, loc, rowType, {getLogits(), max}, {full, row}, row, 0.0,
                     [](const Scalars &s, ValueRange args) { return s.add(args[2], s.exp(s.sub(args[0], args[1]))); });
  Value lse = buildElementwise(builder, loc, rowType, {max, sum}, {},
                               [](const Scalars &s, ValueRange args) { return s.add(args[0], s.log(args[1])); });
  Value target = buildTargets(builder, loc, rowType, getLogits(), getLabels());
  Value lossSum = buildReduction(builder, loc, scalarType, {lse, target, getLabels()}, {vector, vector, vector}, scalar,
                                 0.0, [&](const Scalars &s, ValueRange args) {
                                   Value zero = s.constantLike(args[0], 0.0);
                                   Value loss = s.sub(args[0], args[1]);
                                   return s.add(args[3], s.select(isCounted(s, args[2], ignoreIndex), loss, zero));
                                 });
  Value count = buildReduction(builder, loc, scalarType, {getLabels()}, {vector}, scalar, 0.0,
                               [&](const Scalars &s, ValueRange args) {
                                 Value one = s.constantLike(args[1], 1.0), zero = s.constantLike(args[1], 0.0);
                                 return s.add(args[1], s.select(isCounted(s, args[0], ignoreIndex), one, zero));
                               });
  return SmallVector<Value>{lossSum, count, lse};
}

FailureOr<SmallVector<Value>> CrossEntropyGradOp::decomposeOperation(OpBuilder &builder) {
  MLIRContext *context = builder.getContext();
  AffineMap full = builder.getMultiDimIdentityMap(2), row = projection(context, 2, {0});
  int64_t ignoreIndex = static_cast<int64_t>(getIgnoreIndex());
  int64_t classes = cast<RankedTensorType>(getLogits().getType()).getDimSize(1);
  Value result =
      buildElementwise(builder, getLoc(), cast<RankedTensorType>(getLogits().getType()),
                       {getLogits(), getLabels(), getLse(), getLossGrad()},
                       {full, row, row, projection(context, 2, {})}, [&](const Scalars &s, ValueRange args) {
                         Value zero = s.constantLike(args[0], 0.0), one = s.constantLike(args[0], 1.0);
                         Value probability = s.exp(s.sub(args[0], args[2]));
                         Value difference = s.sub(probability, s.select(isLabel(s, args[1], classes), one, zero));
                         return s.select(isCounted(s, args[1], ignoreIndex), s.mul(args[3], difference), zero);
                       });
  return SmallVector<Value>{result};
}
