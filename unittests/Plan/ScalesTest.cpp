#include "raddle/Plan/Scales.h"
#include "RandomModels.h"

#include <gtest/gtest.h>

#include <map>

using namespace raddle::plan;

/// Owner of an element of the bucket.
static int64_t ownerOf(const PlannedBucket &bucket, int64_t position) { return position / bucket.shard; }

/// Every scale, one after the other as the layout says, has the owner of every element of its block; no two scales of a
/// rank have one place, none lies behind the slice.
static void expectOneCut(const PlannedBucket &bucket, int64_t ranks, const Case &c) {
  ScaleLayout layout = layOutScales(bucket, ranks, 32);
  ASSERT_EQ(layout.slots.size(), bucket.slots.size());
  ASSERT_EQ(layout.shard % 32, 0);
  std::map<std::pair<int64_t, int64_t>, int> taken; // (rank, offset)
  int64_t all = 0;
  for (size_t index = 0; index < bucket.slots.size(); ++index) {
    const PlannedSlot &slot = bucket.slots[index];
    const ScaleSlot &scales = layout.slots[index];
    int64_t unit = 0;
    for (int64_t rank = 0; rank < ranks; ++rank)
      for (int64_t i = 0; i < scales.countOn(rank); ++i, ++unit, ++all) {
        int64_t begin = slot.offset + unit * slot.unit, end = std::min(begin + slot.unit, slot.offset + slot.elements);
        ASSERT_EQ(ownerOf(bucket, begin), rank) << c;
        ASSERT_EQ(ownerOf(bucket, end - 1), rank) << c;
        int64_t offset = scales.offsetOn(rank) + i;
        ASSERT_LT(offset, layout.shard) << c;
        ASSERT_EQ(taken[std::pair(rank, offset)]++, 0) << c;
      }
    ASSERT_EQ(unit, slot.unit == 1 ? 0 : (slot.elements + slot.unit - 1) / slot.unit) << c;
  }
  ASSERT_EQ(all, layout.scales);
}

TEST(Scales, LieWhereTheirBlocksLie) {
  RandomModels models(99);
  int64_t spread = 0;
  for (int i = 0; i < 4000; ++i) {
    Case c = models.next();
    c.options.wholeTensors = i % 3 == 0;
    ModelPlan plan = planModel(c.parameters, c.options);
    for (const PlannedBucket &bucket : plan.buckets) {
      expectOneCut(bucket, plan.shardRanks, c);
      for (const ScaleSlot &slot : layOutScales(bucket, plan.shardRanks, 8).slots)
        spread += slot.ranks > 2;
    }
  }
  EXPECT_GT(spread, 1000);
}

TEST(Scales, FollowOneAnotherOnARank) {
  // Ranks own [0, 64), [64, 128), ...: the second slot begins on the rank on which the first one ends.
  PlannedBucket bucket{"b", "bf16", 16,
                       64,  288,    {{0, Region::Interior, 0, 192, 16, 0}, {1, Region::Interior, 0, 96, 32, 192}}};
  ScaleLayout layout = layOutScales(bucket, 5, 32);
  EXPECT_EQ(layout.scales, 12 + 3);
  EXPECT_EQ(layout.shard, 32);
  EXPECT_EQ(layout.slots[0].countOn(1), 4);
  EXPECT_EQ(layout.slots[0].countOn(3), 0);
  EXPECT_EQ(layout.slots[1].countOn(3), 2);
  EXPECT_EQ(layout.slots[1].countOn(4), 1);
  EXPECT_EQ(layout.slots[1].offsetOn(3), 0);
}
