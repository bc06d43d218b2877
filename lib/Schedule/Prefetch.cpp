// ragged-prefetch: when gathers start.
#include "LiveMemory.h"
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
    int64_t bytes = bytesOf(gather.getFull().getType()), now = live.position(gather);
    Operation *slice = gather.getSlice().getDefiningOp();
    int64_t bound = std::max(earliest, slice ? live.position(slice) + 1 : 0);
    int64_t start = bound < now ? live.bytes.lastAbove(bound, now, limit - bytes) + 1 : now;
    earliest = uses.front();
    if (start == now) {
      if (start > bound)
        remark::missed(gather.getLoc(), remark::RemarkOpts::name("late").category("ragged-prefetch"))
            << gather.getBucket() << ": starts when it is needed, " << std::to_string(bytes)
            << " bytes more would exceed " << std::to_string(limit);
      continue;
    }
    live.bytes.add(start, now, bytes);
    gather->moveBefore(live.at(start));
    ++moved;
  }
  return moved;
}

struct RaggedPrefetchPass : raddle::impl::RaggedPrefetchBase<RaggedPrefetchPass> {
  using Base::Base;

  void runOnOperation() override {
    LogicalResult placed = forEachProgram(getOperation(), [&](func::FuncOp function, LiveMemory &&live) {
      int64_t peak = live.bytes.peak();
      int64_t limit = budget ? std::max(live.peakWithin(budget), peak) : peak;
      numMoved += prefetch(function, std::move(live), limit);
    });
    if (failed(placed))
      signalPassFailure();
  }
};

} // namespace
