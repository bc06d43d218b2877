#include "Occupancy.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/bit.h"
#include <algorithm>

namespace raddle {

void AddressSet::insert(int64_t begin, int64_t end) {
  if (begin >= end)
    return;
  auto first = llvm::partition_point(intervals, [&](const Interval &interval) { return interval.first > end; });
  auto last = std::find_if(first, intervals.end(), [&](const Interval &interval) { return interval.second < begin; });
  if (first == last) {
    intervals.insert(first, {begin, end});
    return;
  }
  *first = {std::min(begin, std::prev(last)->first), std::max(end, first->second)};
  intervals.erase(std::next(first), last);
}

int64_t AddressSet::lowestFree(int64_t from, int64_t size) const {
  auto above = llvm::partition_point(intervals, [&](const Interval &interval) { return interval.second > from; });
  for (; above != intervals.begin() && std::prev(above)->first - from < size; --above)
    from = std::prev(above)->second;
  return from;
}

/// Calls `span` for the nodes whose instants make up [first, last], each once.
template <typename Callback> static void forEachSpan(size_t leaves, size_t first, size_t last, Callback span) {
  for (size_t low = first + leaves, high = last + leaves + 1; low < high; low /= 2, high /= 2) {
    if (low % 2)
      span(low++);
    if (high % 2)
      span(--high);
  }
}

/// Calls `visit` for the nodes on the ways from the leaves `first` and `last` to the root, each once.
template <typename Callback> static void forEachAbove(size_t leaves, size_t first, size_t last, Callback visit) {
  for (size_t low = first + leaves, high = last + leaves; low > 0; low /= 2, high /= 2) {
    visit(low);
    if (high != low)
      visit(high);
  }
}

Occupancy::Occupancy(size_t instants) : leaves(llvm::bit_ceil(std::max<size_t>(instants, 1))), nodes(2 * leaves) {}

int64_t Occupancy::lowestFree(size_t first, size_t last, int64_t size) const {
  // What is taken at an instant between first and last is taken by a rectangle inside of a span, or by one that spans
  // a node above: such a node is above first or above last, too.
  llvm::SmallVector<const AddressSet *> taken;
  forEachSpan(leaves, first, last, [&](size_t node) { taken.push_back(&nodes[node].ever); });
  forEachAbove(leaves, first, last, [&](size_t node) { taken.push_back(&nodes[node].always); });
  int64_t address = 0;
  for (size_t agreed = 0, next = 0; agreed < taken.size(); next = (next + 1) % taken.size()) {
    int64_t free = taken[next]->lowestFree(address, size);
    agreed = free == address ? agreed + 1 : 1;
    address = free;
  }
  return address;
}

void Occupancy::insert(size_t first, size_t last, int64_t begin, int64_t end) {
  forEachSpan(leaves, first, last, [&](size_t node) {
    nodes[node].always.insert(begin, end);
    nodes[node].ever.insert(begin, end);
  });
  forEachAbove(leaves, first, last, [&](size_t node) { nodes[node].ever.insert(begin, end); });
}

} // namespace raddle
