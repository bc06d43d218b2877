// The checker must find what is wrong: each test damages a valid plan in one way.
#include "raddle/Plan/ModelPlanner.h"

#include <gtest/gtest.h>

using namespace raddle::plan;

namespace {

class CheckPlan : public testing::Test {
protected:
  void SetUp() override {
    options.ranks = 4;
    options.block = {Block::Kind::Tile, 64, 64};
    parameters = {{"w", {256, 200}, "bf16", "", std::nullopt}, {"b", {256}, "bf16", "", std::nullopt}};
    plan = planModel(parameters, options);
    ASSERT_TRUE(checkPlan(parameters, options, plan).empty());
    bucket = &plan.buckets.front();
    ASSERT_EQ(plan.buckets.size(), 1u);
  }

  void expectProblem(const std::string &part) {
    std::string all;
    for (const std::string &problem : checkPlan(parameters, options, plan))
      all += problem + "\n";
    EXPECT_NE(all.find(part), std::string::npos) << all;
  }

  PlannedSlot &slotOf(uint32_t parameter, Region region) {
    for (PlannedSlot &slot : bucket->slots)
      if (slot.parameter == parameter && slot.region == region)
        return slot;
    throw std::logic_error("no such slot");
  }

  std::vector<Parameter> parameters;
  PlanOptions options;
  ModelPlan plan;
  PlannedBucket *bucket = nullptr;
};

} // namespace

TEST_F(CheckPlan, FindsOverlap) {
  bucket->slots[1].offset -= 64;
  expectProblem("overlaps what ends at");
}

TEST_F(CheckPlan, FindsACutUnit) {
  slotOf(0, Region::Interior).offset += 64;
  expectProblem("cuts a unit of 4096");
}

TEST_F(CheckPlan, FindsWhatIsNotAligned) {
  bucket->slots.back().offset += 1;
  expectProblem("is not aligned");
  bucket->shard += 1;
  expectProblem("elements is not aligned");
}

TEST_F(CheckPlan, FindsWhatIsLost) {
  bucket->slots.pop_back();
  expectProblem("elements, expected");
}

TEST_F(CheckPlan, FindsWhatOccursTwice) {
  PlannedSlot again = slotOf(1, Region::Interior);
  again.offset = bucket->shard * options.ranks;
  bucket->slots.push_back(again);
  expectProblem("has 256 elements, then 0");
  expectProblem("behind its last slice");
}

TEST_F(CheckPlan, FindsAnotherUnit) {
  slotOf(0, Region::Right).unit = 1;
  expectProblem("has units of 1, expected 512");
}

TEST_F(CheckPlan, FindsWrongTotals) {
  plan.paddedElements += 1;
  expectProblem("totals");
  bucket->elements -= 1;
  expectProblem("says");
}

TEST_F(CheckPlan, FindsAnotherDtype) {
  parameters[1].dtype = "f32";
  expectProblem("dtype is f32, the bucket's bf16");
}
