#ifndef RADDLE_LIB_IMPORT_LOSSOPS_H
#define RADDLE_LIB_IMPORT_LOSSOPS_H

#include "ReductionOps.h"

namespace raddle::import {

/// PyTorch's numbers for what a loss does with its elements.
enum LossReduction : int64_t { None = 0, Mean = 1, Sum = 2 };

/// The argument `reduction`.
int64_t readLossReduction(NodeBuilder &node);

/// The elements themselves, their sum or their mean, as the node's result.
mlir::LogicalResult reduceLoss(NodeBuilder &node, mlir::Value elements, int64_t reduction);

} // namespace raddle::import

#endif // RADDLE_LIB_IMPORT_LOSSOPS_H
