// Which parts of a line of addresses are taken at which instants.
#ifndef RADDLE_LIB_SCHEDULE_OCCUPANCY_H
#define RADDLE_LIB_SCHEDULE_OCCUPANCY_H

#include "llvm/ADT/SmallVector.h"
#include <cstdint>
#include <utility>
#include <vector>

namespace raddle {

/// Half-open intervals [begin, end) of addresses: sorted, disjoint, and merged where they touch.
class AddressSet {
public:
  void insert(int64_t begin, int64_t end);

  /// The lowest address from `from` on behind which `size` addresses are free.
  int64_t lowestFree(int64_t from, int64_t size) const;

private:
  using Interval = std::pair<int64_t, int64_t>;

  llvm::SmallVector<Interval, 1>
      intervals; // the highest first: what backward holds grows downwards, to the end of the list
};

/// Rectangles of instants and addresses: a segment tree over the instants, whose nodes know what is taken during all
/// and during a part of their instants. Packed rectangles merge to a few intervals a node, so that a rectangle is
/// placed in about the logarithm of the number of instants, however many others it meets.
class Occupancy {
public:
  explicit Occupancy(size_t instants);

  /// The lowest address behind which `size` addresses are free at all instants [first, last].
  int64_t lowestFree(size_t first, size_t last, int64_t size) const;

  void insert(size_t first, size_t last, int64_t begin, int64_t end);

private:
  struct Node {
    AddressSet always; // taken by rectangles that span the node's instants
    AddressSet ever;   // taken at one of them at least
  };

  size_t leaves;
  std::vector<Node> nodes; // of node i the children are 2i and 2i + 1, the root is node 1
};

} // namespace raddle

#endif // RADDLE_LIB_SCHEDULE_OCCUPANCY_H
