// Reverse-mode derivative of the scalar body of a structured op.
#ifndef RADDLE_LIB_GRAD_SCALARDERIVATIVE_H
#define RADDLE_LIB_GRAD_SCALARDERIVATIVE_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/Operation.h"
#include "llvm/ADT/DenseMap.h"

namespace raddle {

/// Adjoints of scalar values while a body is walked from its end to its start.
class ScalarAdjoints {
public:
  explicit ScalarAdjoints(mlir::OpBuilder &builder) : builder(builder) {}

  /// Adds `adjoint` to that of `value`.
  void add(mlir::Value value, mlir::Value adjoint);

  /// The adjoint of `value`, or null where none reached it.
  mlir::Value get(mlir::Value value) const { return adjoints.lookup(value); }

  /// Hands the adjoint of the op's result to its floating-point operands. Fails, without a message, on an op that it
  /// does not know.
  llvm::LogicalResult propagate(mlir::Operation *op);

private:
  mlir::OpBuilder &builder;
  llvm::DenseMap<mlir::Value, mlir::Value> adjoints;
};

} // namespace raddle

#endif // RADDLE_LIB_GRAD_SCALARDERIVATIVE_H
