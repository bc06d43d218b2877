#include "Arena.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/MathExtras.h"
#include <map>

namespace raddle {

/// Cache lines, widest vectors and a GPU's copy engines are content with it.
static constexpr int64_t kAlignment = 128;

int64_t assignOffsets(llvm::MutableArrayRef<Allocation> allocations) {
  llvm::SmallVector<Allocation *> order;
  for (Allocation &allocation : allocations)
    if (allocation.isUsed())
      order.push_back(&allocation);
  llvm::stable_sort(order, [](const Allocation *a, const Allocation *b) { return a->bytes > b->bytes; });

  int64_t arena = 0;
  llvm::SmallVector<Allocation *> placed; // sorted by offset
  for (Allocation *allocation : order) {
    int64_t offset = 0;
    for (const Allocation *other : placed) {
      if (!other->overlapsInTime(*allocation))
        continue;
      if (offset + allocation->bytes <= other->offset)
        break;
      offset = std::max(offset, static_cast<int64_t>(llvm::alignTo(other->offset + other->bytes, kAlignment)));
    }
    allocation->offset = offset;
    arena = std::max(arena, offset + allocation->bytes);
    auto position = llvm::upper_bound(placed, allocation,
                                      [](const Allocation *a, const Allocation *b) { return a->offset < b->offset; });
    placed.insert(position, allocation);
  }
  return arena;
}

int64_t lowerBoundBytes(llvm::ArrayRef<Allocation> allocations) {
  std::map<int64_t, int64_t> change; // of the bytes alive, at an instruction
  for (const Allocation &allocation : allocations)
    if (allocation.isUsed()) {
      change[allocation.first] += allocation.bytes;
      change[allocation.last + 1] -= allocation.bytes;
    }
  int64_t alive = 0, most = 0;
  for (auto [position, bytes] : change)
    most = std::max(most, alive += bytes);
  return most;
}

} // namespace raddle
