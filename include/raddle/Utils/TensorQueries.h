// Questions about tensors that several stages ask.
#ifndef RADDLE_UTILS_TENSORQUERIES_H
#define RADDLE_UTILS_TENSORQUERIES_H

#include "mlir/IR/Operation.h"
#include "mlir/IR/Value.h"

namespace raddle {

/// Bytes that one element of a float or integer type takes in memory; a boolean takes one.
int64_t elementBytes(mlir::Type type);

/// Whether the value is a `linalg.fill` with a floating-point zero.
bool isZeroFilled(mlir::Value value);

/// Whether the op only reinterprets memory: it has no kernel, its result lies where its operand does.
bool isView(mlir::Operation *op);

} // namespace raddle

#endif // RADDLE_UTILS_TENSORQUERIES_H
