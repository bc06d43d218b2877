// Structured ops that walk the same rows.
#ifndef RADDLE_UTILS_ROWLOOPS_H
#define RADDLE_UTILS_ROWLOOPS_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace raddle {

/// The loops of a structured op that move its results row by row: loop i is dimension i of every result, and every
/// operand either moves with such a loop by one element in one dimension or not at all. All are parallel. The list ends
/// where that does, and is empty for ops of dynamic shape.
llvm::SmallVector<unsigned> rowLoops(mlir::linalg::LinalgOp op);

/// The loops of an elementwise `producer` that its consumer's `loops` are when it is computed where `use` reads it;
/// nothing where one of them does not move its operands by single elements, or `use` does not walk all of it.
std::optional<llvm::SmallVector<unsigned>> loopsOfProducer(mlir::linalg::LinalgOp producer, mlir::OpOperand &use,
                                                           llvm::ArrayRef<unsigned> loops);

/// How many leading dimensions `use` walks in step with the row loops of its owner, at most `count`.
unsigned rowsInStep(mlir::OpOperand &use, llvm::ArrayRef<unsigned> loops, unsigned count);

/// How many leading row loops all ops have in common: their extents are equal, and what one computes another reads row
/// by row.
unsigned commonRows(llvm::ArrayRef<mlir::linalg::LinalgOp> ops);

/// Whether neighbouring rows are neighbours in the memory that the op reads most, so that walking them one by one
/// jumps: sums over rows, for one.
bool rowsAreColumns(mlir::linalg::LinalgOp op, llvm::ArrayRef<unsigned> loops);

} // namespace raddle

#endif // RADDLE_UTILS_ROWLOOPS_H
