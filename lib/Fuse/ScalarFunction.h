// What the body of a structured op computes, as numbers.
#ifndef RADDLE_LIB_FUSE_SCALARFUNCTION_H
#define RADDLE_LIB_FUSE_SCALARFUNCTION_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace raddle {

/// Whether the one result of the op's body is `expected` of the body's first two arguments (the first, where the op has
/// one operand). The body is computed in double precision, casts being exact, at many numbers from -6 to 6; it may add,
/// subtract, multiply, divide, negate and take tanh of its arguments and constants. Functions of so few such operations
/// that agree there to 1e-6 are the same but for how they round, in whatever order a gradient was put together.
bool computes(mlir::linalg::GenericOp op, llvm::function_ref<double(double, double)> expected);

} // namespace raddle

#endif // RADDLE_LIB_FUSE_SCALARFUNCTION_H
