// Sums of matrix products, computed by the products themselves.
#ifndef RADDLE_LIB_FUSE_ACCUMULATE_H
#define RADDLE_LIB_FUSE_ACCUMULATE_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace raddle {

/// Makes products of a function that are added to each other, or to a tensor that dies there, add to what is in their
/// result's memory, and returns their number. The ops that added them go. The order is that of the program.
unsigned accumulateProducts(mlir::func::FuncOp function);

} // namespace raddle

#endif // RADDLE_LIB_FUSE_ACCUMULATE_H
