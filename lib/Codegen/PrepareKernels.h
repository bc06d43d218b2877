// What code generation for every target begins with: kernels on tensors become kernels on memory.
#ifndef RADDLE_LIB_CODEGEN_PREPAREKERNELS_H
#define RADDLE_LIB_CODEGEN_PREPAREKERNELS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Pass/PassManager.h"

namespace raddle {

/// Moves all kernels out of `module` into a module of their own, so that upstream passes see nothing else, and makes
/// them functions on memrefs: inputs, then outputs. `fuse` gives a kernel that is still on tensors the loops that the
/// target wants. Kernels keep their order, attributes and names. Reports all kernels that cannot become code.
llvm::FailureOr<mlir::OwningOpRef<mlir::ModuleOp>> takeKernels(mlir::ModuleOp module,
                                                               llvm::function_ref<void(mlir::func::FuncOp)> fuse);

/// Makes loops that run one after the other of all `scf.forall` of a kernel on memrefs.
llvm::LogicalResult lowerForallLoops(mlir::func::FuncOp kernel);

/// Reports memory that a kernel on memrefs allocates: there is none to be had where it runs.
llvm::LogicalResult checkAllocations(mlir::func::FuncOp kernel);

/// What an entry has from the kernel that it stands for.
struct EntryHead {
  std::string name;
  llvm::SmallVector<mlir::NamedAttribute> estimates; // of work: "exec.flops", "exec.bytes"
};

/// Makes a lowered kernel an internal function with "_body" behind its name, for an entry of the target's signature to
/// call, and gives what the entry has from it.
EntryHead makeBody(mlir::LLVM::LLVMFuncOp kernel);

/// Puts the kernels, and what they call, at the end of the module that they were taken from.
void returnKernels(mlir::ModuleOp kernels, mlir::ModuleOp module);

/// Runs passes on the module of kernels. Between them nothing is verified.
llvm::LogicalResult runOnKernels(mlir::PassManager &manager, mlir::ModuleOp kernels);

/// Adds the passes that turn loops, memory, arithmetic and functions into the LLVM dialect.
void addLoweringToLLVM(mlir::PassManager &manager);

} // namespace raddle

#endif // RADDLE_LIB_CODEGEN_PREPAREKERNELS_H
