// ragged-reshard: which buckets are gathered again.
#include "LiveMemory.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Remarks.h"
#include "raddle/Passes.h"

namespace raddle {
#define GEN_PASS_DEF_RAGGEDRESHARD
#include "raddle/Passes.h.inc"
} // namespace raddle

using namespace mlir;
using namespace raddle;

namespace {

/// A gathered bucket and the longest time that it lies idle: between the uses at `last` and `next`.
struct Idle {
  ragged::GatherOp gather;
  int64_t last, next;
  int64_t bytes;

  bool covers(int64_t position) const { return last < position && position < next; }
};

/// Frees memory at the peak until it is at most `limit`, or until no gathered bucket lies idle there.
class Resharder {
public:
  Resharder(func::FuncOp function, LiveMemory live, int64_t limit)
      : function(function), live(std::move(live)), limit(limit) {}

  int64_t run() {
    for (auto gather : function.getBody().front().getOps<ragged::GatherOp>())
      if (std::optional<Idle> idle = longestIdle(gather))
        candidates.push_back(*idle);
    int64_t again = 0;
    while (live.bytes.peak() > limit) {
      int64_t peak = live.bytes.firstPeak();
      Idle *best = nullptr;
      for (Idle &idle : candidates)
        if (idle.gather && idle.covers(peak) && (!best || idle.bytes > best->bytes))
          best = &idle;
      if (!best)
        break;
      live.bytes.add(best->last + 1, best->next, -best->bytes);
      split(*best);
      best->gather = nullptr;
      ++again;
    }
    return again;
  }

  void explainHeld() {
    for (Idle &idle : candidates)
      if (idle.gather)
        remark::analysis(idle.gather.getLoc(), remark::RemarkOpts::name("held").category("ragged-reshard"))
            << idle.gather.getBucket() << ": " << std::to_string(idle.bytes)
            << " bytes are held between uses, where the peak is elsewhere or fits";
  }

private:
  std::optional<Idle> longestIdle(ragged::GatherOp gather) {
    SmallVector<int64_t> uses = live.uses(gather);
    Idle best{gather, 0, 0, bytesOf(gather.getFull().getType())};
    for (size_t i = 1; i < uses.size(); ++i)
      if (uses[i] - uses[i - 1] > best.next - best.last) {
        best.last = uses[i - 1];
        best.next = uses[i];
      }
    if (best.next - best.last <= 1)
      return std::nullopt;
    return best;
  }

  /// Gathers a second time before the use at `next`, for all uses from there on.
  void split(Idle &idle) {
    OpBuilder builder(live.at(idle.next));
    IRMapping again;
    auto second = cast<ragged::GatherOp>(builder.clone(*idle.gather, again));
    second.setPhase(idle.gather.getPhase() + 1);
    SmallVector<Operation *> shown(idle.gather.getFull().getUsers());
    SmallVector<OpOperand *> later;
    while (!shown.empty()) {
      Operation *view = shown.pop_back_val();
      if (!showsMemory(view))
        continue;
      builder.clone(*view, again);
      for (OpOperand &use : view->getResult(0).getUses()) {
        if (showsMemory(use.getOwner()))
          shown.push_back(use.getOwner());
        else if (live.position(use.getOwner()) >= idle.next)
          later.push_back(&use);
      }
    }
    for (OpOperand *use : later)
      use->set(again.lookup(use->get()));
    dropUnusedViews(second.getFull());
    dropUnusedViews(idle.gather.getFull());
    remark::passed(second.getLoc(), remark::RemarkOpts::name("again").category("ragged-reshard"))
        << idle.gather.getBucket() << ": gathered again, " << std::to_string(idle.bytes)
        << " bytes are free in between";
  }

  static void dropUnusedViews(Value value) {
    for (Operation *user : llvm::make_early_inc_range(value.getUsers())) {
      if (!showsMemory(user))
        continue;
      dropUnusedViews(user->getResult(0));
      if (user->use_empty())
        user->erase();
    }
  }

  func::FuncOp function;
  LiveMemory live;
  int64_t limit;
  SmallVector<Idle> candidates;
};

struct RaggedReshardPass : raddle::impl::RaggedReshardBase<RaggedReshardPass> {
  using Base::Base;

  void runOnOperation() override {
    if (failed(forEachProgram(getOperation(), [&](func::FuncOp function, SymbolTableCollection &symbols) {
          return reshard(function, symbols);
        })))
      signalPassFailure();
  }

private:
  /// Without a budget, frees what can be freed. Addresses leave gaps, so that an arena may exceed a budget that what
  /// lives fits: then the peak must be lower by as much.
  LogicalResult reshard(func::FuncOp function, SymbolTableCollection &symbols) {
    int64_t limit = 0;
    for (bool first = true;; first = false) {
      FailureOr<LiveMemory> live = LiveMemory::compute(function, symbols);
      if (failed(live))
        return failure();
      if (budget) {
        int64_t room = live->roomWithin(budget), peak = live->bytes.peak();
        int64_t lower = peak > room ? room : peak - lessFor(live->arenaBytes() - room);
        limit = first ? lower : std::min(limit, lower);
      }
      Resharder resharder(function, std::move(*live), limit);
      int64_t again = resharder.run();
      numAgain += again;
      if (again == 0 || budget == 0) {
        resharder.explainHeld();
        return success();
      }
    }
  }
};

} // namespace
