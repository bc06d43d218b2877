// The sizes of a slice that may be feasible.
#ifndef RADDLE_LIB_PLAN_SHARDSIZES_H
#define RADDLE_LIB_PLAN_SHARDSIZES_H

#include "raddle/Plan/BucketPlanner.h"

namespace raddle::plan {

/// No slice is smaller: each tensor begins aligned, and some slice holds the largest unit.
int64_t leastSlice(const std::vector<Tensor> &tensors, int64_t ranks, int64_t alignment);

/// A slice has at least the least size for the tensors' elements and units; it is a multiple of the alignment
/// and of the unit of every tensor of more than two slices, because such a tensor has a whole slice inside.
class ShardSizes {
public:
  ShardSizes(const std::vector<Tensor> &tensors, int64_t ranks, int64_t alignment);

  /// The least size that may be feasible, from `size` on.
  int64_t atOrAfter(int64_t size) const;
  int64_t first() const { return atOrAfter(0); }

private:
  /// From `size` on, the tensors of this and the following requirements ask for nothing any more.
  struct Requirement {
    int64_t size;
    int64_t multiple; ///< least common multiple of these tensors' units and the alignment
  };

  int64_t alignment;
  int64_t least;
  std::vector<Requirement> requirements; // by falling size
};

} // namespace raddle::plan

#endif // RADDLE_LIB_PLAN_SHARDSIZES_H
