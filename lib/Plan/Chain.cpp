#include "Chain.h"

#include "ShardSizes.h"
#include "raddle/Plan/Arithmetic.h"

#include <algorithm>
#include <iterator>

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
  return {layout.shard, items, layout.offsets};
}

void Chain::add(const std::vector<Item> &layer) {
  bool isTooCoarse = false; // for any bucket within the limit
  for (const Item &item : layer)
    isTooCoarse |= item.unit > options.limit;
  if (isTooCoarse || (waiting.empty() && isTight(options, elementsOf(layer), cache.plan(layer).shard))) {
    buckets.push_back(cache.fill(layer));
    return;
  }
  bool isAlone = elementsOf(layer) > options.limit;
  addRest(isAlone ? placeAlone(layer) : layer);
  if (waiting.empty())
    return;
  // What remains waits for the next layer, rather than that it becomes a small bucket, if both can share one.
  do {
    if (placeTight() || placeFull())
      continue;
    if (waitingElements <= options.limit)
      return;
    fillLimit();
  } while (waitingElements > options.limit / 2);
}

/// Fills a bucket with what is more than several layers may have together, as the table of an embedding may be; gives
/// what is left of it.
std::vector<Item> Chain::placeAlone(const std::vector<Item> &layer) {
  ChainOptions own = options;
  own.limit = elementsOf(layer);
  Chain chain(own, cache);
  chain.add(layer);
  std::vector<Item> rest;
  std::vector<FilledBucket> full = chain.takeFull(rest);
  if (elementsOf(rest) > options.limit) {
    buckets.push_back(cache.fill(layer));
    return {};
  }
  std::move(full.begin(), full.end(), std::back_inserter(buckets));
  return rest;
}

void Chain::addRest(const std::vector<Item> &items) {
  std::vector<Item> all = std::move(waiting);
  all.insert(all.end(), items.begin(), items.end());
  wait(std::move(all));
}

std::vector<FilledBucket> Chain::takeFull(std::vector<Item> &rest) {
  rest.insert(rest.end(), waiting.begin(), waiting.end());
  return std::move(buckets);
}

std::vector<FilledBucket> Chain::finish() {
  while (waitingElements > options.limit && waiting.size() > 1)
    if (!placeFull())
      fillLimit();
  if (!waiting.empty())
    placeLeast(waiting);
  return std::move(buckets);
}

/// Makes a bucket of as much as one may hold.
void Chain::fillLimit() {
  std::vector<Item> rest, taken = take(options.limit, rest);
  if (taken.empty()) { // a tensor whose single unit is more
    taken.push_back(rest.front());
    rest.erase(rest.begin());
  }
  placeLeast(taken);
  wait(std::move(rest));
}

/// Makes a bucket of these, contiguous ones if that takes no larger slices.
void Chain::placeLeast(const std::vector<Item> &items) {
  std::vector<Tensor> tensors = tensorsOf(items);
  SlicePacking packing(tensors, options.ranks, options.alignment);
  int64_t least = leastSlice(tensors, options.ranks, options.alignment);
  int64_t alone = cache.plan(items).shard, shard = packing.leastShard(least, alone);
  if (shard < alone)
    buckets.push_back({shard, items, {}});
  else
    buckets.push_back(cache.fill(items));
}

void Chain::wait(std::vector<Item> items) {
  waiting = std::move(items);
  waitingElements = elementsOf(waiting);
  largestUnit = 1;
  for (const Item &item : waiting)
    largestUnit = std::max(largestUnit, item.unit);
}

/// Makes a bucket of all that waits, if its padding is within the tolerance.
bool Chain::placeTight() {
  constexpr int kTries = 32;
  std::vector<Tensor> tensors = tensorsOf(waiting);
  int64_t least = leastSlice(tensors, options.ranks, options.alignment);
  if (waitingElements > options.limit || !isTight(options, waitingElements, least))
    return false;
  auto most = static_cast<int64_t>(static_cast<double>(least) * (1 + options.tolerance));
  int64_t unit = commonUnit(most);
  int64_t step = alignUp(std::max<int64_t>((most - least) / kTries, 1), unit);
  SlicePacking packing(tensors, options.ranks, options.alignment);
  for (int64_t shard = alignUp(least, unit); isTight(options, waitingElements, shard); shard += step)
    if (packing.excess(shard) == 0) {
      buckets.push_back({shard, std::move(waiting), {}});
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
  int64_t target = capacity;
  for (int i = 0; i < kTries && target > capacity / 2; ++i) {
    std::vector<Item> rest, taken = take(target, rest);
    if (taken.empty())
      return false;
    std::vector<Tensor> tensors = tensorsOf(taken);
    SlicePacking packing(tensors, options.ranks, options.alignment);
    int64_t excess = packing.excess(shard);
    if (excess == 0) {
      buckets.push_back({shard, std::move(taken), {}});
      wait(std::move(rest));
      return true;
    }
    target -= excess + 1 + (capacity >> (18 - i));
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
  // Units that do not divide the slice: a smaller slice may leave less empty. What it is smaller has a small price, the
  // longer wait of the rest.
  constexpr int kSteps = 16;
  constexpr double kPrice = 4e-3;
  std::vector<Tensor> tensors = tensorsOf(waiting);
  SlicePacking packing(tensors, options.ranks, options.alignment);
  std::vector<int64_t> sizes = packing.sizesOfUnits(mean, kSteps);
  for (int i = 0; i < kSteps; ++i)
    sizes.push_back(full - i * unit);
  int64_t best = full;
  double bestCost = 1;
  for (int64_t size : sizes) {
    if (size < std::max(least, full / 2))
      continue;
    double room = static_cast<double>(options.ranks) * static_cast<double>(size);
    double placed = std::min(static_cast<double>(waitingElements - packing.excess(size)), room);
    double cost = 1 - placed / room + kPrice * (1 - static_cast<double>(size) / static_cast<double>(mean));
    if (cost < bestCost) {
      bestCost = cost;
      best = size;
    }
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
