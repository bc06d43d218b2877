// Questions about tensors that several stages ask.
#ifndef RADDLE_UTILS_TENSORQUERIES_H
#define RADDLE_UTILS_TENSORQUERIES_H

#include "mlir/IR/BuiltinTypeInterfaces.h"
#include "mlir/IR/Operation.h"
#include "mlir/IR/Value.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include <optional>

namespace raddle {

/// Bytes that one element of a float or integer type takes in memory; a boolean takes one.
int64_t elementBytes(mlir::Type type);

/// Bytes of a whole array of floats or integers; nothing where a dimension is dynamic or no process can address as
/// many.
std::optional<int64_t> arrayBytes(mlir::ShapedType type);

/// Whether the type is a tensor that can have an address: ranked, of static shape, of floats or integers, of at most
/// 2^47 bytes.
bool isStorable(mlir::Type type);

/// Whether a function has a body of one block that ends in `func.return`; an error if not.
llvm::LogicalResult checkBody(mlir::FunctionOpInterface function);

/// Whether the value is a `linalg.fill` with a floating-point zero.
bool isZeroFilled(mlir::Value value);

/// The tensor whose elements an op casts to another floating-point type, if it does nothing else; null for other ops.
mlir::Value castSource(mlir::Operation *op);

/// Whether the op only reinterprets memory: it has no kernel, its result lies where its operand does.
bool isView(mlir::Operation *op);

/// The value whose elements, and memory, a chain of views shows.
mlir::Value beforeViews(mlir::Value value);

} // namespace raddle

#endif // RADDLE_UTILS_TENSORQUERIES_H
