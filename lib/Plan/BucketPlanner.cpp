#include "raddle/Plan/BucketPlanner.h"

#include <algorithm>
#include <numeric>

namespace raddle::plan {

static int64_t divideUp(int64_t value, int64_t divisor) { return (value + divisor - 1) / divisor; }
static int64_t alignUp(int64_t value, int64_t alignment) { return divideUp(value, alignment) * alignment; }

/// First feasible position of `tensor` at or after the aligned position `position`.
static std::optional<int64_t> findPosition(const Tensor &tensor, int64_t position, int64_t shard, int64_t alignment) {
  for (int attempt = 0; attempt < 2; ++attempt) {
    int64_t boundary = (position / shard + 1) * shard;
    if (position + tensor.elements <= boundary)
      return position;
    // Behind here the boundary lies inside the tensor, or at its start. The start steps back from the boundary by whole
    // units and must be aligned, so by multiples of both.
    int64_t step = std::lcm(tensor.unit, alignment);
    int64_t start = boundary - step * ((boundary - position) / step);
    if (shard % tensor.unit == 0 || start + tensor.elements <= boundary + shard)
      return start;
    position = boundary;
  }
  return std::nullopt;
}

std::optional<std::vector<int64_t>> placeEarliestFit(const std::vector<Tensor> &tensors, int64_t ranks, int64_t shard,
                                                     int64_t alignment) {
  std::vector<int64_t> offsets;
  int64_t position = 0;
  for (const Tensor &tensor : tensors) {
    std::optional<int64_t> start = findPosition(tensor, alignUp(position, alignment), shard, alignment);
    if (!start || *start + tensor.elements > ranks * shard)
      return std::nullopt;
    offsets.push_back(*start);
    position = *start + tensor.elements;
  }
  return offsets;
}

Layout planBucket(const std::vector<Tensor> &tensors, int64_t ranks, int64_t alignment) {
  int64_t total = 0;
  for (const Tensor &tensor : tensors)
    total += tensor.elements;
  int64_t shard = std::max(alignment, alignUp(divideUp(total, ranks), alignment));
  // Ends: a shard that holds every tensor whole in one slice is feasible.
  while (true) {
    if (auto offsets = placeEarliestFit(tensors, ranks, shard, alignment))
      return {shard, std::move(*offsets)};
    shard += alignment;
  }
}

} // namespace raddle::plan
