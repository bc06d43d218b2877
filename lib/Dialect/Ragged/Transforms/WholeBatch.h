// What is said of the whole batch, of which each rank has a part.
#ifndef RADDLE_LIB_DIALECT_RAGGED_TRANSFORMS_WHOLEBATCH_H
#define RADDLE_LIB_DIALECT_RAGGED_TRANSFORMS_WHOLEBATCH_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "raddle/Dialect/Ragged/IR/RaggedOps.h"

namespace raddle::ragged {

/// In inference, a value over the whole batch cannot be told from the ranks' values: a sum, a mean and a maximum want
/// to be combined differently. One number is taken for a mean, as a loss is, with a warning; others are refused.
llvm::LogicalResult checkOutputs(mlir::func::FuncOp function, int64_t ranks);

/// A mean over labels divides by the count of all ranks: with the mean count of the ranks in its place, the mean of
/// the ranks' losses is the sum over all labels divided by their number.
void reduceCounts(mlir::func::FuncOp function, const Mesh &mesh);

/// What is not a part of the batch is the mean over the ranks: outputs of training, and next values of buffers, whose
/// copies stay equal that way. Integers, counters of steps, are taken as they are.
void reduceOutputs(mlir::func::FuncOp function, const Mesh &mesh);

} // namespace raddle::ragged

#endif // RADDLE_LIB_DIALECT_RAGGED_TRANSFORMS_WHOLEBATCH_H
