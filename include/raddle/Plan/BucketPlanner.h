// Placement of tensors in a bucket that is cut into equal slices. Plain C++: no MLIR.
#ifndef RADDLE_PLAN_BUCKETPLANNER_H
#define RADDLE_PLAN_BUCKETPLANNER_H

#include <cstdint>
#include <optional>
#include <vector>

namespace raddle::plan {

/// A tensor to place: its number of elements, and the number of elements that no slice boundary may cut apart. The unit
/// is at least 1 and divides the elements.
struct Tensor {
  int64_t elements;
  int64_t unit;
};

struct Layout {
  int64_t shard;                ///< elements of each rank's slice
  std::vector<int64_t> offsets; ///< one a tensor, in elements from the start of the bucket
};

/// Places the tensors, in this order, each at the first feasible position, in a bucket of `ranks` slices of `shard`
/// elements; nothing where they do not fit. Offsets are multiples of `alignment` elements, which divides `shard`.
///
/// The rule, exact for a fixed order and shard: let b be the first boundary behind the current position p. A tensor
/// that ends at or before b stays at p. Otherwise the latest position up to which b is at a whole number of units is
/// taken, if the unit divides the shard or the tensor ends at or before the next boundary. Otherwise it starts at b,
/// under the same rule.
std::optional<std::vector<int64_t>> placeEarliestFit(const std::vector<Tensor> &tensors, int64_t ranks, int64_t shard,
                                                     int64_t alignment);

/// The layout of the least shard, over multiples of `alignment`, for which the tensors fit in the given order.
/// Feasibility is not monotone in the shard's size, so every multiple from the lower bound ⌈Σ elements / ranks⌉ on is
/// tried.
Layout planBucket(const std::vector<Tensor> &tensors, int64_t ranks, int64_t alignment);

} // namespace raddle::plan

#endif // RADDLE_PLAN_BUCKETPLANNER_H
