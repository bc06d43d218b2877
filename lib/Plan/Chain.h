// Buckets that are filled one after the other with the layers of a model.
#ifndef RADDLE_LIB_PLAN_CHAIN_H
#define RADDLE_LIB_PLAN_CHAIN_H

#include "SlicePacking.h"

#include <map>

namespace raddle::plan {

/// A run of whole units that no bucket has taken yet.
struct Item {
  uint32_t part; ///< whose it is; the caller's number
  int64_t begin;
  int64_t elements;
  int64_t unit;
};

/// What a bucket holds, in places that are worked out when it is known to be used: there may be millions.
struct FilledBucket {
  int64_t shard;
  std::vector<Item> items;
  std::vector<int64_t> offsets; ///< one an item; none where the items are cut, as SlicePacking does
};

struct ChainOptions {
  int64_t ranks;
  int64_t alignment;
  int64_t limit;       ///< elements that a bucket of several layers may hold
  double tolerance;    ///< padding, as a ratio, that a bucket may have
  int64_t freePadding; ///< elements of padding that no bucket is changed for
};

/// Plans single buckets; layers alike are planned once.
class BucketCache {
public:
  BucketCache(int64_t ranks, int64_t alignment) : ranks(ranks), alignment(alignment) {}
  const Layout &plan(const std::vector<Item> &items);
  FilledBucket fill(const std::vector<Item> &items);

private:
  int64_t ranks, alignment;
  std::map<std::vector<std::pair<int64_t, int64_t>>, Layout> layouts;
};

std::vector<Tensor> tensorsOf(const std::vector<Item> &items);
int64_t elementsOf(const std::vector<Item> &items);

/// Whether a bucket has so little padding that it stays as it is.
bool isTight(const ChainOptions &options, int64_t elements, int64_t shard);

/// Takes layers in the model's order. A layer that fits its slices stays a bucket. Otherwise slices get the largest
/// size of whole units that the elements at hand fill, and the rest waits for the next layer.
class Chain {
public:
  Chain(const ChainOptions &options, BucketCache &cache) : options(options), cache(cache) {}

  void add(const std::vector<Item> &layer);
  /// Adds what other chains have left, to whatever waits here.
  void addRest(const std::vector<Item> &items);
  /// Gives the buckets so far, and what waits still.
  std::vector<FilledBucket> takeFull(std::vector<Item> &rest);
  /// Plans what is left; gives all buckets.
  std::vector<FilledBucket> finish();

private:
  std::vector<Item> placeAlone(const std::vector<Item> &layer);
  void placeLeast(const std::vector<Item> &items);
  void fillLimit();
  void wait(std::vector<Item> items);
  bool placeTight();
  bool placeFull();
  int64_t fullShard() const;
  std::vector<Item> take(int64_t elements, std::vector<Item> &rest) const;
  int64_t commonUnit(int64_t most) const;

  ChainOptions options;
  BucketCache &cache;
  std::vector<Item> waiting;
  int64_t waitingElements = 0;
  int64_t largestUnit = 1; ///< of what waits
  std::vector<FilledBucket> buckets;
};

} // namespace raddle::plan

#endif // RADDLE_LIB_PLAN_CHAIN_H
