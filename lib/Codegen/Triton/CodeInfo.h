// What a code object of NVIDIA's says about a kernel.
#ifndef RADDLE_LIB_CODEGEN_TRITON_CODEINFO_H
#define RADDLE_LIB_CODEGEN_TRITON_CODEINFO_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

namespace raddle {

struct CodeInfo {
  unsigned parameters = 0;      ///< of the kernel, each a pointer
  unsigned requiredThreads = 0; ///< of a block; 0: any number
};

/// Reads it from a cubin. An error where there is no such kernel, or a parameter is no pointer.
llvm::Expected<CodeInfo> readCodeInfo(llvm::StringRef cubin, llvm::StringRef kernel);

} // namespace raddle

#endif // RADDLE_LIB_CODEGEN_TRITON_CODEINFO_H
