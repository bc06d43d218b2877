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

/// Ops that one kernel computes; the last one is the root, whose results are the kernel's.
using Group = llvm::SmallVector<mlir::Operation *>;

/// Groups the computing ops of a function's block, in the order of their roots. Every op that is neither a view nor
/// duplicated into its users is in one group.
std::vector<Group> groupOps(mlir::Block &block);

} // namespace raddle

#endif // RADDLE_LIB_FUSE_GROUPING_H
