#include "ShardSizes.h"

#include "raddle/Plan/Arithmetic.h"

#include <algorithm>

namespace raddle::plan {

int64_t leastSlice(const std::vector<Tensor> &tensors, int64_t ranks, int64_t alignment) {
  int64_t aligned = 0, unit = 1;
  for (const Tensor &tensor : tensors) {
    aligned += alignUp(tensor.elements, alignment);
    unit = std::max(unit, std::min(tensor.unit, tensor.elements));
  }
  return alignUp(std::max(divideUp(aligned, ranks), unit), alignment);
}

ShardSizes::ShardSizes(const std::vector<Tensor> &tensors, int64_t ranks, int64_t alignment)
    : alignment(alignment), least(leastSlice(tensors, ranks, alignment)) {
  std::vector<Tensor> bySize(tensors);
  std::sort(bySize.begin(), bySize.end(), [](const Tensor &a, const Tensor &b) { return a.elements > b.elements; });
  int64_t multiple = alignment;
  for (const Tensor &tensor : bySize) {
    int64_t size = divideUp(tensor.elements, 2);
    if (size <= least)
      break;
    multiple = boundedLcm(multiple, tensor.unit);
    if (!requirements.empty() && requirements.back().size == size)
      requirements.back().multiple = multiple;
    else
      requirements.push_back({size, multiple});
  }
}

int64_t ShardSizes::atOrAfter(int64_t size) const {
  size = std::max(size, least);
  // The last requirement above the size holds, with those of the larger tensors in its multiple.
  auto end = std::partition_point(requirements.begin(), requirements.end(),
                                  [&](const Requirement &requirement) { return requirement.size > size; });
  while (end != requirements.begin()) {
    const Requirement &holds = *--end;
    int64_t candidate = alignUp(size, holds.multiple);
    if (candidate < holds.size)
      return candidate;
    size = holds.size;
  }
  return alignUp(size, alignment);
}

} // namespace raddle::plan
