// Machine code for NVIDIA's GPUs.
#ifndef RADDLE_CODEGEN_NVVM_DEVICECODE_H
#define RADDLE_CODEGEN_NVVM_DEVICECODE_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/SmallVector.h"

namespace raddle {

struct DeviceCode {
  bool assembled = false;        ///< a cubin; else PTX, which the driver assembles
  llvm::SmallVector<char> bytes; ///< PTX ends in a zero
};

/// Translates the functions of the LLVM dialect in `module` for a GPU such as "sm_90", links CUDA's libdevice where
/// they call it, optimises, and assembles where `ptxas` is installed. Errors are emitted at the module.
llvm::FailureOr<DeviceCode> compileForDevice(mlir::ModuleOp module, llvm::StringRef arch);

} // namespace raddle

#endif // RADDLE_CODEGEN_NVVM_DEVICECODE_H
