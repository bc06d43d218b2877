// Which loops of a kernel's ops can be shared out over blocks of threads that never meet.
#ifndef RADDLE_LIB_CODEGEN_NVVM_COMMONLOOPS_H
#define RADDLE_LIB_CODEGEN_NVVM_COMMONLOOPS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace raddle {

/// Orders the loops of ops on tensors by the output that they write, parallel ones first, and drops fills that nobody
/// reads, so that ops of a kernel have as many leading loops in common as they can and neighbouring threads write
/// neighbours.
void orderLoops(mlir::func::FuncOp kernel);

/// The argument or allocation that a memref is a view of.
mlir::Value baseOf(mlir::Value memory);

/// Whether points of the loop write apart: each result moves with it, in one dimension of its own. Windows that are
/// added where they overlap do not.
bool isIndependent(mlir::linalg::LinalgOp op, unsigned loop);

/// How the work of a kernel on memory is divided.
struct Division {
  /// Extents of the leading parallel loops that all ops have in common: what one of their points writes, no other
  /// point touches. Empty where there are none.
  llvm::SmallVector<int64_t> common;
  /// The only loop of a kernel whose passes are independent by construction; null for another kernel.
  mlir::scf::ForallOp passes;
  /// Steps of the op that has most to do at one common point or in one pass.
  int64_t rest = 1;

  /// Points or passes; at least 1.
  int64_t points() const;
};

Division divide(mlir::func::FuncOp kernel);

} // namespace raddle

#endif // RADDLE_LIB_CODEGEN_NVVM_COMMONLOOPS_H
