#include "raddle/Plan/ModelPlanner.h"

#include "ChooseBuckets.h"
#include "ShardSizes.h"
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

  /// What lies outside of layers counts as one where all layers together are less, such as a recommender's tables.
  void findLargestLayer() {
    int64_t inLayers = 0, largestOutside = 0;
    for (auto &[dtype, sameType] : groups)
      for (const Group &group : sameType) {
        int64_t elements = elementsOf(group.items);
        int64_t &largest = group.isLayer ? plan.largestLayer : largestOutside;
        largest = std::max(largest, elements);
        inLayers += group.isLayer ? elements : 0;
      }
    if (largestOutside > inLayers)
      plan.largestLayer = largestOutside;
  }

  void planGroups(const std::string &dtype, const std::vector<Group> &sameType) {
    constexpr int64_t kFreePaddingBytes = 64 * 1024;
    ChainOptions chainOptions{plan.shardRanks, alignmentOf(bits[dtype]), 2 * plan.largestLayer, options.tolerance,
                              kFreePaddingBytes * 8 / bits[dtype]};
    BucketCache cache(plan.shardRanks, chainOptions.alignment);
    for (const FilledBucket &bucket : chooseBuckets(sameType, chainOptions, options.wholeTensors, cache))
      addBucket(dtype, sameType, bucket);
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
    plan.lowerBound += leastSlice(tensorsOf(filled.items), plan.shardRanks, alignmentOf(bits[dtype]));
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
    for (int &number = lastNumbers[name]; !names.try_emplace(unique, dtype).second;)
      unique = name + "#" + std::to_string(++number + 1);
    return unique;
  }

  void sumUp() {
    for (const PlannedBucket &bucket : plan.buckets) {
      int64_t sliceBytes = bytesOf(bucket.shard, bucket.bits);
      plan.elements += bucket.elements;
      plan.paddedElements += bucket.shard * plan.shardRanks;
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
  std::map<std::string, int> lastNumbers;   // of buckets that have a name in common
};

} // namespace

ModelPlan planModel(const std::vector<Parameter> &parameters, const PlanOptions &options) {
  return Planner(parameters, options).run();
}

} // namespace raddle::plan
