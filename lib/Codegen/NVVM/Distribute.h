// A kernel on memory becomes the work of one thread of a GPU.
#ifndef RADDLE_LIB_CODEGEN_NVVM_DISTRIBUTE_H
#define RADDLE_LIB_CODEGEN_NVVM_DISTRIBUTE_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace raddle {

/// How a kernel is launched: `points` parts that never meet, each done by a team of `team` threads of one block.
struct Teams {
  int64_t points = 1;
  int64_t team = 1; ///< 1, or a power of two from 32 to 1024
  /// Every point adds a part of one sum: the body takes two more pointers, to an i32 that is 0 before and after, and to
  /// memory of `kPartBytes` a point.
  bool sumsAcross = false;
};

/// Room for a part of a sum.
constexpr int64_t kPartBytes = 8;

/// Turns structured ops into loops over the part of them that one thread computes. Appends two arguments of index type:
/// the point, and the thread's number in its team. The threads of a team meet at barriers between ops.
llvm::FailureOr<Teams> distribute(mlir::func::FuncOp kernel);

} // namespace raddle

#endif // RADDLE_LIB_CODEGEN_NVVM_DISTRIBUTE_H
