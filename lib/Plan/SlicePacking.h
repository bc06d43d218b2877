// Units of many tensors in equal slices, where no contiguous places keep all units whole.
#ifndef RADDLE_LIB_PLAN_SLICEPACKING_H
#define RADDLE_LIB_PLAN_SLICEPACKING_H

#include "raddle/Plan/BucketPlanner.h"

namespace raddle::plan {

/// A run of whole units of one tensor.
struct Chunk {
  uint32_t tensor;
  int64_t begin; ///< first element, counted in the tensor
  int64_t elements;
  int64_t offset; ///< in the bucket
};

/// Fills slices with units, unit size by unit size: first those that divide the slice, which need no gaps, then the
/// others by falling size, each in the slices that it leaves least empty; last single elements. Slices that hold the
/// same amount are looked at together, so that whether all fits is known in a time that depends on the number of unit
/// sizes only. A tensor is cut where its slices are not neighbours, or hold other units too.
class SlicePacking {
public:
  SlicePacking(const std::vector<Tensor> &tensors, int64_t ranks, int64_t alignment);

  /// Elements that find no place in slices of this size; also those that would be cut into too many runs.
  int64_t excess(int64_t shard) const;

  /// The placement in slices of a size without excess.
  std::vector<Chunk> place(int64_t shard) const;

  /// The least size without excess, as far as a fixed number of tries tells; `least` is the first, and `most`, which is
  /// not tried, the result where none is.
  int64_t leastShard(int64_t least, int64_t most) const;

  /// Sizes of slices, up to `most`, that whole units fill of each of the sizes of unit that have most elements; the
  /// largest `count` of each.
  std::vector<int64_t> sizesOfUnits(int64_t most, int64_t count) const;

private:
  /// All tensors with units of one size.
  struct UnitClass {
    int64_t unit;   ///< elements; of single elements the alignment, of small units a multiple of both
    int64_t units;  ///< of all tensors
    int64_t fewest; ///< units of the tensor that has the fewest
    std::vector<uint32_t> tensors;
  };

  /// Neighbouring slices that are filled up to the same place.
  struct Group {
    int64_t first, count;
    int64_t used;
  };

  /// So many units of a class in each of neighbouring slices, from one place on.
  struct Run {
    int64_t first, count;
    int64_t used;
    int64_t units;
  };

  std::vector<const UnitClass *> order(int64_t shard) const;
  bool isJoined(const UnitClass &units, int64_t shard, const Run &run) const;
  int64_t room(const UnitClass &units, int64_t count) const;
  int64_t fit(const UnitClass &units, int64_t free) const;
  int64_t fill(const UnitClass &units, int64_t shard, std::vector<Group> &groups, std::vector<Run> &runs) const;
  void emit(const UnitClass &units, int64_t shard, const std::vector<Run> &runs, std::vector<Chunk> &chunks) const;

  const std::vector<Tensor> &tensors;
  int64_t ranks, alignment;
  std::vector<UnitClass> classes; // by falling unit, single elements last
};

} // namespace raddle::plan

#endif // RADDLE_LIB_PLAN_SLICEPACKING_H
