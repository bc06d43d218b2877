// What is read of a parameter.
#ifndef RADDLE_LIB_DIALECT_RAGGED_TRANSFORMS_READERS_H
#define RADDLE_LIB_DIALECT_RAGGED_TRANSFORMS_READERS_H

#include "mlir/IR/Operation.h"
#include "mlir/IR/Value.h"

namespace raddle::ragged {

/// Whether the op computes each element of its result from the same element of its operand and from nothing else, so
/// that it can work on any part of a bucket, padding included.
bool isElementwise(mlir::Operation *op);

/// Whether the op looks up rows of the tensor and reads it nowhere else: what is computed element by element of the
/// rows may as well be computed of the tensor.
bool looksUpRows(mlir::Operation *op, mlir::Value tensor);

/// The ops that read elements of a tensor or of rows that are looked up in it, but for the updates of a parameter.
llvm::SmallVector<mlir::Operation *> elementReaders(mlir::Value tensor);

/// The element type that all readers of a tensor first cast to, if it is narrower than the tensor's; null where one of
/// them does anything else.
mlir::Type narrowedType(mlir::Value tensor);

} // namespace raddle::ragged

#endif // RADDLE_LIB_DIALECT_RAGGED_TRANSFORMS_READERS_H
