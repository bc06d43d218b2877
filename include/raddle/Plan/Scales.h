// The scales of block-quantised tensors, cut as their blocks are. Plain C++: no MLIR.
#ifndef RADDLE_PLAN_SCALES_H
#define RADDLE_PLAN_SCALES_H

#include "raddle/Plan/ModelPlanner.h"

namespace raddle::plan {

/// The scales of a slot, one for each block, in the order of its units. Those of the units that a rank owns follow one
/// another in its slice: on the slot's first rank from `offset` on, on the others from the start of their slices.
struct ScaleSlot {
  int64_t rank;   ///< the first rank that owns a unit
  int64_t ranks;  ///< ranks that own some, one after the other; 0 without scales
  int64_t offset; ///< in the slice of the first rank, in scales
  int64_t first;  ///< scales on the first rank
  int64_t middle; ///< on every rank between the first and the last; 0 where there is none
  int64_t last;   ///< on the last rank; `first` where there is one rank only

  int64_t countOn(int64_t rank) const;  ///< scales that a rank owns
  int64_t offsetOn(int64_t rank) const; ///< in that rank's slice
};

/// The scales of a bucket: a bucket of its own, with the same ranks, so that one more all-gather of equal slices brings
/// them.
struct ScaleLayout {
  int64_t shard = 0;            ///< scales in a rank's slice: the most that a rank owns, aligned
  int64_t scales = 0;           ///< of all slots
  std::vector<ScaleSlot> slots; ///< one a slot of the bucket
};

/// Scales of a unit of a parameter: one, or of whole rows of blocks, as tensors that lie whole are cut, one a block;
/// 0 where the parameter has no blocks, or no elements.
int64_t scalesPerUnit(const Parameter &parameter, const PlanOptions &options);

/// The layout of scales that follows from the cut of the data: whoever owns a block owns its scale. `bits` are those of
/// a scale; slices are multiples of 128 bytes.
ScaleLayout layOutScales(const PlannedBucket &bucket, const std::vector<Parameter> &parameters,
                         const PlanOptions &options, int bits);

} // namespace raddle::plan

#endif // RADDLE_PLAN_SCALES_H
