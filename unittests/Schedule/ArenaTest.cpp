#include "Arena.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

using raddle::Allocation;
using raddle::assignOffsets;
using raddle::lowerBoundBytes;

namespace {

constexpr int64_t kAlignment = 128;

Allocation allocation(int64_t bytes, int64_t first, int64_t last) {
  Allocation result;
  result.bytes = bytes;
  result.first = first;
  result.last = last;
  return result;
}

bool overlapInSpace(const Allocation &a, const Allocation &b) {
  return a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes;
}

void expectValid(const std::vector<Allocation> &allocations, int64_t arena) {
  int64_t end = 0;
  for (size_t i = 0; i < allocations.size(); ++i) {
    const Allocation &a = allocations[i];
    if (!a.isUsed())
      continue;
    EXPECT_EQ(a.offset % kAlignment, 0);
    EXPECT_GE(a.offset, 0);
    end = std::max(end, a.offset + a.bytes);
    for (size_t j = 0; j < i; ++j)
      EXPECT_FALSE(allocations[j].isUsed() && a.overlapsInTime(allocations[j]) && overlapInSpace(a, allocations[j]))
          << i << " and " << j << " overlap";
  }
  EXPECT_EQ(arena, end);
  EXPECT_GE(arena, lowerBoundBytes(allocations));
}

} // namespace

TEST(Arena, RandomLivesNeverOverlap) {
  std::mt19937_64 random(7);
  auto number = [&](int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(random); };
  for (int round = 0; round < 1000; ++round) {
    std::vector<Allocation> allocations;
    for (int64_t count = number(0, 40); count > 0; --count) {
      int64_t first = number(0, 30);
      allocations.push_back(allocation(number(0, 2000), first, first + number(0, 12)));
      if (number(0, 9) == 0)
        allocations.back().first = -1;
    }
    int64_t arena = assignOffsets(allocations);
    expectValid(allocations, arena);
    if (HasFailure())
      FAIL() << "in round " << round;
  }
}

namespace {

/// First fit by comparing with all that lie there: the lowest offset that is free, largest allocations first.
void placeByComparing(std::vector<Allocation> &allocations) {
  std::vector<Allocation *> order, placed;
  for (Allocation &allocation : allocations)
    if (allocation.isUsed())
      order.push_back(&allocation);
  std::sort(order.begin(), order.end(),
            [](auto *a, auto *b) { return std::make_pair(-a->bytes, a) < std::make_pair(-b->bytes, b); });
  for (Allocation *allocation : order) {
    std::vector<int64_t> candidates{0};
    for (const Allocation *other : placed)
      candidates.push_back((other->offset + other->bytes + kAlignment - 1) / kAlignment * kAlignment);
    std::sort(candidates.begin(), candidates.end());
    for (int64_t candidate : candidates) {
      allocation->offset = candidate;
      if (std::none_of(placed.begin(), placed.end(), [&](const Allocation *other) {
            return other->overlapsInTime(*allocation) && overlapInSpace(*other, *allocation);
          }))
        break;
    }
    placed.push_back(allocation);
  }
}

} // namespace

TEST(Arena, EachLiesAtTheLowestFreePlace) {
  std::mt19937_64 random(11);
  auto number = [&](int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(random); };
  for (int round = 0; round < 300; ++round) {
    std::vector<Allocation> allocations;
    int64_t instants = number(1, 200), longest = number(0, 100), sizes = number(1, 30);
    for (int64_t count = number(1, 120); count > 0; --count) {
      int64_t first = number(0, instants);
      allocations.push_back(allocation(number(0, sizes) * 100, first, first + number(0, longest)));
    }
    std::vector<Allocation> expected = allocations;
    placeByComparing(expected);
    assignOffsets(allocations);
    for (size_t i = 0; i < allocations.size(); ++i)
      ASSERT_EQ(allocations[i].offset, expected[i].offset) << "allocation " << i << " in round " << round;
  }
}

TEST(Arena, TheBoundIsWhatLivesAtOnce) {
  std::vector<Allocation> allocations{allocation(100, 0, 2), allocation(200, 2, 4), allocation(50, 3, 3),
                                      allocation(1000, -1, -1)};
  EXPECT_EQ(lowerBoundBytes(allocations), 300);
}

TEST(Arena, LivesThatTouchAtAnInstructionShareNothing) {
  std::vector<Allocation> allocations{allocation(128, 0, 1), allocation(128, 1, 2), allocation(128, 2, 3)};
  EXPECT_EQ(assignOffsets(allocations), 256);
  expectValid(allocations, 256);
}

TEST(Arena, ASmallBufferFillsAGap) {
  // The middle buffer dies before the last one is born between its neighbours.
  std::vector<Allocation> allocations{allocation(1024, 0, 9), allocation(512, 0, 3), allocation(256, 0, 9),
                                      allocation(128, 4, 9)};
  int64_t arena = assignOffsets(allocations);
  expectValid(allocations, arena);
  EXPECT_EQ(arena, 1024 + 512 + 256);
  EXPECT_EQ(allocations[3].offset, 1024);
}

TEST(Arena, NothingNeedsNothing) {
  std::vector<Allocation> allocations{allocation(64, -1, -1)};
  EXPECT_EQ(assignOffsets(allocations), 0);
  EXPECT_EQ(lowerBoundBytes(allocations), 0);
  allocations.clear();
  EXPECT_EQ(assignOffsets(allocations), 0);
}
