// Decompositions and gradients of products of groups of rows.
#include "raddle/Dialect/MoE/IR/MoEOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "raddle/Utils/LinalgBuilders.h"

using namespace mlir;
using namespace raddle;
using namespace raddle::moe;

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

/// For each row its group: the number of offsets that are not behind it. As many as there are groups for rows of none.
static Value buildGroupOfRows(OpBuilder &builder, Location loc, Value offsets, int64_t rows) {
  auto type = RankedTensorType::get({rows}, builder.getI64Type());
  MLIRContext *context = builder.getContext();
  return buildReduction(builder, loc, type, {offsets}, {projection(context, 2, {1})}, projection(context, 2, {0}), 0.0,
                        [](const Scalars &s, ValueRange args) {
                          Value row = s.position(0, args[0].getType());
                          Value passed =
                              arith::CmpIOp::create(s.builder, s.loc, arith::CmpIPredicate::sle, args[0], row);
                          Value one = s.constant(args[1].getType(), 1.0), zero = s.constant(args[1].getType(), 0.0);
                          return s.add(args[1], s.select(passed, one, zero));
                        });
}

/// A row's group as an index, inside the groups, and whether it has one.
static std::pair<Value, Value> groupIndex(OpBuilder &builder, Location loc, Value group, int64_t groups) {
  Value index = arith::IndexCastOp::create(builder, loc, builder.getIndexType(), group);
  Value count = arith::ConstantIndexOp::create(builder, loc, groups);
  Value exists = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::slt, index, count);
  Value last = arith::ConstantIndexOp::create(builder, loc, groups - 1);
  return {arith::MinSIOp::create(builder, loc, index, last), exists};
}

FailureOr<SmallVector<Value>> GroupedMatmulOp::decomposeOperation(OpBuilder &builder) {
  MLIRContext *context = builder.getContext();
  RankedTensorType out = typeOf(getOut());
  int64_t rows = out.getDimSize(0), groups = typeOf(getRhs()).getDimSize(0);
  Type type = sumType(out.getElementType());
  Value group = buildGroupOfRows(builder, getLoc(), getOffsets(), rows);
  // The innermost loop is the one in which the group's matrix lies contiguously.
  int64_t column = getTransposed() ? 1 : 2, inner = getTransposed() ? 2 : 1;
  SmallVector<AffineMap> maps{projection(context, 3, {0, inner}), projection(context, 3, {0})};
  // Every loop's extent has to come from an operand: that of the columns comes from the result.
  Value sum = buildReduction(builder, getLoc(), RankedTensorType::get(out.getShape(), type), {getLhs(), group}, maps,
                             projection(context, 3, {0, column}), 0.0, [&](const Scalars &s, ValueRange args) -> Value {
                               auto [index, exists] = groupIndex(s.builder, s.loc, args[1], groups);
                               SmallVector<Value> place{index};
                               for (int64_t loop : {1, 2})
                                 place.push_back(linalg::IndexOp::create(s.builder, s.loc, loop));
                               Value factor = tensor::ExtractOp::create(s.builder, s.loc, getRhs(), place);
                               Value product = s.mul(s.castFloat(args[0], type), s.castFloat(factor, type));
                               return s.add(args[2], s.select(exists, product, s.constant(type, 0.0)));
                             });
  return SmallVector<Value>{buildCast(builder, getLoc(), sum, out.getElementType())};
}

FailureOr<SmallVector<Value>> GroupedOuterOp::decomposeOperation(OpBuilder &builder) {
  Location loc = getLoc();
  RankedTensorType out = typeOf(getOut());
  int64_t rows = typeOf(getLhs()).getDimSize(0), groups = out.getDimSize(0), width = out.getDimSize(2);
  Type type = sumType(out.getElementType());
  Value group = buildGroupOfRows(builder, loc, getOffsets(), rows);
  auto constant = [&](int64_t value) -> Value { return arith::ConstantIndexOp::create(builder, loc, value); };
  auto sumsType = RankedTensorType::get(out.getShape(), type), rowType = RankedTensorType::get({width}, type);
  OpFoldResult one = builder.getIndexAttr(1), zero = builder.getIndexAttr(0), all = builder.getIndexAttr(width);

  // Row k of each group's matrix after the other, so that the row that is added to stays in the cache.
  auto addRow = [&](OpBuilder &nested, Value k, Value m, Value sums) -> Value {
    Value found = tensor::ExtractOp::create(nested, loc, group, m);
    auto [index, exists] = groupIndex(nested, loc, found, groups);
    Value factor = tensor::ExtractOp::create(nested, loc, getLhs(), ValueRange{m, k});
    Value row = tensor::ExtractSliceOp::create(nested, loc, tensorLike(getRhs(), {width}), getRhs(),
                                               SmallVector<OpFoldResult>{m, zero}, SmallVector<OpFoldResult>{one, all},
                                               SmallVector<OpFoldResult>{one, one});
    SmallVector<OpFoldResult> offsets{index, k, zero}, sizes{one, one, all}, strides(3, one);
    Value old = tensor::ExtractSliceOp::create(nested, loc, rowType, sums, offsets, sizes, strides);
    AffineMap identity = nested.getMultiDimIdentityMap(1);
    auto added = linalg::GenericOp::create(
        nested, loc, TypeRange{rowType}, ValueRange{row}, ValueRange{old}, ArrayRef<AffineMap>{identity, identity},
        ArrayRef<utils::IteratorType>{utils::IteratorType::parallel},
        [&, exists = exists](OpBuilder &body, Location bodyLoc, ValueRange args) {
          Scalars s{body, bodyLoc};
          Value product = s.mul(s.castFloat(factor, type), s.castFloat(args[0], type));
          linalg::YieldOp::create(body, bodyLoc, s.select(exists, s.add(args[1], product), args[1]));
        });
    return tensor::InsertSliceOp::create(nested, loc, added.getResult(0), sums, offsets, sizes, strides);
  };
  auto loop = scf::ForOp::create(builder, loc, constant(0), constant(out.getDimSize(1)), constant(1),
                                 ValueRange{buildFilled(builder, loc, sumsType, 0.0)},
                                 [&](OpBuilder &outer, Location, Value k, ValueRange carried) {
                                   auto walk = scf::ForOp::create(
                                       outer, loc, constant(0), constant(rows), constant(1), carried,
                                       [&](OpBuilder &inner, Location, Value m, ValueRange sums) {
                                         scf::YieldOp::create(inner, loc, addRow(inner, k, m, sums[0]));
                                       });
                                   scf::YieldOp::create(outer, loc, walk.getResults());
                                 });
  return SmallVector<Value>{buildCast(builder, loc, loop.getResult(0), out.getElementType())};
}

LogicalResult GroupedMatmulOp::buildBackward(OpBuilder &builder, ValueRange resultGrads, ArrayRef<bool> wanted,
                                             SmallVectorImpl<Value> &operandGrads) {
  Value grad = resultGrads[0];
  if (wanted[0])
    operandGrads[0] = GroupedMatmulOp::create(builder, getLoc(), getLhs().getType(), grad, getRhs(), getOffsets(),
                                              getTransposed() ? UnitAttr() : builder.getUnitAttr());
  if (wanted[1]) {
    Value rows = getTransposed() ? grad : getLhs(), columns = getTransposed() ? getLhs() : grad;
    operandGrads[1] = GroupedOuterOp::create(builder, getLoc(), getRhs().getType(), rows, columns, getOffsets());
  }
  return success();
}

LogicalResult GroupedOuterOp::buildBackward(OpBuilder &builder, ValueRange resultGrads, ArrayRef<bool> wanted,
                                            SmallVectorImpl<Value> &operandGrads) {
  Value grad = resultGrads[0];
  if (wanted[0])
    operandGrads[0] = GroupedMatmulOp::create(builder, getLoc(), getLhs().getType(), getRhs(), grad, getOffsets(),
                                              builder.getUnitAttr());
  if (wanted[1])
    operandGrads[1] =
        GroupedMatmulOp::create(builder, getLoc(), getRhs().getType(), getLhs(), grad, getOffsets(), UnitAttr());
  return success();
}
