// Long sums into few elements as two kernels: sums of parts, which programs of a GPU or threads share, and the
// sum of those.
#ifndef RADDLE_LIB_FUSE_SPLITSUMS_H
#define RADDLE_LIB_FUSE_SPLITSUMS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace raddle {

/// Two kernels that do what one did. `parts` takes the inputs of that one. `rest` takes those that it still needs, then
/// the results of `parts`.
struct SplitKernel {
  mlir::OwningOpRef<mlir::func::FuncOp> parts, rest;
  llvm::SmallVector<unsigned> inputs; ///< of the one kernel that `rest` takes
};

/// Splits a kernel whose sums, or other reductions, have too few results for a GPU's processors (`tiles`) or for threads
/// to share; nothing where there are enough of them, where little is to be summed, or where the loops have no divisor
/// that makes good parts. Parts do not depend on how many threads there are.
std::optional<SplitKernel> splitSums(mlir::func::FuncOp kernel, bool tiles);

} // namespace raddle

#endif // RADDLE_LIB_FUSE_SPLITSUMS_H
