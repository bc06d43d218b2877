// Collectives that run beside compute, until compute waits for them.
#ifndef RADDLE_LIB_SCHEDULE_PENDINGCOLLECTIVES_H
#define RADDLE_LIB_SCHEDULE_PENDINGCOLLECTIVES_H

#include "Placement.h"

namespace raddle {

/// One collective, and the places that it reads and writes.
struct PendingCollective {
  bool scatters; ///< a reduction of gradients
  int64_t event; ///< recorded behind it
  llvm::SmallVector<Place> places;
};

/// Those that compute has not waited for, in the order of their stream: whoever waits for one has waited for all
/// before. Memory of a collective is not free before that.
class PendingCollectives {
public:
  void start(PendingCollective collective) { pending.push_back(std::move(collective)); }

  /// Takes out the collectives that are done when compute may touch memory of `places`, the last of them at the end.
  llvm::SmallVector<PendingCollective> waitFor(llvm::ArrayRef<Place> places) {
    return take([&](const PendingCollective &collective) {
      return llvm::any_of(collective.places, [&](const Place &mine) {
        return llvm::any_of(places,
                            [&](const Place &other) { return mine.space == other.space && mine.index == other.index; });
      });
    });
  }

  /// One reduction of gradients may run beside compute: before the next starts, the memory of those before is freed.
  llvm::SmallVector<PendingCollective> waitForScatters() {
    return take([](const PendingCollective &collective) { return collective.scatters; });
  }

  llvm::SmallVector<PendingCollective> waitForAll() {
    return take([](const PendingCollective &) { return true; });
  }

private:
  llvm::SmallVector<PendingCollective> pending;

  /// The last that matches and all before it.
  llvm::SmallVector<PendingCollective> take(llvm::function_ref<bool(const PendingCollective &)> matches) {
    size_t count = pending.size();
    while (count > 0 && !matches(pending[count - 1]))
      --count;
    llvm::SmallVector<PendingCollective> done(pending.begin(), pending.begin() + count);
    pending.erase(pending.begin(), pending.begin() + count);
    return done;
  }
};

/// Whether an op becomes one or more collectives.
inline bool isCollective(mlir::Operation *op) {
  return mlir::isa<ragged::GatherOp, ragged::ReduceScatterOp, ragged::AllReduceOp, ragged::RedistributeOp,
                   ragged::GatherToRootsOp, ragged::ScatterFromRootsOp>(op);
}

} // namespace raddle

#endif // RADDLE_LIB_SCHEDULE_PENDINGCOLLECTIVES_H
