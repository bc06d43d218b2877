// Placement that may cut a tensor between units, where no contiguous place keeps its units whole.
#ifndef RADDLE_LIB_PLAN_SPLITPLACEMENT_H
#define RADDLE_LIB_PLAN_SPLITPLACEMENT_H

#include "raddle/Plan/BucketPlanner.h"

namespace raddle::plan {

/// A run of whole units of one tensor.
struct Chunk {
  uint32_t tensor;
  int64_t begin; ///< first element, counted in the tensor
  int64_t elements;
  int64_t offset; ///< in the bucket
};

struct SplitPlacement {
  std::vector<Chunk> chunks;
  int64_t end; ///< behind the last element; the placement fits if that is at most ranks * shard
};

/// Places tensors by falling units: first those whose unit divides the shard, contiguous and without gaps, then the
/// others, each contiguous where it crosses at most one boundary, else cut at the boundaries into chunks, of which some
/// fill gaps; last those of single elements. There are at most some chunks a rank. Nothing where a unit is larger than
/// a slice. Placing goes on behind the last rank, so that the caller learns by how much too little room there is.
std::optional<SplitPlacement> placeSplitting(const std::vector<Tensor> &tensors, int64_t shard, int64_t alignment,
                                             int64_t ranks);

} // namespace raddle::plan

#endif // RADDLE_LIB_PLAN_SPLITPLACEMENT_H
