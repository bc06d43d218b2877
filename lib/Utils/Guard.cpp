#include "raddle/Utils/Guard.h"

#include "llvm/Support/Compiler.h"
#include "llvm/Support/CrashRecoveryContext.h"
#include "llvm/Support/Signals.h"
#include "llvm/Support/raw_ostream.h"

namespace raddle {

/// The parser calls itself for what is nested in text: enough for nesting that no program writes.
static constexpr unsigned kStackBytes = 256u << 20;
/// What CrashRecoveryContext adds to a signal's number.
static constexpr int kSignalBase = 128;

int runGuarded(llvm::StringRef tool, llvm::function_ref<int()> body) {
  if (!LLVM_ADDRESS_SANITIZER_BUILD)
    llvm::CrashRecoveryContext::Enable();
  int status = 1;
  llvm::CrashRecoveryContext recovery;
  if (recovery.RunSafelyOnThread([&] { status = body(); }, kStackBytes))
    return status;
  llvm::sys::RunInterruptHandlers();
  llvm::errs() << tool << ": error: internal failure: the input was not refused, but stopped the program by signal "
               << recovery.RetCode - kSignalBase << "; please report it with the command line and the input\n";
  return 1;
}

} // namespace raddle
