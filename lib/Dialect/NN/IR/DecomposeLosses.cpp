// Decompositions of embedding, cross-entropy and their gradients.
#include "raddle/Dialect/NN/IR/NNOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "raddle/Utils/LinalgBuilders.h"

using namespace mlir;
using namespace raddle;
using namespace raddle::nn;

FailureOr<SmallVector<Value>> DetachOp::decomposeOperation(OpBuilder &) { return SmallVector<Value>{getInput()}; }

/// `index` as an index inside [0, size): a run-time check reports what is outside, this keeps the access in bounds.
static Value clampIndex(OpBuilder &builder, Location loc, Value index, int64_t size) {
  Value position = arith::IndexCastOp::create(builder, loc, builder.getIndexType(), index);
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  Value last = arith::ConstantIndexOp::create(builder, loc, size - 1);
  return arith::MinSIOp::create(builder, loc, arith::MaxSIOp::create(builder, loc, position, zero), last);
}

FailureOr<SmallVector<Value>> EmbeddingOp::decomposeOperation(OpBuilder &builder) {
  auto type = cast<RankedTensorType>(getOut().getType());
  int64_t rank = type.getRank(), size = cast<RankedTensorType>(getTable().getType()).getDimSize(0);
  SmallVector<int64_t> positions = llvm::to_vector(llvm::seq<int64_t>(0, rank - 1));
  Value out =
      buildElementwise(builder, getLoc(), type, {getIndices()}, {projection(builder.getContext(), rank, positions)},
                       [&](const Scalars &s, ValueRange args) -> Value {
                         Value row = clampIndex(s.builder, s.loc, args[0], size);
                         Value column = linalg::IndexOp::create(s.builder, s.loc, rank - 1);
                         return tensor::ExtractOp::create(s.builder, s.loc, getTable(), ValueRange{row, column});
                       });
  return SmallVector<Value>{out};
}

FailureOr<SmallVector<Value>> EmbeddingGradOp::decomposeOperation(OpBuilder &builder) {
  Location loc = getLoc();
  auto type = cast<RankedTensorType>(getTableGrad().getType());
  int64_t size = type.getDimSize(0), width = type.getDimSize(1);
  int64_t positions = cast<RankedTensorType>(getIndices().getType()).getNumElements();
  Value indices = buildReshape(builder, loc, getIndices(), {positions});
  Value rows = buildReshape(builder, loc, getOutGrad(), {positions, width});
  Value zeros = buildFilled(builder, loc, type, 0.0);
  Value lower = arith::ConstantIndexOp::create(builder, loc, 0);
  Value upper = arith::ConstantIndexOp::create(builder, loc, positions);
  Value step = arith::ConstantIndexOp::create(builder, loc, 1);
  RankedTensorType rowType = tensorLike(rows, {width});
  OpFoldResult one = builder.getIndexAttr(1), widthAttr = builder.getIndexAttr(width), zero = builder.getIndexAttr(0);

  // One position after the other: equal indices meet in this order whatever the number of threads.
  auto loop = scf::ForOp::create(
      builder, loc, lower, upper, step, ValueRange{zeros},
      [&](OpBuilder &nested, Location nestedLoc, Value position, ValueRange carried) {
        Value index = tensor::ExtractOp::create(nested, nestedLoc, indices, position);
        Value target = clampIndex(nested, nestedLoc, index, size);
        SmallVector<OpFoldResult> sizes{one, widthAttr}, strides{one, one};
        Value added = tensor::ExtractSliceOp::create(nested, nestedLoc, rowType, rows,
                                                     SmallVector<OpFoldResult>{position, zero}, sizes, strides);
        SmallVector<OpFoldResult> offsets{target, zero};
        Value old = tensor::ExtractSliceOp::create(nested, nestedLoc, rowType, carried[0], offsets, sizes, strides);
        AffineMap identity = nested.getMultiDimIdentityMap(1);
        auto sum = linalg::GenericOp::create(
            nested, nestedLoc, TypeRange{rowType}, ValueRange{added}, ValueRange{old},
            ArrayRef<AffineMap>{identity, identity}, ArrayRef<utils::IteratorType>{utils::IteratorType::parallel},
            [&](OpBuilder &body, Location bodyLoc, ValueRange args) {
              Value result = arith::AddFOp::create(body, bodyLoc, args[1], args[0]);
              if (getPaddingIndex()) {
                Value padding = arith::ConstantIndexOp::create(body, bodyLoc, *getPaddingIndex());
                Value skip = arith::CmpIOp::create(body, bodyLoc, arith::CmpIPredicate::eq, target, padding);
                result = arith::SelectOp::create(body, bodyLoc, skip, args[1], result);
              }
              linalg::YieldOp::create(body, bodyLoc, result);
            });
        Value inserted =
            tensor::InsertSliceOp::create(nested, nestedLoc, sum.getResult(0), carried[0], offsets, sizes, strides);
        scf::YieldOp::create(nested, nestedLoc, inserted);
      });
  return SmallVector<Value>{loop.getResult(0)};
}

/// Whether a label counts.
static Value isCounted(const Scalars &s, Value label, int64_t ignoreIndex) {
  Value ignored = arith::ConstantOp::create(s.builder, s.loc, s.builder.getIntegerAttr(label.getType(), ignoreIndex));
  return arith::CmpIOp::create(s.builder, s.loc, arith::CmpIPredicate::ne, label, ignored);
}

/// Whether the class of loop 1 is the label's.
static Value isLabel(const Scalars &s, Value label) {
  return arith::CmpIOp::create(s.builder, s.loc, arith::CmpIPredicate::eq, s.position(1, label.getType()), label);
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
  Value target = buildReduction(builder, loc, rowType, {getLogits(), getLabels()}, {full, row}, row, 0.0,
                                [](const Scalars &s, ValueRange args) {
                                  Value zero = s.constantLike(args[0], 0.0);
                                  return s.add(args[2], s.select(isLabel(s, args[1]), args[0], zero));
                                });
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
  Value result =
      buildElementwise(builder, getLoc(), cast<RankedTensorType>(getLogits().getType()),
                       {getLogits(), getLabels(), getLse(), getLossGrad()},
                       {full, row, row, projection(context, 2, {})}, [&](const Scalars &s, ValueRange args) {
                         Value zero = s.constantLike(args[0], 0.0), one = s.constantLike(args[0], 1.0);
                         Value probability = s.exp(s.sub(args[0], args[2]));
                         Value difference = s.sub(probability, s.select(isLabel(s, args[1]), one, zero));
                         return s.select(isCounted(s, args[1], ignoreIndex), s.mul(args[3], difference), zero);
                       });
  return SmallVector<Value>{result};
}
