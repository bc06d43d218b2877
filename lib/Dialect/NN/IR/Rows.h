// Reading and writing rows by index, shared by decompositions.
#ifndef RADDLE_LIB_DIALECT_NN_IR_ROWS_H
#define RADDLE_LIB_DIALECT_NN_IR_ROWS_H

#include "mlir/IR/Builders.h"

namespace raddle::nn {

/// `index` as an index inside [0, size): a run-time check reports what is outside, this keeps the access in bounds.
mlir::Value clampIndex(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value index, int64_t size);

/// table[indices[...], d], of the shape of `indices` followed by the width of `table` [V, D].
mlir::Value buildGatherRows(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value table, mlir::Value indices);

/// Combines, inside the body of an elementwise op, an element of row `row` as it is with one that is written to it.
using RowCombiner = llvm::function_ref<mlir::Value(mlir::OpBuilder &, mlir::Location, mlir::Value row, mlir::Value old,
                                                   mlir::Value update)>;

/// `target` [V, D] after each row of `updates` [N, D] has been combined with the row that `indices` [N] names. One
/// position after the other: equal indices meet in this order whatever the number of threads.
mlir::Value buildScatterRows(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value target, mlir::Value indices,
                             mlir::Value updates, RowCombiner combine);

} // namespace raddle::nn

#endif // RADDLE_LIB_DIALECT_NN_IR_ROWS_H
