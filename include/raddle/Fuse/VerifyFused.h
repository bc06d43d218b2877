// What stage 6 guarantees and stage 7 relies on.
#ifndef RADDLE_FUSE_VERIFYFUSED_H
#define RADDLE_FUSE_VERIFYFUSED_H

#include "mlir/IR/BuiltinOps.h"

namespace raddle {

/// Checks that functions other than kernels have one block of kernels, library calls, collectives, views and constants
/// on tensors that can have an address, and no whole parameters. Reports all that is not so.
llvm::LogicalResult verifyFused(mlir::ModuleOp module);

} // namespace raddle

#endif // RADDLE_FUSE_VERIFYFUSED_H
