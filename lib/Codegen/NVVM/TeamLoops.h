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

} // namespace raddle

#endif // RADDLE_LIB_CODEGEN_NVVM_TEAMLOOPS_H
