// An amount at each position of a program, of which ranges change together.
#ifndef RADDLE_LIB_SCHEDULE_PROFILE_H
#define RADDLE_LIB_SCHEDULE_PROFILE_H

#include "llvm/ADT/ArrayRef.h"
#include <cstdint>
#include <vector>

namespace raddle {

/// A segment tree over positions: changes and questions take the logarithm of their number.
class Profile {
public:
  Profile() = default;
  explicit Profile(llvm::ArrayRef<int64_t> amounts);

  int64_t size() const { return positions; }
  int64_t at(int64_t position) const;

  /// The largest amount, and the first position that has it; both 0 where there are no positions.
  int64_t peak() const { return positions == 0 ? 0 : nodes[1].most; }
  int64_t firstPeak() const;

  /// The last position of [first, last) with an amount above `limit`; `first` - 1 where there is none.
  int64_t lastAbove(int64_t first, int64_t last, int64_t limit) const;

  /// Adds to the amounts of [first, last).
  void add(int64_t first, int64_t last, int64_t amount);

private:
  struct Node {
    int64_t added = 0; // to all positions of the node
    int64_t most = 0;  // of them, with what was added here, without what was added above
  };

  /// A node and the positions [first, last) that it stands for.
  struct Span {
    int64_t node, first, last;

    Span left() const { return {2 * node, first, (first + last) / 2}; }
    Span right() const { return {2 * node + 1, (first + last) / 2, last}; }
  };

  void add(Span span, int64_t first, int64_t last, int64_t amount);
  int64_t lastAbove(Span span, int64_t first, int64_t last, int64_t limit) const;

  int64_t positions = 0, leaves = 0; // positions behind the last one hold less than any amount
  std::vector<Node> nodes;           // of node i the children are 2i and 2i + 1, the root is node 1
};

} // namespace raddle

#endif // RADDLE_LIB_SCHEDULE_PROFILE_H
