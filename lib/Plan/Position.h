// The rule of earliest fit for one tensor.
#ifndef RADDLE_LIB_PLAN_POSITION_H
#define RADDLE_LIB_PLAN_POSITION_H

#include "raddle/Plan/Arithmetic.h"

namespace raddle::plan {

/// First feasible position of `tensor` at or after the aligned position `position`; the number of ranks is not looked
/// at.
inline std::optional<int64_t> findPosition(const Tensor &tensor, int64_t position, int64_t shard, int64_t alignment) {
  for (int attempt = 0; attempt < 2; ++attempt) {
    int64_t boundary = (position / shard + 1) * shard;
    if (position + tensor.elements <= boundary)
      return position;
    // Behind here the boundary lies inside the tensor, or at its start. The start steps back from the boundary by whole
    // units and must be aligned, so by multiples of both.
    int64_t step = boundedLcm(tensor.unit, alignment);
    int64_t start = boundary - step * ((boundary - position) / step);
    if (shard % tensor.unit == 0 || start + tensor.elements <= boundary + shard)
      return start;
    position = boundary;
  }
  return std::nullopt;
}

} // namespace raddle::plan

#endif // RADDLE_LIB_PLAN_POSITION_H
