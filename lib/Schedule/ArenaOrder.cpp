// In which order allocations get their places. No order is best for all programs, and finding the best one is hard, but
// whether one is good is known: the most that lives at one time is a bound.
#include "Arena.h"

#include "llvm/ADT/STLExtras.h"
#include <tuple>

namespace raddle {
namespace {

/// An arena that exceeds the bound by less than one part in so many is good.
constexpr int64_t kGoodEnough = 128;
/// Orders that are tried from each start, and allocations that are placed to do so: large programs try few.
constexpr size_t kMostOrders = 64;
constexpr size_t kMostPlaced = 1 << 18;

using Order = llvm::SmallVector<unsigned>;

class OrderSearch {
public:
  explicit OrderSearch(llvm::MutableArrayRef<Allocation> allocations)
      : allocations(allocations), most(mostLiveBytes(allocations)) {}

  int64_t run() {
    Order largest = largestFirst(allocations);
    place(largest);
    if (isGood())
      return smallest;
    Order longest = largest, atPeak = largest;
    auto sortBy = [&](Order &order, auto key) {
      llvm::sort(order, [&](unsigned a, unsigned b) {
        return std::tuple(key(a), -allocations[a].bytes, a) < std::tuple(key(b), -allocations[b].bytes, b);
      });
    };
    sortBy(atPeak, [&](unsigned index) { return !allocations[index].livesAt(most.instant); });
    sortBy(longest, [&](unsigned index) { return allocations[index].first - allocations[index].last; });
    for (Order *start : {&atPeak, &longest, &largest})
      improve(*start);
    for (auto [allocation, offset] : llvm::zip(allocations, offsets))
      allocation.offset = offset;
    return smallest;
  }

private:
  bool isGood() const { return smallest <= most.bytes + most.bytes / kGoodEnough; }

  /// Places all and keeps the smallest arena.
  int64_t place(const Order &order) {
    int64_t arena = placeInOrder(allocations, order);
    if (offsets.empty() || arena < smallest) {
      smallest = arena;
      offsets.clear();
      for (const Allocation &allocation : allocations)
        offsets.push_back(allocation.offset);
    }
    return arena;
  }

  /// What reaches the arena's end came too late for a better place: the next order has it in half the time.
  void improve(Order &order) {
    size_t rounds = std::min(kMostOrders, kMostPlaced / std::max<size_t>(order.size(), 1) + 1);
    for (size_t round = 0; round < rounds && !isGood(); ++round) {
      int64_t arena = place(order);
      for (size_t i = 0; i < order.size(); ++i)
        if (allocations[order[i]].end() == arena)
          std::rotate(order.begin() + i / 2, order.begin() + i, order.begin() + i + 1);
    }
  }

  llvm::MutableArrayRef<Allocation> allocations;
  LiveBytes most;
  int64_t smallest = 0;
  llvm::SmallVector<int64_t> offsets; // of the smallest arena so far
};

} // namespace

Order largestFirst(llvm::ArrayRef<Allocation> allocations) {
  Order order;
  for (unsigned index = 0; index < allocations.size(); ++index)
    if (allocations[index].isUsed())
      order.push_back(index);
  llvm::sort(order, [&](unsigned a, unsigned b) {
    return std::pair(-allocations[a].bytes, a) < std::pair(-allocations[b].bytes, b);
  });
  return order;
}

int64_t assignOffsets(llvm::MutableArrayRef<Allocation> allocations) { return OrderSearch(allocations).run(); }

} // namespace raddle
