// ragged-prefetch: when gathers start.
#include "LiveMemory.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Remarks.h"
#include "raddle/Passes.h"

namespace raddle {
#define GEN_PASS_DEF_RAGGEDPREFETCH
#include "raddle/Passes.h.inc"
} // namespace raddle

using namespace mlir;
using namespace raddle;

namespace {

/// Moves the gathers of a function up, in their order; gives how many moved.
int64_t prefetch(func::FuncOp function, LiveMemory live, int64_t limit) {
  int64_t moved = 0;
  // Where compute begins to use the gather before.
  int64_t earliest = 0;
  for (auto gather : llvm::make_early_inc_range(function.getBody().front().getOps<ragged::GatherOp>())) {
    SmallVector<int64_t> uses = live.uses(gather);
    if (uses.empty())
      continue;
    int64_t bytes = bytesOf(gather.getFull().getType()), now = live.position(gather), start = now;
    Operation *slice = gather.getSlice().getDefiningOp();
    int64_t bound = std::max(earliest, slice ? live.position(slice) + 1 : 0);
    while (start > bound && live.bytesAt(start - 1) + bytes <= limit)
      --start;
    earliest = uses.front();
    if (start == now) {
      if (start > bound)
        remark::missed(gather.getLoc(), remark::RemarkOpts::name("late").category("ragged-prefetch"))
            << gather.getBucket() << ": starts when it is needed, " << std::to_string(bytes)
            << " bytes more would exceed " << std::to_string(limit);
      continue;
    }
    live.change(start, now, bytes);
    gather->moveBefore(live.at(start));
    ++moved;
  }
  return moved;
}

struct RaggedPrefetchPass : raddle::impl::RaggedPrefetchBase<RaggedPrefetchPass> {
  using Base::Base;

  void runOnOperation() override {
    SymbolTableCollection symbols;
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (function->hasAttr("exec.kernel") || function.isExternal())
        continue;
      FailureOr<LiveMemory> live = LiveMemory::compute(function, symbols);
      if (failed(live))
        return signalPassFailure();
      int64_t peak = live->peak();
      int64_t limit = budget ? std::max(live->peakWithin(budget), peak) : peak;
      numMoved += prefetch(function, std::move(*live), limit);
    }
  }
};

} // namespace
