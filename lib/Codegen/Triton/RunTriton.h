// Triton's compiler, a Python package, as a process.
#ifndef RADDLE_LIB_CODEGEN_TRITON_RUNTRITON_H
#define RADDLE_LIB_CODEGEN_TRITON_RUNTRITON_H

#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Error.h"
#include <string>
#include <vector>

namespace raddle {

struct TritonSource {
  std::string text;
  int64_t warps;
};

struct TritonCode {
  std::string error; ///< why Triton refused it; empty: there is code
  std::string cubin;
  int64_t warps = 0, sharedBytes = 0, scratchBytes = 0; ///< scratch memory of one program
};

/// This machine has no Triton.
class TritonMissing : public llvm::ErrorInfo<TritonMissing, llvm::StringError> {
public:
  using Base = llvm::ErrorInfo<TritonMissing, llvm::StringError>;
  static char ID;
  explicit TritonMissing(const llvm::Twine &message) : Base(message, llvm::inconvertibleErrorCode()) {}
};

/// Compiles functions for a GPU such as "sm_90", all in one process, with the `python` given, or else the first that
/// has Triton of: RADDLE_PYTHON; python3 of the path and that which Raddle was built with. Gives the code of each.
llvm::Expected<std::vector<TritonCode>> runTriton(const std::vector<TritonSource> &sources, llvm::StringRef arch,
                                                  llvm::StringRef python);

} // namespace raddle

#endif // RADDLE_LIB_CODEGEN_TRITON_RUNTRITON_H
