// One structured op on memory, computed by a team of threads.
#ifndef RADDLE_LIB_CODEGEN_NVVM_TEAMLOOPS_H
#define RADDLE_LIB_CODEGEN_NVVM_TEAMLOOPS_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace raddle {

/// The positions of point `linear` in an array of these extents, the last one counting fastest.
llvm::SmallVector<mlir::Value> positionsOf(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value linear,
                                           llvm::ArrayRef<int64_t> extents);

/// Memory that the threads of a block share, uninitialised, for one use in this kernel. It has the default memory
/// space.
mlir::Value shareMemory(mlir::OpBuilder &builder, mlir::Location loc, mlir::MemRefType type);

/// A point where all threads of a block wait for each other and see what the others wrote.
void meet(mlir::OpBuilder &builder, mlir::Location loc);

/// Writes in front of `op` the loops of thread number `thread` of `team`; the leading loops stand at `fixed`. Sums of
/// many elements with few results are put together by the whole team.
void writeTeamLoops(mlir::linalg::LinalgOp op, llvm::ArrayRef<mlir::Value> fixed, mlir::Value thread, int64_t team);

/// A sum of everything into one element, of which each block adds a part. The last block to end puts the parts
/// together, in the order of blocks.
struct GridSum {
  mlir::Value block; ///< number of this block
  int64_t blocks;
  mlir::Value parts;   ///< memory of an element a block
  mlir::Value counter; ///< an i32 of memory that is 0 before and after
  mlir::Value before;  ///< what the result begins with
};

/// Whether blocks can share the op's sum.
bool canSumAcross(mlir::linalg::LinalgOp op);
void writeGridSum(mlir::linalg::LinalgOp op, const GridSum &sum, mlir::Value thread, int64_t team);

} // namespace raddle

#endif // RADDLE_LIB_CODEGEN_NVVM_TEAMLOOPS_H
