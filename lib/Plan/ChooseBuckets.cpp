#include "ChooseBuckets.h"

#include "raddle/Plan/Arithmetic.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <tuple>

namespace raddle::plan {

namespace {

class BucketChooser {
public:
  BucketChooser(const std::vector<Group> &groups, const ChainOptions &options, BucketCache &cache)
      : groups(groups), options(options), cache(cache) {}

  /// Layers one after the other, and those that leave too much empty together with what follows, as long as that helps.
  std::vector<FilledBucket> mergeLayers() {
    std::vector<FilledBucket> buckets;
    std::vector<Item> waiting;
    auto settle = [&] {
      if (!waiting.empty())
        buckets.push_back(cache.fill(waiting));
      waiting.clear();
    };
    for (const Group &group : groups) {
      std::vector<Item> both = waiting;
      both.insert(both.end(), group.items.begin(), group.items.end());
      if (!waiting.empty() && (elementsOf(both) > options.limit ||
                               cache.plan(both).shard >= cache.plan(waiting).shard + cache.plan(group.items).shard)) {
        settle();
        both = group.items;
      }
      waiting = std::move(both);
      if (isTight(options, elementsOf(waiting), cache.plan(waiting).shard))
        settle();
    }
    settle();
    return buckets;
  }

  /// The best of buckets as layers come, chains of layers, and chains of parts of layers.
  std::vector<FilledBucket> chainLayers() {
    Chain chain(options, cache);
    std::vector<FilledBucket> best;
    double elements = 0; // with what alignment always takes
    for (const Group &group : groups) {
      chain.add(group.items);
      best.push_back(cache.fill(group.items));
      for (const Item &item : group.items)
        elements += static_cast<double>(alignUp(item.elements, options.alignment));
    }
    auto size = [&](const std::vector<FilledBucket> &buckets) {
      double sum = 0;
      for (const FilledBucket &bucket : buckets)
        sum += static_cast<double>(bucket.shard);
      return sum * static_cast<double>(options.ranks);
    };
    std::vector<FilledBucket> chained = chain.finish();
    if (size(chained) < size(best))
      best = std::move(chained);
    // Tensors of a layer in several buckets cost more gathers: only where padding is notable, and falls notably.
    double notable = std::max(2 * options.tolerance * elements, static_cast<double>(options.freePadding));
    for (bool exactly : {false, true})
      if (size(best) > elements + notable) {
        std::vector<FilledBucket> apart = chainApart(exactly);
        if (!apart.empty() && size(apart) < size(best) - notable / 2)
          best = std::move(apart);
      }
    for (int64_t unit : unitClasses(true))
      if (size(best) > elements + notable) {
        std::vector<FilledBucket> finestLast = chainFinestLast(unit);
        if (size(finestLast) < size(best) - notable / 2)
          best = std::move(finestLast);
      }
    return best;
  }

private:
  /// A chain for each class of units that share no slice well, and buckets of what these leave; nothing where there is
  /// one class.
  std::vector<FilledBucket> chainApart(bool exactly) {
    std::vector<int64_t> classes = unitClasses(exactly);
    std::vector<FilledBucket> all;
    if (classes.size() < (exactly ? 1 : 2))
      return all;
    auto owner = [&](const Item &item) -> size_t {
      auto same = std::find(classes.begin(), classes.end(), item.unit);
      auto divided = std::find_if(classes.begin(), classes.end(), [&](int64_t unit) { return unit % item.unit == 0; });
      return (same == classes.end() ? divided : same) - classes.begin();
    };
    std::vector<Item> rest;
    for (size_t index = 0; index <= classes.size(); ++index) {
      Chain chain(options, cache);
      for (const Group &group : groups) {
        std::vector<Item> items;
        std::copy_if(group.items.begin(), group.items.end(), std::back_inserter(items),
                     [&](const Item &item) { return owner(item) == index; });
        if (items.empty())
          continue;
        if (index < classes.size())
          chain.add(items);
        else
          rest.insert(rest.end(), items.begin(), items.end());
      }
      std::vector<FilledBucket> buckets = chain.takeFull(rest);
      std::move(buckets.begin(), buckets.end(), std::back_inserter(all));
    }
    packRest(std::move(rest), all);
    return all;
  }

  /// Buckets in the order of the model of units above a size, and the finer ones with what these leave: the last
  /// bucket, which may be small, then has small slices.
  std::vector<FilledBucket> chainFinestLast(int64_t unit) {
    Chain chain(options, cache);
    std::vector<Item> rest;
    for (const Group &group : groups) {
      std::vector<Item> coarse;
      for (const Item &item : group.items)
        (item.unit > unit ? coarse : rest).push_back(item);
      if (!coarse.empty())
        chain.add(coarse);
    }
    std::vector<FilledBucket> buckets = chain.takeFull(rest);
    packRest(std::move(rest), buckets);
    return buckets;
  }

  /// Packs what several chains left, the largest units first.
  void packRest(std::vector<Item> rest, std::vector<FilledBucket> &all) {
    std::sort(rest.begin(), rest.end(), [](const Item &a, const Item &b) {
      return std::tuple(-a.unit, a.part, a.begin) < std::tuple(-b.unit, b.part, b.begin);
    });
    Chain last(options, cache);
    last.addRest(rest);
    std::vector<FilledBucket> buckets = last.finish();
    std::move(buckets.begin(), buckets.end(), std::back_inserter(all));
  }

  /// Units of a notable share of the elements, and of at least one for each rank; the most frequent first. None divides
  /// another, unless `exactly` asks for a class of each unit.
  std::vector<int64_t> unitClasses(bool exactly) const {
    constexpr double kShare = 0.005;
    constexpr size_t kMost = 6;
    std::map<int64_t, double> elements;
    double total = 0;
    for (const Group &group : groups)
      for (const Item &item : group.items) {
        elements[item.unit] += static_cast<double>(item.elements);
        total += static_cast<double>(item.elements);
      }
    std::vector<std::pair<double, int64_t>> byShare;
    for (auto [unit, count] : elements)
      if (count >= kShare * total && count >= static_cast<double>(unit) * static_cast<double>(options.ranks))
        byShare.emplace_back(-count, unit);
    std::sort(byShare.begin(), byShare.end());
    std::vector<int64_t> classes;
    for (auto [share, unit] : byShare) {
      auto known = std::find_if(classes.begin(), classes.end(), [exactly, unit = unit](int64_t other) {
        return !exactly && (other % unit == 0 || unit % other == 0);
      });
      if (known != classes.end())
        *known = std::max(*known, unit);
      else if (classes.size() < kMost)
        classes.push_back(unit);
    }
    return classes;
  }

  const std::vector<Group> &groups;
  const ChainOptions &options;
  BucketCache &cache;
};

} // namespace

std::vector<FilledBucket> chooseBuckets(const std::vector<Group> &groups, const ChainOptions &options,
                                        bool wholeTensors, BucketCache &cache) {
  BucketChooser chooser(groups, options, cache);
  return wholeTensors ? chooser.mergeLayers() : chooser.chainLayers();
}

} // namespace raddle::plan
