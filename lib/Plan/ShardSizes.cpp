#include "ShardSizes.h"

#include "raddle/Plan/Arithmetic.h"

#include <algorithm>

namespace raddle::plan {

ShardSizes::ShardSizes(const std::vector<Tensor> &tensors, int64_t ranks, int64_t alignment) : alignment(alignment) {
  int64_t total = 0, unit = 1;
  std::vector<Tensor> bySize(tensors);
  for (const Tensor &tensor : tensors) {
    total += tensor.elements;
    unit = std::max(unit, std::min(tensor.unit, tensor.elements));
  }
  least = alignUp(std::max(divideUp(total, ranks), unit), alignment);
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
