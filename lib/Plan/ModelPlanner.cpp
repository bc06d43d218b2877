#include "raddle/Plan/ModelPlanner.h"

#include "Chain.h"
#include "raddle/Plan/Arithmetic.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>

namespace raddle::plan {

double ModelPlan::padding() const {
  return elements == 0 ? 0 : static_cast<double>(paddedElements - elements) / static_cast<double>(elements);
}

namespace {

/// Parameters of one name and one dtype, which are planned together.
struct Group {
  std::string name;
  bool isLayer;
  std::vector<Item> items;
};

class Planner {
public:
  Planner(const std::vector<Parameter> &parameters, const PlanOptions &options)
      : parameters(parameters), options(options) {
    plan.ranks = options.ranks;
    plan.shardRanks = options.shardRanks ? options.shardRanks : options.ranks;
  }

  ModelPlan run() {
    collectGroups();
    for (auto &dtype : dtypes)
      planGroups(dtype, groups[dtype]);
    sumUp();
    return std::move(plan);
  }

private:
  struct PartOf {
    uint32_t parameter;
    Region region;
    uint32_t group;
  };

  void collectGroups() {
    std::map<std::pair<std::string, std::string>, size_t> known;
    for (uint32_t index = 0; index < parameters.size(); ++index) {
      const Parameter &parameter = parameters[index];
      int64_t elements = *countElements(parameter.shape);
      bool isLayer = !parameter.bucket.empty() || !layerOf(parameter.name).empty();
      std::string name = parameter.bucket;
      if (name.empty())
        name = defaultBucket(parameter.name, bytesOf(elements, bitsOf(parameter.dtype)));
      std::vector<Group> &sameType = groups[parameter.dtype];
      if (sameType.empty())
        dtypes.push_back(parameter.dtype);
      auto [found, isNew] = known.try_emplace({parameter.dtype, name}, sameType.size());
      if (isNew)
        sameType.push_back({name, isLayer, {}});
      Group &group = sameType[found->second];
      for (const Part &part : partsOf(parameter.shape, parameter.block.value_or(options.block), !parameter.block)) {
        group.items.push_back({static_cast<uint32_t>(parts.size()), 0, part.elements, part.unit});
        parts.push_back({index, part.region, static_cast<uint32_t>(found->second)});
      }
    }
    findLargestLayer();
  }

  /// Without layers, every bucket counts as one.
  void findLargestLayer() {
    for (bool onlyLayers : {true, false}) {
      for (auto &[dtype, sameType] : groups)
        for (const Group &group : sameType)
          if (group.isLayer || !onlyLayers)
            plan.largestLayer = std::max(plan.largestLayer, elementsOf(group.items));
      if (plan.largestLayer > 0)
        return;
    }
  }

  void planGroups(const std::string &dtype, const std::vector<Group> &sameType) {
    constexpr int64_t kFreePaddingBytes = 64 * 1024;
    int bits = bitsOf(dtype);
    ChainOptions chainOptions{plan.shardRanks, alignmentOf(bits), 2 * plan.largestLayer, options.tolerance,
                              kFreePaddingBytes * 8 / bits};
    BucketCache cache(plan.shardRanks, chainOptions.alignment);
    Chain chain(chainOptions, cache);
    std::vector<FilledBucket> best;
    double elements = 0;
    for (const Group &group : sameType) {
      chain.add(group.items);
      best.push_back(cache.fill(group.items));
      elements += static_cast<double>(elementsOf(group.items));
    }
    auto size = [&](const std::vector<FilledBucket> &buckets) {
      double sum = 0;
      for (const FilledBucket &bucket : buckets)
        sum += static_cast<double>(bucket.shard);
      return sum * static_cast<double>(plan.shardRanks);
    };
    std::vector<FilledBucket> chained = chain.finish();
    if (size(chained) < size(best))
      best = std::move(chained);
    // Tensors of a layer in several buckets cost more gathers: only where padding is notable, and falls by as much.
    double notable = 2 * options.tolerance * elements;
    if (size(best) > elements + notable) {
      std::vector<FilledBucket> apart = chainApart(sameType, chainOptions, cache);
      if (!apart.empty() && size(apart) < size(best) - notable)
        best = std::move(apart);
    }
    for (FilledBucket &bucket : best)
      addBucket(dtype, sameType, bucket);
  }

  /// A chain for each class of units that share no slice well; nothing where there is one class.
  std::vector<FilledBucket> chainApart(const std::vector<Group> &sameType, const ChainOptions &chainOptions,
                                       BucketCache &cache) const {
    std::vector<int64_t> classes = unitClasses(sameType);
    std::vector<FilledBucket> all;
    if (classes.size() < 2)
      return all;
    for (size_t index = 0; index < classes.size(); ++index) {
      Chain chain(chainOptions, cache);
      for (const Group &group : sameType) {
        std::vector<Item> items;
        for (const Item &item : group.items) {
          auto found =
              std::find_if(classes.begin(), classes.end(), [&](int64_t unit) { return unit % item.unit == 0; });
          size_t owner = found == classes.end() ? 0 : found - classes.begin();
          if (owner == index)
            items.push_back(item);
        }
        if (!items.empty())
          chain.add(items);
      }
      std::vector<FilledBucket> buckets = chain.finish();
      std::move(buckets.begin(), buckets.end(), std::back_inserter(all));
    }
    return all;
  }

  /// Units of a notable share of the elements, none of which divides another, the most frequent first.
  static std::vector<int64_t> unitClasses(const std::vector<Group> &sameType) {
    constexpr double kShare = 0.05;
    std::map<int64_t, double> elements;
    double total = 0;
    for (const Group &group : sameType)
      for (const Item &item : group.items) {
        elements[item.unit] += static_cast<double>(item.elements);
        total += static_cast<double>(item.elements);
      }
    std::vector<std::pair<double, int64_t>> byShare;
    for (auto [unit, count] : elements)
      if (count >= kShare * total)
        byShare.emplace_back(-count, unit);
    std::sort(byShare.begin(), byShare.end());
    std::vector<int64_t> classes;
    for (auto [share, unit] : byShare) {
      auto known = std::find_if(classes.begin(), classes.end(),
                                [unit = unit](int64_t other) { return other % unit == 0 || unit % other == 0; });
      if (known == classes.end())
        classes.push_back(unit);
      else
        *known = std::max(*known, unit);
    }
    return classes;
  }

  void addBucket(const std::string &dtype, const std::vector<Group> &sameType, FilledBucket &filled) {
    PlannedBucket bucket{bucketName(sameType, filled), dtype, bitsOf(dtype), filled.shard, 0, {}};
    for (const PlacedItem &placed : filled.items) {
      const PartOf &part = parts[placed.item.part];
      bucket.slots.push_back(
          {part.parameter, part.region, placed.item.begin, placed.item.elements, placed.item.unit, placed.offset});
      bucket.elements += placed.item.elements;
    }
    // An empty tensor may lie at the offset of another one: it comes first.
    std::sort(bucket.slots.begin(), bucket.slots.end(), [](const PlannedSlot &a, const PlannedSlot &b) {
      return std::pair(a.offset, a.elements) < std::pair(b.offset, b.elements);
    });
    plan.buckets.push_back(std::move(bucket));
  }

  /// The group's name, or the first and the last of several; a number where it is taken.
  std::string bucketName(const std::vector<Group> &sameType, const FilledBucket &filled) {
    uint32_t first = UINT32_MAX, last = 0;
    for (const PlacedItem &placed : filled.items) {
      first = std::min(first, parts[placed.item.part].group);
      last = std::max(last, parts[placed.item.part].group);
    }
    std::string name = sameType[first].name;
    if (last > first)
      name += (last == first + 1 ? "+" : "..") + sameType[last].name;
    std::string unique = name;
    for (int number = 2; !names.insert(unique).second; ++number)
      unique = name + "#" + std::to_string(number);
    return unique;
  }

  void sumUp() {
    for (const PlannedBucket &bucket : plan.buckets) {
      int64_t sliceBytes = bytesOf(bucket.shard, bucket.bits);
      plan.elements += bucket.elements;
      plan.paddedElements += bucket.shard * plan.shardRanks;
      plan.lowerBound += divideUp(bucket.elements, plan.shardRanks);
      plan.bytesPerRank += sliceBytes;
      plan.gatherBytes += sliceBytes * (plan.shardRanks - 1);
    }
  }

  const std::vector<Parameter> &parameters;
  const PlanOptions &options;
  ModelPlan plan;
  std::vector<std::string> dtypes; // in the order of the model
  std::map<std::string, std::vector<Group>> groups;
  std::vector<PartOf> parts;
  std::set<std::string> names;
};

} // namespace

ModelPlan planModel(const std::vector<Parameter> &parameters, const PlanOptions &options) {
  return Planner(parameters, options).run();
}

} // namespace raddle::plan
