// LLVM's own optimisation, for the code of any target.
#ifndef RADDLE_CODEGEN_OPTIMISE_H
#define RADDLE_CODEGEN_OPTIMISE_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/IR/Module.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Target/TargetMachine.h"
#include <memory>

namespace raddle {

/// Translates the functions of the LLVM dialect in `module`, and only them, to LLVM IR. Null after an error.
std::unique_ptr<llvm::Module> translateCode(mlir::ModuleOp module, llvm::LLVMContext &context);

/// Optimises for a machine, at the level that it was made with; `extend` adds passes of the target's own.
void optimise(
    llvm::Module &module, llvm::TargetMachine &machine,
    llvm::function_ref<void(llvm::PassBuilder &)> extend = [](llvm::PassBuilder &) {});

/// Writes an object file or assembly of the module's code. `why` gets the reason for a failure.
llvm::LogicalResult emitCode(llvm::Module &module, llvm::TargetMachine &machine, llvm::CodeGenFileType type,
                             llvm::raw_pwrite_stream &stream, std::string &why);

} // namespace raddle

#endif // RADDLE_CODEGEN_OPTIMISE_H
