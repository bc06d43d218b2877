// Functions of mathematics on a GPU.
#ifndef RADDLE_LIB_CODEGEN_NVVM_DEVICEMATH_H
#define RADDLE_LIB_CODEGEN_NVVM_DEVICEMATH_H

#include "mlir/IR/BuiltinOps.h"

namespace raddle {

/// The function of libdevice for f64 that an op of `math` calls; empty for what needs none. The one for f32 ends in
/// "f".
llvm::StringRef deviceFunction(mlir::Operation *op);

/// Turns the functions that a GPU has no instruction of full precision for into calls of CUDA's libdevice
/// (`__nv_expf`, …). Numbers of 16 bits go through f32.
void callDeviceMath(mlir::ModuleOp kernels);

} // namespace raddle

#endif // RADDLE_LIB_CODEGEN_NVVM_DEVICEMATH_H
