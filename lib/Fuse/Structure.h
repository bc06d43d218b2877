// What two pieces of a program have in common, but for the places in the source where they come from.
#ifndef RADDLE_LIB_FUSE_STRUCTURE_H
#define RADDLE_LIB_FUSE_STRUCTURE_H

#include "mlir/IR/Operation.h"
#include <string>

namespace raddle {

/// A key of what `ops`, in their order, compute from `inputs` to give `outputs`: equal for two pieces of one context if
/// and only if they have the same ops with the same attributes, types, operands and regions. Every value that the ops
/// use is an input or a result of an op before.
std::string structureOf(mlir::ValueRange inputs, llvm::ArrayRef<mlir::Operation *> ops, mlir::ValueRange outputs);

} // namespace raddle

#endif // RADDLE_LIB_FUSE_STRUCTURE_H
