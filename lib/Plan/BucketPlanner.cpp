#include "raddle/Plan/BucketPlanner.h"

#include "Gaps.h"
#include "Position.h"
#include "ShardSizes.h"

#include <algorithm>

namespace raddle::plan {

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

static std::vector<uint32_t> indicesInOrder(const std::vector<Tensor> &tensors, Order order) {
  std::vector<uint32_t> indices(tensors.size());
  std::iota(indices.begin(), indices.end(), 0);
  if (order == Order::Given)
    return indices;
  std::sort(indices.begin(), indices.end(), [&](uint32_t left, uint32_t right) {
    const Tensor &a = tensors[left], &b = tensors[right];
    if (order == Order::ByUnit && a.unit != b.unit)
      return a.unit > b.unit;
    return a.elements != b.elements ? a.elements > b.elements : left < right;
  });
  return indices;
}

static std::optional<std::vector<int64_t>> placeInOrder(const std::vector<Tensor> &tensors,
                                                        const std::vector<uint32_t> &indices, int64_t ranks,
                                                        int64_t shard, int64_t alignment) {
  std::vector<int64_t> offsets(tensors.size());
  Gaps gaps(shard, alignment);
  int64_t position = 0;
  for (uint32_t index : indices) {
    const Tensor &tensor = tensors[index];
    if (tensor.elements <= gaps.largest())
      if (std::optional<int64_t> start = gaps.take(tensor.elements)) {
        offsets[index] = *start;
        continue;
      }
    std::optional<int64_t> start = findPosition(tensor, position, shard, alignment);
    if (!start || *start + tensor.elements > ranks * shard)
      return std::nullopt;
    gaps.add(position, *start);
    offsets[index] = *start;
    position = alignUp(*start + tensor.elements, alignment);
  }
  return offsets;
}

std::optional<std::vector<int64_t>> placeFillingGaps(const std::vector<Tensor> &tensors, Order order, int64_t ranks,
                                                     int64_t shard, int64_t alignment) {
  return placeInOrder(tensors, indicesInOrder(tensors, order), ranks, shard, alignment);
}

Layout planGivenOrder(const std::vector<Tensor> &tensors, int64_t ranks, int64_t alignment) {
  ShardSizes sizes(tensors, ranks, alignment);
  // Ends: a shard that holds every tensor whole in one slice is feasible.
  for (int64_t shard = sizes.first();; shard = sizes.atOrAfter(shard + 1))
    if (auto offsets = placeEarliestFit(tensors, ranks, shard, alignment))
      return {shard, std::move(*offsets)};
}

namespace {

/// Searches the least shard over several orders.
class BucketSearch {
public:
  BucketSearch(const std::vector<Tensor> &tensors, int64_t ranks, int64_t alignment)
      : tensors(tensors), ranks(ranks), alignment(alignment), sizes(tensors, ranks, alignment) {
    for (Order order : {Order::Given, Order::ByUnit, Order::BySize}) {
      std::vector<uint32_t> indices = indicesInOrder(tensors, order);
      if (std::find(orders.begin(), orders.end(), indices) == orders.end())
        orders.push_back(std::move(indices));
    }
  }

  Layout run() {
    findCoarse();
    refine();
    return std::move(best);
  }

private:
  /// Placements of one tensor that a part of the search may cost.
  static constexpr int64_t kMaxPlacements = 1 << 20;

  /// Sizes from the lower bound on, in steps that double from time to time. Ends: a shard that holds every tensor whole
  /// in one slice is feasible.
  void findCoarse() {
    auto placements = static_cast<int64_t>(tensors.size() * orders.size()) + 1;
    int64_t triesPerStep = std::clamp<int64_t>(kMaxPlacements / placements, 2, 64);
    int64_t step = alignment, tries = 0;
    for (int64_t shard = sizes.first(); !tryShard(shard); shard = sizes.atOrAfter(shard + step)) {
      failed = shard;
      if (++tries % triesPerStep == 0)
        step *= 2;
    }
  }

  /// The sizes that were skipped, as far as a fixed amount of work goes: first those of the last step, then from the
  /// least on.
  void refine() {
    int64_t budget = kMaxPlacements;
    for (int64_t from : {failed + 1, sizes.first()})
      for (int64_t shard = sizes.atOrAfter(from); shard < best.shard; shard = sizes.atOrAfter(shard + 1)) {
        budget -= static_cast<int64_t>(tensors.size() * orders.size()) + 1;
        if (budget < 0 || tryShard(shard))
          break;
      }
  }

  bool tryShard(int64_t shard) {
    for (const std::vector<uint32_t> &indices : orders)
      if (auto offsets = placeInOrder(tensors, indices, ranks, shard, alignment)) {
        best = {shard, std::move(*offsets)};
        return true;
      }
    return false;
  }

  const std::vector<Tensor> &tensors;
  int64_t ranks, alignment;
  ShardSizes sizes;
  std::vector<std::vector<uint32_t>> orders;
  int64_t failed = 0; ///< the last size that was tried in vain
  Layout best;
};

} // namespace

Layout planBucket(const std::vector<Tensor> &tensors, int64_t ranks, int64_t alignment) {
  return BucketSearch(tensors, ranks, alignment).run();
}

} // namespace raddle::plan
