// Which ops are computed together in one kernel.
#ifndef RADDLE_LIB_FUSE_GROUPING_H
#define RADDLE_LIB_FUSE_GROUPING_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "raddle/Utils/TensorQueries.h"
#include "llvm/ADT/MapVector.h"

namespace raddle {

/// Whether a kernel that needs the op's result computes it again: fills, splat constants, scalars, slices of which a
/// kernel reads just what it needs.
bool isDuplicable(mlir::Operation *op);

/// Whether a kernel does the op's work, its own or that of its users.
bool isKernelWork(mlir::Operation *op);

/// Ops that one kernel computes, in their order, and the one of them at whose place the kernel runs.
struct Group {
  llvm::SmallVector<mlir::Operation *> ops;
  mlir::Operation *place;
};

/// Groups the computing ops of a function's block, in the order of their places. Every op that is neither a view nor
/// duplicated into its users is in one group.
std::vector<Group> groupOps(mlir::Block &block);

} // namespace raddle

#endif // RADDLE_LIB_FUSE_GROUPING_H
