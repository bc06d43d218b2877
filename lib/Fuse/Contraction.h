// Recognition of matrix products.
#ifndef RADDLE_LIB_FUSE_CONTRACTION_H
#define RADDLE_LIB_FUSE_CONTRACTION_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "raddle/Dialect/Exec/IR/ExecOps.h"

namespace raddle {

/// Builds the `exec.gemm` that computes `op`, before it; null where no nest of loops around one library call does:
/// another body, an init other than zeros, element types that the library lacks, or strides that it cannot follow.
exec::GemmOp buildGemm(mlir::linalg::LinalgOp op, mlir::OpBuilder &builder);

} // namespace raddle

#endif // RADDLE_LIB_FUSE_CONTRACTION_H
