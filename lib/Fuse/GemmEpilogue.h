// What follows a matrix product and is computed with it.
#ifndef RADDLE_LIB_FUSE_GEMMEPILOGUE_H
#define RADDLE_LIB_FUSE_GEMMEPILOGUE_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace raddle {

/// Gives the products of a function what `exec.gemm` can do with their results, and returns the number of ops that they
/// replace. Those are dead afterwards.
///
/// Operands of products: cuBLASLt sums A where it is stored transposed and B where it is not, and has the other
/// epilogues for all types and transposes (compared with their definition by `raddle-gpu-tests`).
unsigned fuseEpilogues(mlir::func::FuncOp function);

} // namespace raddle

#endif // RADDLE_LIB_FUSE_GEMMEPILOGUE_H
