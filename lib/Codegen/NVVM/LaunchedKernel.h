// Functions of the LLVM dialect that a GPU launches.
#ifndef RADDLE_LIB_CODEGEN_NVVM_LAUNCHEDKERNEL_H
#define RADDLE_LIB_CODEGEN_NVVM_LAUNCHEDKERNEL_H

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "raddle/Dialect/Exec/IR/ExecOps.h"

namespace raddle {

/// A launch of `blocks` blocks of `threads` threads, a multiple of 32.
struct Launch {
  int64_t blocks, threads;
  int64_t scratchBytes = 0; ///< of each block; a pointer behind the others gives it where it is not 0
};

/// Makes an empty kernel of this many pointers, with the attributes that the bundle's writer reads. The builder stands
/// at its end.
mlir::LLVM::LLVMFuncOp createKernel(mlir::OpBuilder &builder, mlir::Location loc, llvm::StringRef name,
                                    int64_t pointers, const Launch &launch);

/// The number of a thread in its block, and of its block, as i64.
mlir::Value threadNumber(mlir::OpBuilder &builder, mlir::Location loc);
mlir::Value blockNumber(mlir::OpBuilder &builder, mlir::Location loc);

/// Lets only threads whose `number` is below `limit` go on: moves the builder into what they do.
void continueBelow(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value number, int64_t limit);

/// Gives every check of indices that a program computes a kernel of its own: (indices, found). A thread that sees an
/// index that is not allowed lowers the u64 `found` to its position times 2^32, plus the index, limited to 32 bits.
void addCheckKernels(mlir::ModuleOp module);

} // namespace raddle

#endif // RADDLE_LIB_CODEGEN_NVVM_LAUNCHEDKERNEL_H
