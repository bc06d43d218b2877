#include "raddle/Plan/ModelPlanner.h"

#include "Chain.h"
#include "raddle/Plan/Arithmetic.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <tuple>

namespace raddle::plan {

double ModelPlan::padding() const {
  return elements == 0 ? 0 : static_cast<double>(paddedElements - elements) / static_cast<double>(elements);
}

std::vector<Part> partsOf(const Parameter &parameter, const PlanOptions &options) {
  Block block = parameter.block.value_or(options.block);
  if (parameter.unit == 0 && !options.wholeTensors)
    return partsOf(parameter.shape, block, !parameter.block);
  bool hasBlocks = block.kind != Block::Kind::None && (parameter.block || parameter.shape.size() >= 2);
  int64_t unit = parameter.unit ? parameter.unit : hasBlocks ? rowMajorUnit(parameter.shape, block.rows) : 1;
  return {{Region::Interior, *countElements(parameter.shape), unit}};
}

static int elementBits(const Parameter &parameter) { return parameter.bits ? parameter.bits : bitsOf(parameter.dtype); }

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
        name = defaultBucket(parameter.name, bytesOf(elements, elementBits(parameter)));
      std::vector<Group> &sameType = groups[parameter.dtype];
      if (sameType.empty())
        dtypes.push_back(parameter.dtype);
      bits[parameter.dtype] = elementBits(parameter);
      auto [found, isNew] = known.try_emplace({parameter.dtype, name}, sameType.size());
      if (isNew)
        sameType.push_back({name, isLayer, {}});
      Group &group = sameType[found->second];
      for (const Part &part : partsOf(parameter, options)) {
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
    ChainOptions chainOptions{plan.shardRanks, alignmentOf(bits[dtype]), 2 * plan.largestLayer, options.tolerance,
                              kFreePaddingBytes * 8 / bits[dtype]};
    BucketCache cache(plan.shardRanks, chainOptions.alignment);
    std::vector<FilledBucket> buckets = options.wholeTensors ? mergeLayers(sameType, chainOptions, cache)
                                                             : chooseBuckets(sameType, chainOptions, cache);
    for (const FilledBucket &bucket : buckets)
      addBucket(dtype, sameType, bucket);
  }

  /// Layers one after the other, and those that leave too much empty together with what follows, as long as that helps.
  static std::vector<FilledBucket> mergeLayers(const std::vector<Group> &sameType, const ChainOptions &chainOptions,
                                               BucketCache &cache) {
    std::vector<FilledBucket> buckets;
    std::vector<Item> waiting;
    auto settle = [&] {
      if (!waiting.empty())
        buckets.push_back(cache.fill(waiting));
      waiting.clear();
    };
    for (const Group &group : sameType) {
      std::vector<Item> both = waiting;
      both.insert(both.end(), group.items.begin(), group.items.end());
      if (!waiting.empty() && (elementsOf(both) > chainOptions.limit ||
                               cache.plan(both).shard >= cache.plan(waiting).shard + cache.plan(group.items).shard)) {
        settle();
        both = group.items;
      }
      waiting = std::move(both);
      if (isTight(chainOptions, elementsOf(waiting), cache.plan(waiting).shard))
        settle();
    }
    settle();
    return buckets;
  }

  std::vector<FilledBucket> chooseBuckets(const std::vector<Group> &sameType, const ChainOptions &chainOptions,
                                          BucketCache &cache) const {
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
    // Tensors of a layer in several buckets cost more gathers: only where padding is notable, and falls notably.
    double notable = std::max(2 * options.tolerance * elements, static_cast<double>(chainOptions.freePadding));
    for (bool exactly : {false, true})
      if (size(best) > elements + notable) {
        std::vector<FilledBucket> apart = chainApart(sameType, chainOptions, cache, exactly);
        if (!apart.empty() && size(apart) < size(best) - notable / 2)
          best = std::move(apart);
      }
    return best;
  }

  /// A chain for each class of units that share no slice well, and buckets of what these leave; nothing where there is
  /// one class.
  std::vector<FilledBucket> chainApart(const std::vector<Group> &sameType, const ChainOptions &chainOptions,
                                       BucketCache &cache, bool exactly) const {
    std::vector<int64_t> classes = unitClasses(sameType, exactly);
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
      Chain chain(chainOptions, cache);
      for (const Group &group : sameType) {
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
    std::sort(rest.begin(), rest.end(), [](const Item &a, const Item &b) {
      return std::tuple(-a.unit, a.part, a.begin) < std::tuple(-b.unit, b.part, b.begin);
    });
    Chain last(chainOptions, cache);
    last.addRest(rest);
    std::vector<FilledBucket> buckets = last.finish();
    std::move(buckets.begin(), buckets.end(), std::back_inserter(all));
    return all;
  }

  /// Units of a notable share of the elements, and of at least one for each rank; the most frequent first. None divides
  /// another, unless `exactly` asks for a class of each unit.
  std::vector<int64_t> unitClasses(const std::vector<Group> &sameType, bool exactly) const {
    constexpr double kShare = 0.005;
    constexpr size_t kMost = 6;
    std::map<int64_t, double> elements;
    double total = 0;
    for (const Group &group : sameType)
      for (const Item &item : group.items) {
        elements[item.unit] += static_cast<double>(item.elements);
        total += static_cast<double>(item.elements);
      }
    std::vector<std::pair<double, int64_t>> byShare;
    for (auto [unit, count] : elements)
      if (count >= kShare * total && count >= static_cast<double>(unit) * static_cast<double>(plan.shardRanks))
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

  void addBucket(const std::string &dtype, const std::vector<Group> &sameType, const FilledBucket &filled) {
    PlannedBucket bucket{bucketName(sameType, filled, dtype), dtype, bits[dtype], filled.shard, 0, {}};
    std::vector<Chunk> chunks = placesOf(filled, alignmentOf(bucket.bits));
    bucket.slots.reserve(chunks.size());
    for (const Chunk &chunk : chunks) {
      const Item &item = filled.items[chunk.tensor];
      const PartOf &part = parts[item.part];
      bucket.slots.push_back(
          {part.parameter, part.region, item.begin + chunk.begin, chunk.elements, item.unit, chunk.offset});
      bucket.elements += chunk.elements;
    }
    plan.buckets.push_back(std::move(bucket));
  }

  /// Where the items of a bucket lie, by offset.
  std::vector<Chunk> placesOf(const FilledBucket &filled, int64_t alignment) const {
    std::vector<Chunk> chunks;
    if (filled.offsets.empty()) {
      std::vector<Tensor> tensors = tensorsOf(filled.items);
      chunks = SlicePacking(tensors, plan.shardRanks, alignment).place(filled.shard);
    }
    for (uint32_t index = 0; index < filled.offsets.size(); ++index)
      chunks.push_back({index, 0, filled.items[index].elements, filled.offsets[index]});
    // An empty tensor may lie at the offset of another one: it comes first.
    std::sort(chunks.begin(), chunks.end(), [](const Chunk &a, const Chunk &b) {
      return std::pair(a.offset, a.elements) < std::pair(b.offset, b.elements);
    });
    return chunks;
  }

  /// The group's name, or the first and the last of several; with the dtype, then a number, where it is taken.
  std::string bucketName(const std::vector<Group> &sameType, const FilledBucket &filled, const std::string &dtype) {
    uint32_t first = UINT32_MAX, last = 0;
    for (const Item &item : filled.items) {
      first = std::min(first, parts[item.part].group);
      last = std::max(last, parts[item.part].group);
    }
    std::string name = sameType[first].name;
    if (last > first)
      name += (last == first + 1 ? "+" : "..") + sameType[last].name;
    auto [found, isNew] = names.try_emplace(name, dtype);
    if (isNew)
      return name;
    if (found->second != dtype)
      name += "." + dtype;
    std::string unique = name;
    for (int number = 2; !names.try_emplace(unique, dtype).second; ++number)
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
  std::map<std::string, int> bits; // of an element
  std::map<std::string, std::vector<Group>> groups;
  std::vector<PartOf> parts;
  std::map<std::string, std::string> names; // of buckets, to their dtypes
};

} // namespace

ModelPlan planModel(const std::vector<Parameter> &parameters, const PlanOptions &options) {
  return Planner(parameters, options).run();
}

} // namespace raddle::plan
