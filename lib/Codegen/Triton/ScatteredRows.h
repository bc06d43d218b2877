// Sums of rows into rows that are known when the kernel runs: the gradient of an embedding's table.
#ifndef RADDLE_LIB_CODEGEN_TRITON_SCATTEREDROWS_H
#define RADDLE_LIB_CODEGEN_TRITON_SCATTEREDROWS_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace raddle {

/// A loop whose pass i adds row i of some tensors, or what is computed from them, to row `index` of its result.
struct ScatteredRows {
  mlir::scf::ForOp loop;
  mlir::Value index;         ///< in the loop's body
  mlir::linalg::GenericOp add; ///< of row `index`, its init, and of rows
  llvm::SmallVector<mlir::Value> tensors; ///< whose row i each input of `add` is
  int64_t count;             ///< of passes

  static std::optional<ScatteredRows> match(mlir::scf::ForOp loop);
};

} // namespace raddle

#endif // RADDLE_LIB_CODEGEN_TRITON_SCATTEREDROWS_H
