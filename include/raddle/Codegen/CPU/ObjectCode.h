// Machine code for the CPU.
#ifndef RADDLE_CODEGEN_CPU_OBJECTCODE_H
#define RADDLE_CODEGEN_CPU_OBJECTCODE_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/SmallVector.h"
#include <string>

namespace raddle {

struct ObjectCode {
  std::string target;            ///< "cpu:" and the triple, the CPU's name
  llvm::SmallVector<char> bytes; ///< an ELF shared object
};

/// Translates the functions of the LLVM dialect in `module` for the machine that this runs on, optimises and links
/// them. Errors are emitted at the module.
llvm::FailureOr<ObjectCode> compileForHost(mlir::ModuleOp module);

} // namespace raddle

#endif // RADDLE_CODEGEN_CPU_OBJECTCODE_H
