// Machine code for the CPU.
#ifndef RADDLE_CODEGEN_CPU_OBJECTCODE_H
#define RADDLE_CODEGEN_CPU_OBJECTCODE_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/SmallVector.h"
#include <string>

namespace raddle {

struct ObjectCode {
  std::string target;            ///< "cpu:", the triple, ":" and the level of processors that it needs
  llvm::SmallVector<char> bytes; ///< an ELF shared object
};

/// The processors that code can be made for on this machine: "native" and, of x86-64, the levels of its ABI from
/// "x86-64-v2" on (v3 has AVX2 and FMA, v4 AVX-512).
llvm::ArrayRef<llvm::StringRef> knownProcessors();

/// Translates the functions of the LLVM dialect in `module` for one of `knownProcessors`, optimises and links them.
/// "native" is the highest level that this machine's processor has, tuned for it. `level` is LLVM's level of
/// optimisation, 0 to 3. Errors are emitted at the module.
llvm::FailureOr<ObjectCode> compileForCpu(mlir::ModuleOp module, llvm::StringRef processor, unsigned level = 3);

} // namespace raddle

#endif // RADDLE_CODEGEN_CPU_OBJECTCODE_H
