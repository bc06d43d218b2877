// Which elements go from which rank to which, when a bucket's layout changes. Plain C++: no MLIR.
#ifndef RADDLE_PLAN_REDISTRIBUTE_H
#define RADDLE_PLAN_REDISTRIBUTE_H

#include <cstdint>
#include <vector>

namespace raddle::plan {

/// Elements [source, source + count) of rank `from`'s slice become elements [target, target + count) of rank `to`'s
/// memory.
struct Piece {
  int64_t from, to;
  int64_t source, target;
  int64_t count;
};

/// Where a tensor lies in a bucket of slices of `shard` elements.
struct Interval {
  int64_t offset; ///< elements from the start of the bucket
  int64_t shard;
};

/// Appends the pieces that move a tensor of `elements` elements from one layout to another.
void appendRedistribution(std::vector<Piece> &pieces, Interval source, Interval target, int64_t elements);

/// The pieces that bring a tensor from its slices to one rank, where it begins at element 0.
std::vector<Piece> gatherToRoot(Interval source, int64_t elements, int64_t root);

/// The inverse: from a whole tensor on one rank to the slices.
std::vector<Piece> scatterFromRoot(Interval target, int64_t elements, int64_t root);

/// One rank for each cost, so that the largest sum of costs of a rank is small: the largest first, each to the rank
/// with the least so far (at most 4/3 - 1/(3 ranks) of the optimum: Graham, 1969). Deterministic.
std::vector<int64_t> balanceRoots(const std::vector<double> &costs, int64_t ranks);

} // namespace raddle::plan

#endif // RADDLE_PLAN_REDISTRIBUTE_H
