#include "raddle/Plan/Scales.h"
#include "RandomModels.h"

#include <gtest/gtest.h>

#include <map>

using namespace raddle::plan;

/// Owner of an element of the bucket.
static int64_t ownerOf(const PlannedBucket &bucket, int64_t position) { return position / bucket.shard; }

/// Blocks of a unit by counting them: every block of the matrices from its first row and column on.
static int64_t countBlocks(const Parameter &parameter, const PlanOptions &options, int64_t elements) {
  Block block = parameter.block.value_or(options.block);
  bool isVector = parameter.shape.size() < 2;
  if (block.kind == Block::Kind::None || elements == 0 || (isVector && !parameter.block))
    return 0;
  int64_t columns = parameter.shape.empty() ? 1 : parameter.shape.back();
  int64_t rows = isVector ? 1 : parameter.shape[parameter.shape.size() - 2], blocks = 0;
  for (int64_t row = 0; row < rows; row += block.rows)
    for (int64_t column = 0; column < columns; column += block.kind == Block::Kind::Rows ? columns : block.columns)
      ++blocks;
  return elements / (rows * columns) * blocks;
}

/// The scales of every unit, one after the other as the layout says, have the owner of every element of the unit; no
/// two scales of a rank have one place, none lies behind the slice. Adds up the scales of each parameter.
static void expectOneCut(const PlannedBucket &bucket, int64_t ranks, const Case &c, std::vector<int64_t> &counts) {
  ScaleLayout layout = layOutScales(bucket, c.parameters, c.options, 32);
  ASSERT_EQ(layout.slots.size(), bucket.slots.size());
  ASSERT_EQ(layout.shard % 32, 0);
  std::map<std::pair<int64_t, int64_t>, int> taken; // (rank, offset)
  int64_t all = 0;
  for (size_t index = 0; index < bucket.slots.size(); ++index) {
    const PlannedSlot &slot = bucket.slots[index];
    const ScaleSlot &scales = layout.slots[index];
    int64_t each = scalesPerUnit(c.parameters[slot.parameter], c.options), number = 0;
    for (int64_t rank = 0; rank < ranks; ++rank)
      for (int64_t i = 0; i < scales.countOn(rank); ++i, ++number) {
        int64_t begin = slot.offset + number / each * slot.unit;
        int64_t end = std::min(begin + slot.unit, slot.offset + slot.elements);
        ASSERT_LT(begin, end) << c;
        ASSERT_EQ(ownerOf(bucket, begin), rank) << c;
        ASSERT_EQ(ownerOf(bucket, end - 1), rank) << c;
        int64_t offset = scales.offsetOn(rank) + i;
        ASSERT_LT(offset, layout.shard) << c;
        ASSERT_EQ(taken[std::pair(rank, offset)]++, 0) << c;
      }
    all += number;
    counts[slot.parameter] += number;
  }
  ASSERT_EQ(all, layout.scales);
}

TEST(Scales, LieWhereTheirBlocksLie) {
  RandomModels models(99);
  int64_t spread = 0;
  for (int i = 0; i < 4000; ++i) {
    Case c = models.next();
    c.options.wholeTensors = i % 8 == 0;
    ModelPlan plan = planModel(c.parameters, c.options);
    std::vector<int64_t> counts(c.parameters.size());
    for (const PlannedBucket &bucket : plan.buckets) {
      expectOneCut(bucket, plan.shardRanks, c, counts);
      for (const ScaleSlot &slot : layOutScales(bucket, c.parameters, c.options, 8).slots)
        spread += slot.ranks > 2;
    }
    for (size_t index = 0; index < counts.size(); ++index)
      ASSERT_EQ(counts[index], countBlocks(c.parameters[index], c.options, *countElements(c.parameters[index].shape)))
          << c.parameters[index].name << " of " << c;
  }
  EXPECT_GT(spread, 1000);
}

TEST(Scales, FollowOneAnotherOnARank) {
  // Ranks own [0, 64), [64, 128), ...: the second slot begins on the rank on which the first one ends.
  PlannedBucket bucket{"b", "bf16", 16,
                       64,  288,    {{0, Region::Interior, 0, 192, 16, 0}, {1, Region::Interior, 0, 96, 32, 192}}};
  Parameter a, b;
  a.shape = {12, 16};
  a.block = Block{Block::Kind::Rows, 1, 1};
  b.shape = {3, 32};
  b.block = a.block;
  ScaleLayout layout = layOutScales(bucket, {a, b}, {}, 32);
  EXPECT_EQ(layout.scales, 12 + 3);
  EXPECT_EQ(layout.shard, 32);
  EXPECT_EQ(layout.slots[0].countOn(1), 4);
  EXPECT_EQ(layout.slots[0].countOn(3), 0);
  EXPECT_EQ(layout.slots[1].countOn(3), 2);
  EXPECT_EQ(layout.slots[1].countOn(4), 1);
  EXPECT_EQ(layout.slots[1].offsetOn(3), 0);
}
