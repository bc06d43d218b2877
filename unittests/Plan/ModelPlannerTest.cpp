#include "RandomModels.h"
#include "raddle/Plan/Scales.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

using namespace raddle::plan;

namespace {

std::string join(const std::vector<std::string> &lines) {
  std::string text;
  for (const std::string &line : lines)
    text += line + "\n";
  return text;
}

/// Tensors of each bucket as named, and the elements of each.
struct NamedBuckets {
  std::map<std::pair<std::string, std::string>, std::vector<Tensor>> tensors; // by dtype and name
  int64_t largest = 0;                                                        // elements of the largest
};

NamedBuckets namedBuckets(const Case &c) {
  NamedBuckets buckets;
  std::map<std::pair<std::string, std::string>, int64_t> elements;
  for (const Parameter &parameter : c.parameters) {
    std::string name = parameter.bucket;
    if (name.empty())
      name = defaultBucket(parameter.name, *countElements(parameter.shape) * bitsOf(parameter.dtype) / 8);
    for (const Part &part : partsOf(parameter.shape, parameter.block.value_or(c.options.block), !parameter.block)) {
      buckets.tensors[{parameter.dtype, name}].push_back({part.elements, part.unit});
      buckets.largest = std::max(buckets.largest, elements[{parameter.dtype, name}] += part.elements);
    }
  }
  return buckets;
}

Parameter make(std::string name, std::vector<int64_t> shape, std::string bucket = "") {
  return {std::move(name), std::move(shape), "bf16", std::move(bucket), std::nullopt};
}

ModelPlan planChecked(const Case &c) {
  EXPECT_EQ(join(checkInput(c.parameters, c.options)), "") << c;
  ModelPlan plan = planModel(c.parameters, c.options);
  EXPECT_EQ(join(checkPlan(c.parameters, c.options, plan)), "") << c;
  return plan;
}

} // namespace

TEST(ModelPlanner, EveryLayoutIsValidAndNeverWorseThanTheGivenBucketsInTheGivenOrder) {
  RandomModels models(20260721);
  int better = 0, spilled = 0;
  for (int i = 0; i < 40000; ++i) {
    Case c = models.next();
    ModelPlan plan = planModel(c.parameters, c.options);
    ASSERT_EQ(join(checkPlan(c.parameters, c.options, plan)), "") << c;
    NamedBuckets named = namedBuckets(c);
    int64_t given = 0;
    for (const auto &[key, tensors] : named.tensors)
      given += planGivenOrder(tensors, plan.shardRanks, alignmentOf(bitsOf(key.first))).shard;
    ASSERT_LE(plan.paddedElements, given * plan.shardRanks) << c;
    ASSERT_LE(plan.elements, plan.lowerBound * plan.shardRanks) << c;
    ASSERT_LE(plan.lowerBound * plan.shardRanks, plan.paddedElements) << c;
    better += plan.paddedElements < given * plan.shardRanks;
    for (const PlannedBucket &bucket : plan.buckets) {
      ASSERT_LE(bucket.elements, 2 * named.largest) << bucket.name << ": " << c;
      spilled += bucket.name.find_first_of("+.#") != std::string::npos;
    }
  }
  EXPECT_GT(better, 1000);
  EXPECT_GT(spilled, 1000);
}

TEST(ModelPlanner, IsDeterministic) {
  RandomModels models(7);
  for (int i = 0; i < 500; ++i) {
    Case c = models.next();
    ModelPlan a = planModel(c.parameters, c.options), b = planModel(c.parameters, c.options);
    ASSERT_EQ(a.buckets.size(), b.buckets.size());
    for (size_t bucket = 0; bucket < a.buckets.size(); ++bucket) {
      ASSERT_EQ(a.buckets[bucket].name, b.buckets[bucket].name);
      ASSERT_EQ(a.buckets[bucket].shard, b.buckets[bucket].shard);
      for (size_t slot = 0; slot < a.buckets[bucket].slots.size(); ++slot)
        ASSERT_EQ(a.buckets[bucket].slots[slot].offset, b.buckets[bucket].slots[slot].offset);
    }
  }
}

TEST(ModelPlanner, KeepsLayersApartThatFit) {
  Case c;
  c.options.ranks = 4;
  for (std::string layer : {"layers.0.", "layers.1."}) {
    c.parameters.push_back(make(layer + "w", {1024, 1024}));
    c.parameters.push_back(make(layer + "b", {1024}));
  }
  c.parameters.push_back(make("head", {4096, 1024}));
  c.parameters.push_back(make("norm", {1024}));
  ModelPlan plan = planChecked(c);
  std::vector<std::string> names;
  for (const PlannedBucket &bucket : plan.buckets)
    names.push_back(bucket.name);
  EXPECT_EQ(names, (std::vector<std::string>{"layers.0", "layers.1", "head", "rest"}));
}

// Ten layers of 17 units each on 16 ranks: alone each needs slices of two units, 88 % of padding. Together they are 170
// units, which 11 units a rank hold.
TEST(ModelPlanner, SpillsTheRestOfALayerIntoTheNext) {
  Case c;
  c.options.ranks = 16;
  c.options.block = {Block::Kind::Tile, 128, 128};
  for (int layer = 0; layer < 10; ++layer)
    c.parameters.push_back(make("layers." + std::to_string(layer) + ".w", {17 * 128, 128}));
  ModelPlan plan = planChecked(c);
  EXPECT_EQ(plan.paddedElements, 11 * 16 * 128 * 128);
  for (const PlannedBucket &bucket : plan.buckets)
    EXPECT_LE(bucket.elements, 2 * 17 * 128 * 128);
}

// Layers of half a unit a rank: two fill one slice.
TEST(ModelPlanner, MergesSmallLayers) {
  Case c;
  c.options.ranks = 16;
  c.options.block = {Block::Kind::Tile, 128, 128};
  for (int layer = 0; layer < 6; ++layer)
    c.parameters.push_back(make("layers." + std::to_string(layer) + ".w", {8 * 128, 128}));
  ModelPlan plan = planChecked(c);
  EXPECT_EQ(plan.buckets.size(), 3u);
  EXPECT_EQ(plan.padding(), 0);
  EXPECT_EQ(plan.buckets[0].name, "layers.0+layers.1");
}

// 300 x 200 in tiles of 128: two tiles; 72 columns and 44 rows at the edges.
TEST(ModelPlanner, StoresEdgesAsParts) {
  std::vector<Part> parts = partsOf({300, 200}, {Block::Kind::Tile, 128, 128}, true);
  ASSERT_EQ(parts.size(), 4u);
  EXPECT_EQ(std::pair(parts[0].elements, parts[0].unit), std::pair(int64_t(256 * 128), int64_t(128 * 128)));
  EXPECT_EQ(std::pair(parts[1].elements, parts[1].unit), std::pair(int64_t(256 * 72), int64_t(128 * 72)));
  EXPECT_EQ(std::pair(parts[2].elements, parts[2].unit), std::pair(int64_t(44 * 128), int64_t(44 * 128)));
  EXPECT_EQ(std::pair(parts[3].elements, parts[3].unit), std::pair(int64_t(44 * 72), int64_t(44 * 72)));
  // Rows are as wide as the matrix; leading dimensions count matrices.
  parts = partsOf({2, 10, 6}, {Block::Kind::Rows, 4, 1}, true);
  ASSERT_EQ(parts.size(), 2u);
  EXPECT_EQ(std::pair(parts[0].elements, parts[0].unit), std::pair(int64_t(2 * 8 * 6), int64_t(4 * 6)));
  EXPECT_EQ(std::pair(parts[1].elements, parts[1].unit), std::pair(int64_t(2 * 2 * 6), int64_t(2 * 6)));
  // A vector has blocks only where they are asked for.
  EXPECT_EQ(partsOf({300}, {Block::Kind::Tile, 128, 128}, true)[0].unit, 1);
  EXPECT_EQ(partsOf({300}, {Block::Kind::Tile, 128, 128}, false)[0].unit, 128);
}

TEST(ModelPlanner, TwoLevelsPlanForTheRanksThatShareACopy) {
  Case c;
  c.options.ranks = 64;
  c.options.shardRanks = 8;
  c.parameters.push_back(make("w", {4096, 1024}));
  ModelPlan two = planChecked(c);
  c.options = {};
  c.options.ranks = 8;
  ModelPlan one = planChecked(c);
  EXPECT_EQ(two.paddedElements, one.paddedElements);
  EXPECT_EQ(two.bytesPerRank, one.bytesPerRank);
  EXPECT_EQ(two.bytesPerRank, 4096 * 1024 * 2 / 8);
  EXPECT_EQ(two.gatherBytes, 7 * two.bytesPerRank);
}

// More elements in a tensor than 32 bits count, more in all than 2^40.
TEST(ModelPlanner, TakesHugeModels) {
  Case c;
  c.options.ranks = 65536;
  c.options.block = {Block::Kind::Tile, 128, 128};
  for (int layer = 0; layer < 40; ++layer)
    c.parameters.push_back(make("layers." + std::to_string(layer) + ".w", {1 << 17, 1 << 18}));
  ModelPlan plan = planChecked(c);
  EXPECT_EQ(plan.elements, int64_t(40) << 35);
  EXPECT_EQ(plan.padding(), 0);
}

// The other extents would overflow if they were multiplied first.
TEST(ModelPlanner, TakesHugeShapesWithoutElements) {
  Case c;
  c.options.ranks = 4;
  c.options.block = {Block::Kind::Tile, 128, 128};
  c.parameters = {make("w", {512, 256}), make("empty", {int64_t(1) << 40, int64_t(1) << 40, 0})};
  for (bool whole : {false, true}) {
    c.options.wholeTensors = whole;
    ModelPlan plan = planChecked(c);
    EXPECT_EQ(plan.elements, 512 * 256);
    EXPECT_EQ(scalesPerUnit(c.parameters[1], c.options), 0);
  }
}

TEST(ModelPlanner, RefusesWhatCannotBePlanned) {
  PlanOptions options;
  options.ranks = 0;
  EXPECT_EQ(join(checkInput({make("w", {4})}, options)), "expected 1 to 1048576 ranks, got 0\n");
  options.ranks = 12;
  options.shardRanks = 5;
  EXPECT_NE(join(checkInput({make("w", {4})}, options)).find("divides the 12 ranks, got 5"), std::string::npos);
  options.shardRanks = 0;
  std::vector<Parameter> parameters{make("w", {4}), make("w", {-1}), make("x", {int64_t(1) << 40, int64_t(1) << 40})};
  parameters[0].dtype = "f12";
  EXPECT_EQ(join(checkInput(parameters, options)),
            "parameter 'w': dtype 'f12' is unknown\n"
            "two parameters are named 'w'\n"
            "parameter 'w': shape [-1] has a negative extent or more than 1152921504606846976 elements\n"
            "parameter 'x': shape [1099511627776, 1099511627776] has a negative extent or more than "
            "1152921504606846976 elements\n");
  EXPECT_EQ(join(checkInput({}, options)), "there are no parameters\n");
  options.ranks = 1 << 20;
  EXPECT_NE(join(checkInput({make("w", {int64_t(1) << 50})}, options)).find("are too many"), std::string::npos);
}

// Units of 24 and of 32 rows, half and half, and about one unit a rank in a layer: together slices stay a fifth empty,
// apart full.
TEST(ModelPlanner, KeepsClassesOfUnitsApartWhereNoSliceSuitsBoth) {
  Case c;
  c.options.ranks = 64;
  for (int layer = 0; layer < 16; ++layer)
    for (int64_t rows : {3, 4}) {
      c.parameters.push_back(make("layers." + std::to_string(layer) + "." + std::to_string(rows), {64 * 12, 4096}));
      c.parameters.back().block = Block{Block::Kind::Rows, rows * 8, 1};
    }
  ModelPlan plan = planChecked(c);
  EXPECT_EQ(plan.padding(), 0);
  for (const PlannedBucket &bucket : plan.buckets)
    EXPECT_LE(bucket.elements, 2 * plan.largestLayer);
}

// A table beside tiny layers, which together are more or less than it: it is not cut into as many buckets as layers are
// smaller.
TEST(ModelPlanner, CutsATableIntoFewBuckets) {
  for (int layers : {2, 300}) {
    Case c;
    c.options.ranks = 7;
    c.options.block = {Block::Kind::Tile, 128, 128};
    c.parameters.push_back(make("table", {(int64_t(1) << 17) + 1, 231}));
    for (int layer = 0; layer < layers; ++layer)
      c.parameters.push_back(make("layers." + std::to_string(layer) + ".w", {477, 461}));
    ModelPlan plan = planChecked(c);
    auto ofTable = [](const PlannedBucket &bucket) {
      return std::any_of(bucket.slots.begin(), bucket.slots.end(),
                         [](const PlannedSlot &slot) { return slot.parameter == 0; });
    };
    EXPECT_LE(std::count_if(plan.buckets.begin(), plan.buckets.end(), ofTable), 5) << layers;
  }
}

// Two units of 800 elements are aligned together, and no slice for the largest unit holds them: tensors of one unit
// must not be counted in pairs.
TEST(ModelPlanner, FillsSlicesWithSingleUnitsThatAreNotAligned) {
  Case c;
  c.options.ranks = 4096;
  c.options.block = {Block::Kind::Tile, 128, 128};
  for (int index = 0; index < 4096; ++index)
    c.parameters.push_back(make("w" + std::to_string(index), {2 + index % 120, 10}));
  ModelPlan plan = planChecked(c);
  EXPECT_EQ(plan.paddedElements, plan.lowerBound * plan.ranks);
  EXPECT_EQ(plan.paddedElements, 1216 * 4096);
}

TEST(ModelPlanner, KeepsTensorsWholeOnRequest) {
  RandomModels models(4711);
  int merged = 0;
  for (int i = 0; i < 2000; ++i) {
    Case c = models.next();
    c.options.wholeTensors = true;
    ModelPlan plan = planChecked(c);
    int64_t alone = 0;
    std::map<std::pair<std::string, std::string>, std::vector<Tensor>> layers;
    for (const Parameter &parameter : c.parameters) {
      std::string name = parameter.bucket;
      if (name.empty())
        name = defaultBucket(parameter.name, *countElements(parameter.shape) * bitsOf(parameter.dtype) / 8);
      Part part = partsOf(parameter, c.options).front();
      layers[{parameter.dtype, name}].push_back({part.elements, part.unit});
    }
    for (const auto &[key, tensors] : layers)
      alone += planBucket(tensors, plan.shardRanks, alignmentOf(bitsOf(key.first))).shard;
    ASSERT_LE(plan.paddedElements, alone * plan.shardRanks) << c;
    merged += plan.buckets.size() < layers.size();
  }
  EXPECT_GT(merged, 100);
}

TEST(ModelPlanner, MergesLayersOfWholeTensorsThatLeaveMuchEmpty) {
  // Six units of 256 KiB in a layer, on four ranks: two layers fill three a rank.
  Case c;
  c.options.ranks = 4;
  c.options.wholeTensors = true;
  for (int layer = 0; layer < 4; ++layer) {
    Parameter &parameter = c.parameters.emplace_back();
    parameter.name = "layers." + std::to_string(layer) + ".w";
    parameter.shape = {6 * 128, 512};
    parameter.dtype = "f32";
    parameter.unit = 128 * 512;
  }
  ModelPlan plan = planChecked(c);
  ASSERT_EQ(plan.buckets.size(), 2u);
  EXPECT_EQ(plan.buckets[0].name, "layers.0+layers.1");
  EXPECT_EQ(plan.padding(), 0);
}
