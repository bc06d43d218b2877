#ifndef RADDLE_IMPORT_OPERATORCOVERAGE_H
#define RADDLE_IMPORT_OPERATORCOVERAGE_H

#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBufferRef.h"
#include <cstdint>
#include <string>
#include <vector>

namespace raddle {

/// All nodes of a file that have one operator, and the same reason if they cannot be imported.
struct OperatorUse {
  /// As the file has it ("torch.ops.aten.add.Tensor").
  std::string name;
  int64_t count = 0;
  bool isSupported = false;
  /// Of a known operator that cannot be imported in this form ("with train=True: ..."); empty otherwise.
  std::string reason;
  /// "FILE:LINE" of the Python source of the first node; empty if the file does not say.
  std::string line;
};

/// The operators of a `.pt2` archive in the order of their first use. Nothing is built, so operands may still turn out
/// not to fit. The archive is untrusted; the error says what of it cannot be read.
llvm::Expected<std::vector<OperatorUse>> readOperatorUses(llvm::MemoryBufferRef archive);

/// The names of all operators that the importer knows, without "torch.ops.", sorted.
std::vector<std::string> supportedOperators();

} // namespace raddle

#endif // RADDLE_IMPORT_OPERATORCOVERAGE_H
