// Memory of the rows to come, asked for while a row is computed.
#ifndef RADDLE_LIB_CODEGEN_CPU_PREFETCH_H
#define RADDLE_LIB_CODEGEN_CPU_PREFETCH_H

#include "llvm/IR/PassManager.h"

namespace raddle {

/// For loops over rows whose passes over a row are vector loops: puts prefetches of the next row's memory, and of the
/// result's, into the pass with most work. Processors prefetch within a page, and begin again with each row; meanwhile
/// a pass of many instructions leaves the memory idle. A vector loop by itself, or over rows too large to wait in the
/// cache, runs ahead of itself. Runs behind vectorisation.
struct PrefetchRowsPass : llvm::PassInfoMixin<PrefetchRowsPass> {
  llvm::PreservedAnalyses run(llvm::Function &function, llvm::FunctionAnalysisManager &analyses);
};

} // namespace raddle

#endif // RADDLE_LIB_CODEGEN_CPU_PREFETCH_H
