// Recognition of matrix products.
#ifndef RADDLE_LIB_FUSE_CONTRACTION_H
#define RADDLE_LIB_FUSE_CONTRACTION_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "raddle/Dialect/Exec/IR/ExecOps.h"

namespace raddle {

/// A matrix product, and the op whose result its result is: the contraction, or the rounding behind it.
struct GemmCall {
  exec::GemmOp gemm;
  mlir::Operation *replaced;
};

/// Builds the `exec.gemm` that computes `op`, before it; nothing where no nest of loops around one library call does:
/// another body, an init other than zeros, element types that the library lacks, or strides that it cannot follow.
///
/// The body is `acc + a * b`. Both operands are f32 or f64, as the result, or both f16 or bf16, with a result of their
/// type or f32: then there may be casts between 16 bits and f32 in the body, an f32 operand may be a 16-bit array that
/// an op before widens, and an op that rounds the f32 result to the operands' type, as its only use, becomes part of
/// the product.
std::optional<GemmCall> buildGemm(mlir::linalg::LinalgOp op, mlir::OpBuilder &builder);

} // namespace raddle

#endif // RADDLE_LIB_FUSE_CONTRACTION_H
