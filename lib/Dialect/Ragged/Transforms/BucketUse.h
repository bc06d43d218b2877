// What a function holds of the buckets, before it is partitioned.
#ifndef RADDLE_LIB_DIALECT_RAGGED_TRANSFORMS_BUCKETUSE_H
#define RADDLE_LIB_DIALECT_RAGGED_TRANSFORMS_BUCKETUSE_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "raddle/Dialect/Ragged/IR/RaggedOps.h"
#include "llvm/ADT/MapVector.h"

namespace raddle::ragged {

/// What one function holds of one bucket.
struct BucketUse {
  BucketOp bucket;
  /// Argument of each slot, in the bucket's order; null where the function does not take the parameter.
  llvm::SmallVector<mlir::Value> parameters;
  /// The rank's slice of the parameters, new.
  mlir::Value slice;
  /// Updates of the slots, in the bucket's order; none where the function updates none.
  llvm::SmallVector<mlir::Operation *> updates;
  /// The rank's slice of the gradients.
  mlir::Value gradient;

  bool isRead() const {
    return llvm::any_of(parameters, [](mlir::Value value) { return value != nullptr; });
  }
};

using BucketUses = llvm::MapVector<mlir::Operation *, BucketUse>;

/// Finds the arguments that are parameters of the buckets, and their updates.
BucketUses collectBucketUses(mlir::func::FuncOp function, llvm::ArrayRef<BucketOp> buckets);

/// All tensors of a bucket are updated by one rule, or none, with states that are arguments of the function.
llvm::LogicalResult checkUpdates(mlir::func::FuncOp function, BucketUses &uses);

} // namespace raddle::ragged

#endif // RADDLE_LIB_DIALECT_RAGGED_TRANSFORMS_BUCKETUSE_H
