#include "Chain.h"

#include "raddle/Plan/Arithmetic.h"

#include <algorithm>

namespace raddle::plan {

std::vector<Tensor> tensorsOf(const std::vector<Item> &items) {
  std::vector<Tensor> tensors;
  tensors.reserve(items.size());
  for (const Item &item : items)
    tensors.push_back({item.elements, item.unit});
  return tensors;
}

int64_t elementsOf(const std::vector<Item> &items) {
  int64_t elements = 0;
  for (const Item &item : items)
    elements += item.elements;
  return elements;
}

const Layout &BucketCache::plan(const std::vector<Item> &items) {
  std::vector<std::pair<int64_t, int64_t>> key;
  key.reserve(items.size());
  for (const Item &item : items)
    key.emplace_back(item.elements, item.unit);
  auto [found, isNew] = layouts.try_emplace(std::move(key));
  if (isNew)
    found->second = planBucket(tensorsOf(items), ranks, alignment);
  return found->second;
}

bool isTight(const ChainOptions &options, int64_t elements, int64_t shard) {
  int64_t padding = options.ranks * shard - elements;
  return padding <= options.freePadding ||
         static_cast<double>(padding) <= options.tolerance * static_cast<double>(elements);
}

FilledBucket BucketCache::fill(const std::vector<Item> &items) {
  const Layout &layout = plan(items);
  FilledBucket bucket{layout.shard, {}};
  bucket.items.reserve(items.size());
  for (size_t i = 0; i < items.size(); ++i)
    bucket.items.push_back({items[i], layout.offsets[i]});
  return bucket;
}

void Chain::add(const std::vector<Item> &layer) {
  bool isTooCoarse = false; // for any bucket within the limit
  for (const Item &item : layer)
    isTooCoarse |= item.unit > options.limit;
  if (isTooCoarse || (waiting.empty() && isTight(options, elementsOf(layer), cache.plan(layer).shard))) {
    buckets.push_back(cache.fill(layer));
    return;
  }
  std::vector<Item> items = std::move(waiting);
  items.insert(items.end(), layer.begin(), layer.end());
  wait(std::move(items));
  // What remains waits for the next layer, rather than that it becomes a small bucket, if both can share one.
  do {
    if (placeTight() || placeFull())
      continue;
    if (waitingElements <= options.limit)
      return;
    std::vector<Item> rest, taken = take(options.limit, rest);
    buckets.push_back(cache.fill(taken));
    wait(std::move(rest));
  } while (waitingElements > options.limit / 2);
}

std::vector<FilledBucket> Chain::finish() {
  if (waiting.empty())
    return std::move(buckets);
  // Cut tensors allow smaller slices, though not always; a few sizes tell.
  constexpr int kTries = 16;
  int64_t least = leastShard(), unit = commonUnit(least);
  int64_t alone = cache.plan(waiting).shard, shard = alignUp(least, unit);
  for (int i = 0; i < kTries && shard < alone; ++i, shard += unit)
    if (std::optional<int64_t> excess = place(waiting, shard); excess && *excess <= 0)
      return std::move(buckets);
  buckets.push_back(cache.fill(waiting));
  return std::move(buckets);
}

void Chain::wait(std::vector<Item> items) {
  waiting = std::move(items);
  waitingElements = elementsOf(waiting);
  largestUnit = 1;
  for (const Item &item : waiting)
    largestUnit = std::max(largestUnit, item.unit);
}

/// Makes a bucket of these, if they fit; gives by how many elements they do not, or nothing where no place was found.
std::optional<int64_t> Chain::place(const std::vector<Item> &items, int64_t shard) {
  std::optional<SplitPlacement> placement = placeSplitting(tensorsOf(items), shard, options.alignment, options.ranks);
  if (!placement)
    return std::nullopt;
  int64_t excess = placement->end - options.ranks * shard;
  if (excess > 0)
    return excess;
  FilledBucket bucket{shard, {}};
  bucket.items.reserve(placement->chunks.size());
  for (const Chunk &chunk : placement->chunks) {
    Item item = items[chunk.tensor];
    item.begin += chunk.begin;
    item.elements = chunk.elements;
    bucket.items.push_back({item, chunk.offset});
  }
  buckets.push_back(std::move(bucket));
  return excess;
}

/// No slice of all that waits is smaller.
int64_t Chain::leastShard() const {
  return alignUp(std::max(divideUp(waitingElements, options.ranks), largestUnit), options.alignment);
}

/// Makes a bucket of all that waits, if its padding is within the tolerance.
bool Chain::placeTight() {
  constexpr int kTries = 8;
  int64_t least = leastShard();
  if (waitingElements > options.limit || !isTight(options, waitingElements, least))
    return false;
  auto most = static_cast<int64_t>(static_cast<double>(least) * (1 + options.tolerance));
  int64_t unit = commonUnit(most);
  int64_t step = alignUp(std::max<int64_t>((most - least) / kTries, 1), unit);
  for (int64_t shard = alignUp(least, unit); isTight(options, waitingElements, shard); shard += step)
    if (std::optional<int64_t> excess = place(waiting, shard); excess && *excess <= 0) {
      wait({});
      return true;
    }
  return false;
}

/// Makes a bucket that is full of what has waited longest.
bool Chain::placeFull() {
  int64_t shard = fullShard();
  if (shard == 0)
    return false;
  // What alignment and units that do not divide the slice will leave empty is known only afterwards.
  constexpr int kTries = 12;
  int64_t capacity = std::min({options.ranks * shard, waitingElements, std::max(options.limit, options.alignment)});
  int64_t target = capacity, lastTarget = 0, lastExcess = 0;
  for (int i = 0; i < kTries && target > capacity / 2; ++i) {
    std::vector<Item> rest, taken = take(target, rest);
    std::optional<int64_t> excess = taken.empty() ? std::nullopt : place(taken, shard);
    if (!excess)
      return false;
    if (*excess <= 0) {
      wait(std::move(rest));
      return true;
    }
    // How much of an amount less the end moves: first as if all were alike, then as it did.
    double room = static_cast<double>(options.ranks * shard);
    double slope = (room + static_cast<double>(*excess)) / static_cast<double>(target);
    if (i > 0 && *excess < lastExcess)
      slope = static_cast<double>(lastExcess - *excess) / static_cast<double>(lastTarget - target);
    lastTarget = target;
    lastExcess = *excess;
    target -= static_cast<int64_t>(static_cast<double>(*excess) / slope) + 1 + (capacity >> (18 - i));
  }
  return false;
}

/// The size of slices that what waits fills: a multiple of its common unit, no larger than the limit allows; 0 to wait
/// for more. Beyond the limit nothing can wait: then the slice is the least for one unit.
int64_t Chain::fullShard() const {
  int64_t mean = std::min(waitingElements, options.limit) / options.ranks;
  int64_t least = alignUp(largestUnit, options.alignment), full = 0, unit = 0;
  if (mean >= least) {
    unit = commonUnit(mean);
    full = mean / unit * unit;
  }
  if (full < least)
    return waitingElements > options.limit ? least : 0;
  // Units that do not divide the slice: a smaller slice may leave less empty. Each step down has a small price, the
  // longer wait of the rest.
  constexpr int kSteps = 16;
  constexpr double kPrice = 2e-4;
  int64_t best = full;
  double bestCost = wasteOf(full);
  for (int i = 1; i < kSteps && full - i * unit >= std::max(least, full / 2); ++i)
    if (double cost = wasteOf(full - i * unit) + i * kPrice; cost < bestCost) {
      bestCost = cost;
      best = full - i * unit;
    }
  return best;
}

/// Least common multiple of the alignment and of the units that most elements have, as long as it is at most `most`.
int64_t Chain::commonUnit(int64_t most) const {
  constexpr int64_t kMinorShare = 100;
  std::map<int64_t, int64_t> elementsOfUnit;
  for (const Item &item : waiting)
    elementsOfUnit[item.unit] += item.elements;
  std::vector<std::pair<int64_t, int64_t>> byShare;
  for (auto [unit, elements] : elementsOfUnit)
    if (elements >= waitingElements / kMinorShare)
      byShare.emplace_back(-elements, unit);
  std::sort(byShare.begin(), byShare.end());
  int64_t common = options.alignment;
  for (auto [share, unit] : byShare)
    if (int64_t multiple = boundedLcm(common, unit); multiple <= most)
      common = multiple;
  return common;
}

/// Share of the elements that slices of this size leave empty behind units that do not divide them.
double Chain::wasteOf(int64_t shard) const {
  double waste = 0;
  for (const Item &item : waiting) {
    int64_t unused = shard % item.unit;
    waste += static_cast<double>(item.elements) * static_cast<double>(unused) / static_cast<double>(shard - unused);
  }
  return waste / static_cast<double>(waitingElements);
}

/// Takes items, in order, up to so many elements; a whole later one where the next does not fit; and where a notable
/// part is still free, units of the next.
std::vector<Item> Chain::take(int64_t elements, std::vector<Item> &rest) const {
  std::vector<Item> taken;
  int64_t room = elements;
  for (const Item &item : waiting) {
    if (item.elements <= room) {
      room -= item.elements;
      taken.push_back(item);
    } else {
      rest.push_back(item);
    }
  }
  if (static_cast<double>(room) <= options.tolerance / 2 * static_cast<double>(elements))
    return taken;
  for (Item &item : rest)
    if (int64_t units = room / item.unit; units > 0) {
      Item cut = item;
      cut.elements = units * item.unit;
      taken.push_back(cut);
      item.begin += cut.elements;
      item.elements -= cut.elements;
      break;
    }
  return taken;
}

} // namespace raddle::plan
