// Kernels that compute rows and sums over stripes of them, as gradients of a norm do.
#ifndef RADDLE_LIB_CODEGEN_TRITON_STRIPES_H
#define RADDLE_LIB_CODEGEN_TRITON_STRIPES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "llvm/ADT/SmallBitVector.h"

namespace raddle {

/// Rows are cut along one of their dimensions into stripes of equal height. Some results have the rows as their leading
/// dimensions; the others, of which the first dimension is the stripe, are reductions over all rows of one, as
/// `splitSums` of stage 6 makes them. A program has one stripe, and reads what both need once.
struct Stripes {
  static std::optional<Stripes> match(mlir::func::FuncOp kernel);

  llvm::SmallVector<int64_t> rows; ///< extents of the rows of a stripe
  unsigned dim;                    ///< of the rows, which is cut
  int64_t count;                   ///< of stripes
  int64_t columns;                 ///< most elements of a row of a result
  llvm::SmallBitVector isSum;      ///< by results
};

} // namespace raddle

#endif // RADDLE_LIB_CODEGEN_TRITON_STRIPES_H
