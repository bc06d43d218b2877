// Long sums into few elements as two kernels: sums of parts, which programs of a GPU or threads share, and the
// sum of those. Other work on the rows that are summed is the first kernel's, too.
#ifndef RADDLE_LIB_FUSE_SPLITSUMS_H
#define RADDLE_LIB_FUSE_SPLITSUMS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace raddle {

/// Two kernels that do what one did. `parts` takes the inputs of that one and gives some of its results, then parts of
/// the others. `rest` takes the inputs that it still needs, then those parts, and gives the other results.
struct SplitKernel {
  mlir::OwningOpRef<mlir::func::FuncOp> parts, rest;
  llvm::SmallVector<unsigned> inputs; ///< of the one kernel that `rest` takes
  llvm::SmallVector<unsigned> whole;  ///< results of the one kernel that `parts` gives
};

/// Splits a kernel whose sums, or other reductions, have too few results for a GPU's processors (`tiles`) or for
/// threads to share; nothing where there are enough of them, where little is to be summed, or where the loops have no
/// divisor that makes good parts. Parts do not depend on how many threads there are.
std::optional<SplitKernel> splitSums(mlir::func::FuncOp kernel, bool tiles);

/// Splits a kernel for a GPU that gives rows, and sums over the same rows: programs of the first have a stripe of rows
/// each, and sum over it. Nothing where the rows are too few, or have no divisor that makes good stripes.
std::optional<SplitKernel> splitStripes(mlir::func::FuncOp kernel);

} // namespace raddle

#endif // RADDLE_LIB_FUSE_SPLITSUMS_H
