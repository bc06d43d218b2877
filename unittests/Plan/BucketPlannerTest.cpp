#include "raddle/Plan/BucketPlanner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

using namespace raddle::plan;

namespace {

/// A case of the planner, small enough to try every placement.
struct Case {
  std::vector<Tensor> tensors;
  int64_t ranks;
  int64_t shard;
  int64_t alignment;
};

std::ostream &operator<<(std::ostream &stream, const Case &c) {
  stream << c.ranks << " ranks of " << c.shard << ", alignment " << c.alignment << ", tensors";
  for (const Tensor &tensor : c.tensors)
    stream << " " << tensor.elements << "/" << tensor.unit;
  return stream;
}

/// Whether a tensor may start here: aligned, inside, and every boundary inside it between two units.
bool mayStartAt(const Case &c, const Tensor &tensor, int64_t start) {
  if (start % c.alignment != 0 || start + tensor.elements > c.ranks * c.shard)
    return false;
  for (int64_t boundary = 0; boundary < start + tensor.elements; boundary += c.shard)
    if (boundary > start && (boundary - start) % tensor.unit != 0)
      return false;
  return true;
}

/// Tries every placement in the given order.
bool isFeasible(const Case &c, size_t index = 0, int64_t position = 0) {
  if (index == c.tensors.size())
    return true;
  for (int64_t start = position; start <= c.ranks * c.shard; ++start)
    if (mayStartAt(c, c.tensors[index], start) && isFeasible(c, index + 1, start + c.tensors[index].elements))
      return true;
  return false;
}

void expectValid(const Case &c, const std::vector<int64_t> &offsets) {
  ASSERT_EQ(offsets.size(), c.tensors.size()) << c;
  int64_t position = 0;
  for (size_t i = 0; i < offsets.size(); ++i) {
    EXPECT_GE(offsets[i], position) << "tensor " << i << " overlaps: " << c;
    EXPECT_TRUE(mayStartAt(c, c.tensors[i], offsets[i])) << "tensor " << i << " at " << offsets[i] << ": " << c;
    position = offsets[i] + c.tensors[i].elements;
  }
}

void expectValidInAnyOrder(const Case &c, const std::vector<int64_t> &offsets) {
  ASSERT_EQ(offsets.size(), c.tensors.size()) << c;
  for (size_t i = 0; i < offsets.size(); ++i) {
    ASSERT_TRUE(mayStartAt(c, c.tensors[i], offsets[i])) << "tensor " << i << " at " << offsets[i] << ": " << c;
    for (size_t j = 0; j < i; ++j)
      ASSERT_TRUE(offsets[i] + c.tensors[i].elements <= offsets[j] || offsets[j] + c.tensors[j].elements <= offsets[i])
          << "tensors " << j << " and " << i << " overlap: " << c;
  }
}

/// Tries every order and every shard.
int64_t leastShardOfAnyOrder(Case c) {
  auto key = [](const Tensor &tensor) { return std::pair(tensor.elements, tensor.unit); };
  auto less = [&](const Tensor &a, const Tensor &b) { return key(a) < key(b); };
  for (c.shard = c.alignment;; c.shard += c.alignment) {
    std::sort(c.tensors.begin(), c.tensors.end(), less);
    do {
      if (isFeasible(c))
        return c.shard;
    } while (std::next_permutation(c.tensors.begin(), c.tensors.end(), less));
  }
}

class RandomCases {
public:
  Case next() {
    static constexpr int64_t kAlignments[] = {1, 2, 3, 4};
    Case c;
    c.alignment = kAlignments[number(0, 3)];
    c.ranks = number(1, 5);
    c.shard = c.alignment * number(1, 8);
    for (int64_t count = number(0, 4); count > 0; --count) {
      int64_t unit = number(1, 6);
      // The last unit may be shorter.
      int64_t missing = number(0, 3) == 0 ? number(0, unit - 1) : 0;
      c.tensors.push_back({std::max<int64_t>(unit * number(0, 4) - missing, 0), unit});
    }
    return c;
  }

private:
  int64_t number(int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(random); }

  std::mt19937_64 random{20260713};
};

} // namespace

TEST(BucketPlanner, FindsAPlacementExactlyWhereThereIsOne) {
  RandomCases cases;
  int feasible = 0, infeasible = 0;
  for (int i = 0; i < 20000; ++i) {
    Case c = cases.next();
    auto offsets = placeEarliestFit(c.tensors, c.ranks, c.shard, c.alignment);
    ASSERT_EQ(offsets.has_value(), isFeasible(c)) << c;
    if (offsets)
      expectValid(c, *offsets);
    ++(offsets ? feasible : infeasible);
  }
  // Both answers must have been asked for.
  EXPECT_GT(feasible, 1000);
  EXPECT_GT(infeasible, 1000);
}

TEST(BucketPlanner, EveryTensorEndsAsEarlyAsItCan) {
  RandomCases cases;
  for (int i = 0; i < 5000; ++i) {
    Case c = cases.next();
    auto offsets = placeEarliestFit(c.tensors, c.ranks, c.shard, c.alignment);
    if (!offsets)
      continue;
    int64_t position = 0;
    for (size_t t = 0; t < c.tensors.size(); ++t) {
      for (int64_t start = position; start < (*offsets)[t]; ++start)
        EXPECT_FALSE(mayStartAt(c, c.tensors[t], start)) << "tensor " << t << " could start at " << start << ": " << c;
      position = (*offsets)[t] + c.tensors[t].elements;
    }
  }
}

TEST(BucketPlanner, TakesTheLeastShardOfTheGivenOrder) {
  RandomCases cases;
  for (int i = 0; i < 30000; ++i) {
    Case c = cases.next();
    Layout layout = planGivenOrder(c.tensors, c.ranks, c.alignment);
    ASSERT_GT(layout.shard, 0) << c;
    ASSERT_EQ(layout.shard % c.alignment, 0) << c;
    for (c.shard = c.alignment; c.shard < layout.shard; c.shard += c.alignment)
      ASSERT_FALSE(isFeasible(c)) << layout.shard << " is not the least: " << c;
    expectValid(c, layout.offsets);
  }
}

TEST(BucketPlanner, IsNeverWorseThanTheGivenOrderAndNeverBetterThanAnyOrder) {
  RandomCases cases;
  int better = 0;
  for (int i = 0; i < 30000; ++i) {
    Case c = cases.next();
    Layout layout = planBucket(c.tensors, c.ranks, c.alignment);
    c.shard = layout.shard;
    expectValidInAnyOrder(c, layout.offsets);
    int64_t given = planGivenOrder(c.tensors, c.ranks, c.alignment).shard;
    ASSERT_LE(layout.shard, given) << c;
    ASSERT_GE(layout.shard, leastShardOfAnyOrder(c)) << c;
    better += layout.shard < given;
  }
  EXPECT_GT(better, 100);
}

TEST(BucketPlanner, FillsGapsWhereverEarliestFitSucceeds) {
  RandomCases cases;
  int more = 0;
  for (int i = 0; i < 30000; ++i) {
    Case c = cases.next();
    auto plain = placeEarliestFit(c.tensors, c.ranks, c.shard, c.alignment);
    auto filled = placeFillingGaps(c.tensors, Order::Given, c.ranks, c.shard, c.alignment);
    if (plain) {
      ASSERT_TRUE(filled) << c;
    }
    if (filled)
      expectValidInAnyOrder(c, *filled);
    more += filled && !plain;
  }
  EXPECT_GT(more, 10);
}

// 12 elements in units of 4 on three ranks fit slices of 4, but not of 5, 6 or 7: the boundaries cut units.
TEST(BucketPlanner, FeasibilityIsNotMonotoneInTheShard) {
  std::vector<Tensor> tensors{{12, 4}};
  EXPECT_TRUE(placeEarliestFit(tensors, 3, 4, 1));
  for (int64_t shard : {5, 6, 7})
    EXPECT_FALSE(placeEarliestFit(tensors, 3, shard, 1)) << shard;
  EXPECT_TRUE(placeEarliestFit(tensors, 3, 8, 1));
  EXPECT_EQ(planGivenOrder(tensors, 3, 1).shard, 4);
}

TEST(BucketPlanner, AlignsWhatFollowsAnOddTensor) {
  Layout layout = planBucket({{77, 1}, {11, 1}}, 1, 32);
  EXPECT_EQ(layout.offsets, (std::vector<int64_t>{0, 96}));
  EXPECT_EQ(layout.shard, 128);
}

// Rows of 48 elements: the second tensor crosses the boundary at 128 between rows and at an aligned start, 32 elements
// being 128 bytes of f32.
TEST(BucketPlanner, SpansABoundaryInStepsOfUnitAndAlignment) {
  std::vector<Tensor> tensors{{20, 1}, {144, 48}};
  auto offsets = placeEarliestFit(tensors, 2, 128, 32);
  ASSERT_TRUE(offsets);
  EXPECT_EQ((*offsets)[1], 32);
  EXPECT_EQ((128 - (*offsets)[1]) % 48, 0);
}

TEST(BucketPlanner, WholeTensorsAreNeverCut) {
  std::vector<Tensor> tensors{{40, 40}, {40, 40}, {40, 40}, {8, 8}};
  Layout layout = planBucket(tensors, 4, 8);
  EXPECT_EQ(layout.shard, 40);
  EXPECT_EQ(layout.offsets, (std::vector<int64_t>{0, 40, 80, 120}));
}

TEST(BucketPlanner, NoTensorsNeedTheLeastSlice) {
  Layout layout = planBucket({}, 4, 32);
  EXPECT_EQ(layout.shard, 32);
  EXPECT_TRUE(layout.offsets.empty());
}
