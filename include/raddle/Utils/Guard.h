// The last line of defence of the tools.
#ifndef RADDLE_UTILS_GUARD_H
#define RADDLE_UTILS_GUARD_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"

namespace raddle {

/// Runs `body` and gives its exit status. Where it stops by a signal, as upstream's parsers do on some malformed text,
/// says so on standard error, removes files that were not finished, and gives 1. Call once, after InitLLVM.
///
/// A build with sanitizers stops at the signal instead: it is there to find what is behind it.
int runGuarded(llvm::StringRef tool, llvm::function_ref<int()> body);

} // namespace raddle

#endif // RADDLE_UTILS_GUARD_H
