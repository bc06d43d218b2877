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

/// Where a gather stood and where it starts, as positions and as the op behind it.
struct Start {
  ragged::GatherOp gather;
  Operation *behind;
  int64_t bytes, bound, before, now;
};

/// Moves the gathers of a function up, in their order, while no more than `limit` bytes live.
SmallVector<Start> prefetch(func::FuncOp function, const LiveMemory &live, int64_t limit) {
  SmallVector<Start> starts;
  Profile alive = live.bytes;
  // Where compute begins to use the gather before.
  int64_t earliest = 0;
  for (auto gather : llvm::make_early_inc_range(function.getBody().front().getOps<ragged::GatherOp>())) {
    SmallVector<int64_t> uses = live.uses(gather);
    if (uses.empty())
      continue;
    int64_t bytes = bytesOf(gather.getFull().getType()), before = live.position(gather);
    Operation *slice = gather.getSlice().getDefiningOp();
    int64_t bound = std::max(earliest, slice ? live.position(slice) + 1 : 0);
    int64_t now = bound < before ? alive.lastAbove(bound, before, limit - bytes) + 1 : before;
    earliest = uses.front();
    starts.push_back({gather, gather->getNextNode(), bytes, bound, before, now});
    if (now == before)
      continue;
    alive.add(now, before, bytes);
    gather->moveBefore(live.at(now));
  }
  return starts;
}

void moveBack(MutableArrayRef<Start> starts) {
  // What is behind a gather is a gather that has been moved back already, or was never moved.
  for (Start &start : llvm::reverse(starts))
    start.gather->moveBefore(start.behind);
}

void explainLate(MutableArrayRef<Start> starts, int64_t limit) {
  for (Start &start : starts)
    if (start.now == start.before && start.before > start.bound)
      remark::missed(start.gather.getLoc(), remark::RemarkOpts::name("late").category("ragged-prefetch"))
          << start.gather.getBucket() << ": starts when it is needed, " << std::to_string(start.bytes)
          << " bytes more would exceed " << std::to_string(limit);
}

struct RaggedPrefetchPass : raddle::impl::RaggedPrefetchBase<RaggedPrefetchPass> {
  using Base::Base;

  void runOnOperation() override {
    if (failed(forEachProgram(getOperation(), [&](func::FuncOp function, SymbolTableCollection &symbols) {
          return start(function, symbols);
        })))
      signalPassFailure();
  }

private:
  /// Within a budget the arena counts with the gaps between addresses: as long as it is too large, less may live.
  LogicalResult start(func::FuncOp function, SymbolTableCollection &symbols) {
    FailureOr<LiveMemory> live = LiveMemory::compute(function, symbols);
    if (failed(live))
      return failure();
    int64_t peak = live->bytes.peak(), room = live->roomWithin(budget);
    int64_t limit = budget ? std::max(room, peak) : peak;
    for (;;) {
      SmallVector<Start> starts = prefetch(function, *live, limit);
      int64_t moved = llvm::count_if(starts, [](const Start &start) { return start.now != start.before; });
      int64_t excess = 0;
      if (budget && moved != 0) {
        FailureOr<LiveMemory> after = LiveMemory::compute(function, symbols);
        if (failed(after))
          return failure();
        excess = after->arenaBytes() - room;
        peak = after->bytes.peak();
      }
      if (excess <= 0) {
        numMoved += moved;
        explainLate(starts, limit);
        return success();
      }
      moveBack(starts);
      limit = std::min(limit, peak) - lessFor(excess);
    }
  }
};

} // namespace
