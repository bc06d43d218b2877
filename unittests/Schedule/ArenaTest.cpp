#include "Arena.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

using raddle::Allocation;
using raddle::assignOffsets;
using raddle::largestFirst;
using raddle::mostLiveBytes;
using raddle::placeInOrder;

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
  EXPECT_GE(arena, mostLiveBytes(allocations).bytes);
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
    placeInOrder(allocations, largestFirst(allocations));
    for (size_t i = 0; i < allocations.size(); ++i)
      ASSERT_EQ(allocations[i].offset, expected[i].offset) << "allocation " << i << " in round " << round;
  }
}

/// The least arena of all orders.
static int64_t leastOfAllOrders(std::vector<Allocation> allocations) {
  std::vector<unsigned> order;
  for (unsigned i = 0; i < allocations.size(); ++i)
    order.push_back(i);
  int64_t least = std::numeric_limits<int64_t>::max();
  do
    least = std::min(least, placeInOrder(allocations, order));
  while (std::next_permutation(order.begin(), order.end()));
  return least;
}

TEST(Arena, IsNearTheBestOrderAndNotAboveTheLargestFirst) {
  std::mt19937_64 random(5);
  auto number = [&](int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(random); };
  int64_t found = 0, least = 0, largest = 0;
  for (int round = 0; round < 100; ++round) {
    std::vector<Allocation> allocations;
    for (int i = 0; i < 7; ++i) {
      int64_t first = number(0, 9);
      allocations.push_back(allocation(number(1, 30) * kAlignment, first, first + number(0, 6)));
    }
    int64_t byLargest = placeInOrder(allocations, largestFirst(allocations)), arena = assignOffsets(allocations);
    expectValid(allocations, arena);
    EXPECT_LE(arena, byLargest);
    found += arena;
    least += leastOfAllOrders(allocations);
    largest += byLargest;
  }
  // Some orders are better than those that are tried; on the whole few.
  EXPECT_LE(found - least, (largest - least) / 20);
}

TEST(Arena, FindsTheBoundWhereTheLargestFirstDoesNot) {
  // What a convolution's training step holds, in KiB: large windows for a moment, values of forward for long.
  std::vector<Allocation> allocations{
      allocation(3901 << 10, 39, 40), allocation(3901 << 10, 36, 37), allocation(3901 << 10, 11, 12),
      allocation(2756 << 10, 48, 49), allocation(2756 << 10, 1, 2),   allocation(1837 << 10, 37, 41),
      allocation(1837 << 10, 10, 39), allocation(1728 << 10, 32, 33), allocation(1728 << 10, 30, 34),
      allocation(1633 << 10, 41, 43), allocation(1633 << 10, 9, 10),  allocation(1633 << 10, 6, 41),
      allocation(1633 << 10, 3, 43),  allocation(1633 << 10, 2, 3),   allocation(867 << 10, 38, 40),
      allocation(867 << 10, 34, 38),  allocation(867 << 10, 13, 34),  allocation(867 << 10, 12, 13)};
  int64_t byLargest = placeInOrder(allocations, largestFirst(allocations)), bound = mostLiveBytes(allocations).bytes;
  EXPECT_GT(byLargest, bound + bound / 20);
  EXPECT_LE(assignOffsets(allocations), bound + bound / 100);
}

TEST(Arena, TheBoundIsWhatLivesAtOnce) {
  std::vector<Allocation> allocations{allocation(100, 0, 2), allocation(200, 2, 4), allocation(50, 3, 3),
                                      allocation(1000, -1, -1)};
  EXPECT_EQ(mostLiveBytes(allocations).bytes, 300);
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
  EXPECT_EQ(mostLiveBytes(allocations).bytes, 0);
  allocations.clear();
  EXPECT_EQ(assignOffsets(allocations), 0);
}
