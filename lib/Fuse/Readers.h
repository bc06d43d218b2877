// Who reads a value, also through views.
#ifndef RADDLE_LIB_FUSE_READERS_H
#define RADDLE_LIB_FUSE_READERS_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace raddle {

/// The operands by which a value is read, also through views.
llvm::SmallVector<mlir::OpOperand *> readersOf(mlir::Value value);

/// An elementwise generic that reads the operand as it lies, of so many inputs; null if the reader is none.
mlir::linalg::GenericOp elementwiseReader(mlir::OpOperand *reader, int64_t inputs);

/// Erases an op with the views of its results, which nothing reads.
void eraseUnread(mlir::Operation *op);

} // namespace raddle

#endif // RADDLE_LIB_FUSE_READERS_H
