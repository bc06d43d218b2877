// Parameters of bf16.
#ifndef RADDLE_LIB_DIALECT_NN_TRANSFORMS_STORENARROW_H
#define RADDLE_LIB_DIALECT_NN_TRANSFORMS_STORENARROW_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace raddle::nn {

/// Makes parameters of f32 that are read rounded only, as they are or by rows, parameters of bf16: their first values
/// are rounded when they are loaded. Gives their number.
int64_t storeNarrow(mlir::func::FuncOp function);

} // namespace raddle::nn

#endif // RADDLE_LIB_DIALECT_NN_TRANSFORMS_STORENARROW_H
