#include "Rows.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "raddle/Utils/LinalgBuilders.h"

using namespace mlir;

namespace raddle::nn {

Value clampIndex(OpBuilder &builder, Location loc, Value index, int64_t size) {
  Value position = index;
  if (!index.getType().isIndex())
    position = arith::IndexCastOp::create(builder, loc, builder.getIndexType(), index);
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  Value last = arith::ConstantIndexOp::create(builder, loc, size - 1);
  return arith::MinSIOp::create(builder, loc, arith::MaxSIOp::create(builder, loc, position, zero), last);
}

Value buildGatherRows(OpBuilder &builder, Location loc, Value table, Value indices) {
  auto tableType = cast<RankedTensorType>(table.getType());
  SmallVector<int64_t> shape(cast<RankedTensorType>(indices.getType()).getShape());
  int64_t rank = shape.size();
  shape.push_back(tableType.getDimSize(1));
  AffineMap map = projection(builder.getContext(), rank + 1, llvm::to_vector(llvm::seq<int64_t>(0, rank)));
  return buildElementwise(builder, loc, tensorLike(table, shape), {indices}, {map},
                          [&](const Scalars &s, ValueRange args) -> Value {
                            Value row = clampIndex(s.builder, s.loc, args[0], tableType.getDimSize(0));
                            Value column = linalg::IndexOp::create(s.builder, s.loc, rank);
                            return tensor::ExtractOp::create(s.builder, s.loc, table, ValueRange{row, column});
                          });
}

Value buildScatterRows(OpBuilder &builder, Location loc, Value target, Value indices, Value updates,
                       RowCombiner combine) {
  auto type = cast<RankedTensorType>(target.getType());
  int64_t width = type.getDimSize(1), positions = cast<RankedTensorType>(indices.getType()).getNumElements();
  auto constant = [&](int64_t value) -> Value { return arith::ConstantIndexOp::create(builder, loc, value); };
  RankedTensorType rowType = tensorLike(target, {width});
  OpFoldResult one = builder.getIndexAttr(1), zero = builder.getIndexAttr(0);
  SmallVector<OpFoldResult> sizes{one, builder.getIndexAttr(width)}, strides{one, one};
  auto loop = scf::ForOp::create(
      builder, loc, constant(0), constant(positions), constant(1), ValueRange{target},
      [&](OpBuilder &nested, Location nestedLoc, Value position, ValueRange carried) {
        Value index = tensor::ExtractOp::create(nested, nestedLoc, indices, position);
        Value row = clampIndex(nested, nestedLoc, index, type.getDimSize(0));
        Value update = tensor::ExtractSliceOp::create(nested, nestedLoc, rowType, updates,
                                                      SmallVector<OpFoldResult>{position, zero}, sizes, strides);
        SmallVector<OpFoldResult> offsets{row, zero};
        Value old = tensor::ExtractSliceOp::create(nested, nestedLoc, rowType, carried[0], offsets, sizes, strides);
        AffineMap identity = nested.getMultiDimIdentityMap(1);
        auto combined = linalg::GenericOp::create(
            nested, nestedLoc, TypeRange{rowType}, ValueRange{update}, ValueRange{old},
            ArrayRef<AffineMap>{identity, identity}, ArrayRef<utils::IteratorType>{utils::IteratorType::parallel},
            [&](OpBuilder &body, Location bodyLoc, ValueRange args) {
              linalg::YieldOp::create(body, bodyLoc, combine(body, bodyLoc, row, args[1], args[0]));
            });
        Value inserted = tensor::InsertSliceOp::create(nested, nestedLoc, combined.getResult(0), carried[0], offsets,
                                                       sizes, strides);
        scf::YieldOp::create(nested, nestedLoc, inserted);
      });
  return loop.getResult(0);
}

} // namespace raddle::nn
