// Which parameters share a bucket: layers, layers merged, or chains of items by their units.
#ifndef RADDLE_LIB_PLAN_CHOOSEBUCKETS_H
#define RADDLE_LIB_PLAN_CHOOSEBUCKETS_H

#include "Chain.h"

#include <string>
#include <vector>

namespace raddle::plan {

/// Parameters of one name and one dtype, which are planned together.
struct Group {
  std::string name;
  bool isLayer;
  std::vector<Item> items;
};

/// Buckets of the groups of one dtype, in the order of the model. With `wholeTensors` no tensor is in two buckets, and
/// layers are merged where that empties less; else the best of chains that split and spill.
std::vector<FilledBucket> chooseBuckets(const std::vector<Group> &groups, const ChainOptions &options,
                                        bool wholeTensors, BucketCache &cache);

} // namespace raddle::plan

#endif // RADDLE_LIB_PLAN_CHOOSEBUCKETS_H
