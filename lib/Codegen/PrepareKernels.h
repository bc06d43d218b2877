// What code generation for every target begins with: kernels on tensors become kernels on memory.
#ifndef RADDLE_LIB_CODEGEN_PREPAREKERNELS_H
#define RADDLE_LIB_CODEGEN_PREPAREKERNELS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Pass/PassManager.h"

namespace raddle {

/// Moves all kernels out of `module` into a module of their own, so that upstream passes see nothing else, fuses them,
/// and makes them functions on memrefs: inputs, then outputs. `afterFusion` may change a kernel that is still on
/// tensors. Kernels keep their order, attributes and names. Reports all kernels that cannot become code.
llvm::FailureOr<mlir::OwningOpRef<mlir::ModuleOp>>
takeKernels(mlir::ModuleOp module, llvm::function_ref<void(mlir::func::FuncOp)> afterFusion = nullptr);

/// Runs passes on the module of kernels. Between them nothing is verified.
llvm::LogicalResult runOnKernels(mlir::PassManager &manager, mlir::ModuleOp kernels);

/// Adds the passes that turn loops, memory, arithmetic and functions into the LLVM dialect.
void addLoweringToLLVM(mlir::PassManager &manager);

} // namespace raddle

#endif // RADDLE_LIB_CODEGEN_PREPAREKERNELS_H
