// Changes to MLIR's text that leave most of it well formed.
#pragma once

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <string>

namespace raddle::fuzz {

/// What decides the passes of an input: a first line of this and a pipeline.
inline constexpr llvm::StringLiteral kPassesPrefix = "// passes: ";

/// For LLVMFuzzerCustomMutator: removes, doubles, exchanges and replaces tokens and lines, changes numbers, and now and
/// then takes another one of `pipelines`.
size_t mutateText(uint8_t *data, size_t size, size_t maxSize, unsigned seed,
                  llvm::ArrayRef<llvm::StringLiteral> pipelines);

} // namespace raddle::fuzz
