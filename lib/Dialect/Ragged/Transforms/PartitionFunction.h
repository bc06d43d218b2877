// One function as a rank's program.
#ifndef RADDLE_LIB_DIALECT_RAGGED_TRANSFORMS_PARTITIONFUNCTION_H
#define RADDLE_LIB_DIALECT_RAGGED_TRANSFORMS_PARTITIONFUNCTION_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "raddle/Dialect/Ragged/IR/RaggedOps.h"

namespace raddle::ragged {

struct Collectives {
  int64_t gathers = 0, reduceScatters = 0;
};

/// Gathers parameters of the buckets before their first use, updates slices of them, and reduces what is of the whole
/// batch. Gradients are reduced in `reduced` where that is narrower than they are; null: as they are.
llvm::FailureOr<Collectives> partitionFunction(mlir::func::FuncOp function, llvm::ArrayRef<BucketOp> buckets,
                                               const Mesh &mesh, mlir::Type reduced);

} // namespace raddle::ragged

#endif // RADDLE_LIB_DIALECT_RAGGED_TRANSFORMS_PARTITIONFUNCTION_H
