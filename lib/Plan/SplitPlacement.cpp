#include "SplitPlacement.h"

#include "Gaps.h"
#include "Position.h"

#include <algorithm>

namespace raddle::plan {

namespace {

class Splitter {
public:
  Splitter(const std::vector<Tensor> &tensors, int64_t shard, int64_t alignment, int64_t ranks)
      : tensors(tensors), shard(shard), alignment(alignment), mostForGaps(tensors.size() + ranks),
        mostChunks(tensors.size() + 8 * ranks), gaps(shard, alignment) {}

  std::optional<SplitPlacement> run() {
    for (uint32_t index : order())
      if (!place(index))
        return std::nullopt;
    return std::move(result);
  }

private:
  std::vector<uint32_t> order() const {
    std::vector<uint32_t> indices(tensors.size());
    std::iota(indices.begin(), indices.end(), 0);
    auto rank = [&](const Tensor &tensor) { return tensor.unit == 1 ? 2 : shard % tensor.unit == 0 ? 0 : 1; };
    std::sort(indices.begin(), indices.end(), [&](uint32_t left, uint32_t right) {
      const Tensor &a = tensors[left], &b = tensors[right];
      if (rank(a) != rank(b))
        return rank(a) < rank(b);
      if (a.unit != b.unit)
        return a.unit > b.unit;
      // Single elements: what fits into no gap first, so that it leaves no gap behind it. Others: neighbours of the
      // model stay together.
      return a.unit == 1 && a.elements != b.elements ? a.elements > b.elements : left < right;
    });
    return indices;
  }

  bool place(uint32_t index) {
    const Tensor &tensor = tensors[index];
    if (tensor.unit > shard && tensor.elements > 0)
      return false;
    if (tensor.elements <= gaps.largest())
      if (std::optional<int64_t> start = gaps.take(tensor.elements))
        return put(index, 0, tensor.elements, *start);
    std::optional<int64_t> start = findPosition(tensor, position, shard, alignment);
    // A start that leaves whole units free is for the sake of contiguity only.
    if (start && (shard % tensor.unit == 0 || *start - position < tensor.unit)) {
      moveTo(*start);
      return put(index, 0, tensor.elements, *start) && advance(tensor.elements);
    }
    return split(index);
  }

  /// Fills gaps, then slice after slice, with as many units as there is room for.
  bool split(uint32_t index) {
    const Tensor &tensor = tensors[index];
    int64_t begin = 0;
    while (begin < tensor.elements) {
      int64_t left = tensor.elements - begin;
      if (gaps.largest() >= tensor.unit && result.chunks.size() < mostForGaps) {
        int64_t elements = std::min(left, gaps.largest() / tensor.unit * tensor.unit);
        if (!put(index, begin, elements, *gaps.take(elements)))
          return false;
        begin += elements;
        continue;
      }
      int64_t boundary = (position / shard + 1) * shard;
      int64_t elements = std::min(left, (boundary - position) / tensor.unit * tensor.unit);
      if (elements == 0) {
        moveTo(boundary);
        continue;
      }
      if (!put(index, begin, elements, position) || !advance(elements))
        return false;
      begin += elements;
    }
    return true;
  }

  bool put(uint32_t index, int64_t begin, int64_t elements, int64_t offset) {
    if (result.chunks.size() >= mostChunks)
      return false;
    result.chunks.push_back({index, begin, elements, offset});
    result.end = std::max(result.end, offset + elements);
    return true;
  }

  void moveTo(int64_t start) {
    gaps.add(position, start);
    position = start;
  }

  bool advance(int64_t elements) {
    position = alignUp(position + elements, alignment);
    return position <= 2 * kMaxElements;
  }

  const std::vector<Tensor> &tensors;
  int64_t shard, alignment;
  size_t mostForGaps, mostChunks;
  Gaps gaps;
  int64_t position = 0;
  SplitPlacement result{{}, 0};
};

} // namespace

std::optional<SplitPlacement> placeSplitting(const std::vector<Tensor> &tensors, int64_t shard, int64_t alignment,
                                             int64_t ranks) {
  return Splitter(tensors, shard, alignment, ranks).run();
}

} // namespace raddle::plan
