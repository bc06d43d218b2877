// Free intervals that placement leaves before tensors which may not start earlier.
#ifndef RADDLE_LIB_PLAN_GAPS_H
#define RADDLE_LIB_PLAN_GAPS_H

#include <cstdint>
#include <map>
#include <optional>

namespace raddle::plan {

/// Gaps of a bucket, none of which contains a boundary. They start and end at multiples of the alignment.
class Gaps {
public:
  Gaps(int64_t shard, int64_t alignment) : shard(shard), alignment(alignment) {}

  /// Adds [begin, end), cut at the boundaries.
  void add(int64_t begin, int64_t end);

  /// Takes a place for so many elements from the smallest gap that has one.
  std::optional<int64_t> take(int64_t elements);

  /// Length of the largest gap, 0 without any.
  int64_t largest() const { return byLength.empty() ? 0 : byLength.rbegin()->first; }

private:
  int64_t shard, alignment;
  std::multimap<int64_t, int64_t> byLength; // length to start
};

} // namespace raddle::plan

#endif // RADDLE_LIB_PLAN_GAPS_H
