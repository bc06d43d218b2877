// Buckets of a whole model: which tensors share one, and where they lie.
#ifndef RADDLE_PLAN_MODELPLANNER_H
#define RADDLE_PLAN_MODELPLANNER_H

#include "raddle/Plan/BucketPlanner.h"
#include "raddle/Plan/Parameter.h"

namespace raddle::plan {

/// Offsets and slices are multiples of this many bytes, so that every tensor and every slice can be read by the widest
/// loads and by a GPU's copy engines.
constexpr int64_t kAlignmentBytes = 128;

/// Elements in the alignment.
inline int64_t alignmentOf(int bits) { return kAlignmentBytes * 8 / bits; }

struct PlanOptions {
  int64_t ranks = 1;
  /// Ranks that share one copy; the others hold copies of it (two-level sharding). 0: all ranks.
  int64_t shardRanks = 0;
  Block block; ///< of parameters that have none of their own
  /// Padding of a bucket, as a ratio, up to which it stays as it is; beyond it, what does not fill the slices goes on
  /// into the next bucket.
  double tolerance = 0.0025;
  /// Every parameter lies whole, row-major, in one bucket: as compiled programs read it. Then layers merge where they
  /// are not within the tolerance, and nothing spills.
  bool wholeTensors = false;
};

/// A run of whole blocks of a part of a parameter, in its place.
struct PlannedSlot {
  uint32_t parameter; ///< index of the parameter
  Region region;
  int64_t begin; ///< first element, counted in the part
  int64_t elements;
  int64_t unit;
  int64_t offset; ///< from the start of the bucket, in elements
};

struct PlannedBucket {
  std::string name;
  std::string dtype;
  int bits;                       ///< of an element
  int64_t shard;                  ///< elements of a rank's slice
  int64_t elements;               ///< without padding
  std::vector<PlannedSlot> slots; ///< by offset
};

struct ModelPlan {
  int64_t ranks;
  int64_t shardRanks;
  std::vector<PlannedBucket> buckets;
  int64_t elements = 0;       ///< of all parameters
  int64_t paddedElements = 0; ///< of all buckets: slice times ranks that share a copy
  int64_t lowerBound = 0;     ///< sum over buckets of the mean elements a rank, rounded up
  int64_t bytesPerRank = 0;   ///< of all slices of a rank
  int64_t gatherBytes = 0;    ///< that a rank receives when every bucket is gathered once
  int64_t largestLayer = 0;   ///< elements of the largest layer before anything was moved

  double padding() const;
};

/// All that keeps the parameters from being planned with these options, one message a problem; planModel must only be
/// called where there is none.
std::vector<std::string> checkInput(const std::vector<Parameter> &parameters, const PlanOptions &options);

/// The parts of a parameter with these options.
std::vector<Part> partsOf(const Parameter &parameter, const PlanOptions &options);

/// Plans buckets. Parameters of one bucket name and one dtype lie together, and a bucket that fits stays alone. Where
/// slices of whole units would leave more than the tolerance empty, buckets are made as full as whole units allow, in
/// the order of the model, and the rest of a layer starts the next bucket: small ones merge, large ones spill. No
/// bucket made so holds more than twice the largest layer. A tensor may be cut between units where a bucket ends, and
/// where its unit does not divide the slice. Never more padding than `planGivenOrder` for every bucket alone, within
/// what planBucket promises.
ModelPlan planModel(const std::vector<Parameter> &parameters, const PlanOptions &options);

/// Checks a plan against the parameters and nothing of the planner: every element of every parameter occurs once, in
/// whole blocks; nothing overlaps, no boundary cuts a block, everything is aligned; the totals are right. One message a
/// problem.
std::vector<std::string> checkPlan(const std::vector<Parameter> &parameters, const PlanOptions &options,
                                   const ModelPlan &plan);

} // namespace raddle::plan

#endif // RADDLE_PLAN_MODELPLANNER_H
