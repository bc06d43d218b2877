#include "Arena.h"

#include "Occupancy.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/MathExtras.h"
#include <map>

namespace raddle {

/// Cache lines, widest vectors and a GPU's copy engines are content with it.
static constexpr int64_t kAlignment = 128;

int64_t assignOffsets(llvm::MutableArrayRef<Allocation> allocations) {
  llvm::SmallVector<Allocation *> order;
  llvm::SmallVector<int64_t>
      births; // two lives that overlap do so at the birth of one of them: others need not be seen
  for (Allocation &allocation : allocations)
    if (allocation.isUsed()) {
      order.push_back(&allocation);
      births.push_back(allocation.first);
    }
  llvm::stable_sort(order, [](const Allocation *a, const Allocation *b) { return a->bytes > b->bytes; });
  llvm::sort(births);
  births.erase(llvm::unique(births), births.end());

  int64_t arena = 0;
  Occupancy occupied(births.size());
  for (Allocation *allocation : order) {
    size_t first = llvm::lower_bound(births, allocation->first) - births.begin();
    size_t last = llvm::upper_bound(births, allocation->last) - births.begin() - 1;
    int64_t size = llvm::alignTo(allocation->bytes, kAlignment);
    allocation->offset = occupied.lowestFree(first, last, size);
    occupied.insert(first, last, allocation->offset, allocation->offset + size);
    arena = std::max(arena, allocation->offset + allocation->bytes);
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
