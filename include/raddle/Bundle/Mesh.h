// Ranks as a mesh of replicas × shards.
#pragma once

#include "raddle/Bundle/bundle_generated.h"

#include <cstdint>

namespace raddle::bundle {

/// Ranks that share one copy of the parameters. Rank r holds shard r % shardRanks of replica r / shardRanks.
inline uint32_t shardRanks(const Bundle &bundle) {
  return bundle.shard_ranks() ? bundle.shard_ranks() : bundle.ranks();
}

/// The number of ranks that take part in a collective of a group, at least one in a verified bundle.
inline uint32_t groupSize(const Bundle &bundle, Group group) {
  switch (group) {
  case Group::All:
    return bundle.ranks();
  case Group::Shards:
    return shardRanks(bundle);
  case Group::Replicas:
    return shardRanks(bundle) ? bundle.ranks() / shardRanks(bundle) : 0;
  }
  return bundle.ranks();
}

} // namespace raddle::bundle
