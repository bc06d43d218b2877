// Placement of tensors in a bucket that is cut into equal slices. Plain C++: no MLIR.
#ifndef RADDLE_PLAN_BUCKETPLANNER_H
#define RADDLE_PLAN_BUCKETPLANNER_H

#include <cstdint>
#include <optional>
#include <vector>

namespace raddle::plan {

/// A tensor to place: its number of elements, and the number of elements, at least 1, that no slice boundary may cut
/// apart, counted from its start; the last unit may be shorter.
struct Tensor {
  int64_t elements;
  int64_t unit;
};

struct Layout {
  int64_t shard;                ///< elements of each rank's slice
  std::vector<int64_t> offsets; ///< one a tensor, in elements from the start of the bucket
};

/// Elements that a bucket may have, slices of all ranks together; callers keep unit * ranks and the sum of all tensors
/// below it, so that no position overflows.
constexpr int64_t kMaxElements = int64_t(1) << 60;

/// The order in which tensors are placed; equal ones keep the given order.
enum class Order {
  Given,
  ByUnit, ///< large units first, of equal units large tensors first
  BySize, ///< large tensors first
};

/// Places the tensors, in the given order, each at the first feasible position, in a bucket of `ranks` slices of
/// `shard` elements; nothing where they do not fit. Offsets are multiples of `alignment` elements, which divides
/// `shard`.
///
/// The rule, exact for a fixed order and shard: let b be the first boundary behind the current position p. A tensor
/// that ends at or before b stays at p. Otherwise the latest position up to which b is at a whole number of units is
/// taken, if the unit divides the shard or the tensor ends at or before the next boundary. Otherwise it starts at b,
/// under the same rule.
std::optional<std::vector<int64_t>> placeEarliestFit(const std::vector<Tensor> &tensors, int64_t ranks, int64_t shard,
                                                     int64_t alignment);

/// The same in any order, and a tensor that fits into a gap which the rule has left goes there, into the smallest such
/// gap. It fits wherever earliest fit alone does in that order: a tensor in a gap takes nothing from those that follow.
std::optional<std::vector<int64_t>> placeFillingGaps(const std::vector<Tensor> &tensors, Order order, int64_t ranks,
                                                     int64_t shard, int64_t alignment);

/// The layout of the least shard, over multiples of `alignment`, for which earliest fit places the tensors in the given
/// order. Feasibility is not monotone in the shard's size, so every size from the lower bound on is tried that may be
/// feasible: a tensor of more than two slices has a whole slice inside, so that its unit divides the shard.
Layout planGivenOrder(const std::vector<Tensor> &tensors, int64_t ranks, int64_t alignment);

/// The layout of a small shard: the best over the orders, with gaps filled. Never larger than `planGivenOrder`'s, as
/// far as a fixed amount of search decides it: buckets of some thousand tensors whose units fit badly are searched in
/// growing steps instead of all sizes. The same input always gives the same layout.
Layout planBucket(const std::vector<Tensor> &tensors, int64_t ranks, int64_t alignment);

} // namespace raddle::plan

#endif // RADDLE_PLAN_BUCKETPLANNER_H
