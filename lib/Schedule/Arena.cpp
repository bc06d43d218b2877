#include "Arena.h"

#include "Occupancy.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/MathExtras.h"
#include <map>

namespace raddle {

/// Cache lines, widest vectors and a GPU's copy engines are content with it.
static constexpr int64_t kAlignment = 128;

int64_t placeInOrder(llvm::MutableArrayRef<Allocation> allocations, llvm::ArrayRef<unsigned> order) {
  // Two lives that overlap do so at the birth of one of them: other instants need not be seen.
  llvm::SmallVector<int64_t> births;
  for (unsigned index : order)
    births.push_back(allocations[index].first);
  llvm::sort(births);
  births.erase(llvm::unique(births), births.end());

  int64_t arena = 0;
  Occupancy occupied(births.size());
  for (unsigned index : order) {
    Allocation &allocation = allocations[index];
    size_t first = llvm::lower_bound(births, allocation.first) - births.begin();
    size_t last = llvm::upper_bound(births, allocation.last) - births.begin() - 1;
    int64_t size = llvm::alignTo(allocation.bytes, kAlignment);
    allocation.offset = occupied.lowestFree(first, last, size);
    occupied.insert(first, last, allocation.offset, allocation.offset + size);
    arena = std::max(arena, allocation.end());
  }
  return arena;
}

LiveBytes mostLiveBytes(llvm::ArrayRef<Allocation> allocations) {
  std::map<int64_t, int64_t> change; // of the bytes alive, at an instruction
  for (const Allocation &allocation : allocations)
    if (allocation.isUsed()) {
      change[allocation.first] += allocation.bytes;
      change[allocation.last + 1] -= allocation.bytes;
    }
  LiveBytes most;
  int64_t alive = 0;
  for (auto [instant, bytes] : change)
    if ((alive += bytes) > most.bytes)
      most = {alive, instant};
  return most;
}

} // namespace raddle
