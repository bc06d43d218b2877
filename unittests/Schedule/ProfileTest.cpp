#include "Profile.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

using raddle::Profile;

TEST(Profile, EqualsAListOfAmounts) {
  std::mt19937_64 random(3);
  auto number = [&](int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(random); };
  for (int round = 0; round < 200; ++round) {
    std::vector<int64_t> amounts(number(1, 70));
    for (int64_t &amount : amounts)
      amount = number(0, 20);
    Profile profile(amounts);
    ASSERT_EQ(profile.size(), int64_t(amounts.size()));
    for (int change = 0; change < 20; ++change) {
      int64_t first = number(0, amounts.size()), last = number(0, amounts.size()), amount = number(-10, 10);
      profile.add(first, last, amount);
      for (int64_t position = first; position < last; ++position)
        amounts[position] += amount;
      auto largest = std::max_element(amounts.begin(), amounts.end());
      ASSERT_EQ(profile.peak(), *largest);
      ASSERT_EQ(profile.firstPeak(), largest - amounts.begin());
      int64_t position = number(0, amounts.size() - 1), limit = number(-5, 25);
      ASSERT_EQ(profile.at(position), amounts[position]);
      int64_t expected = last - 1;
      while (expected >= first && amounts[expected] <= limit)
        --expected;
      ASSERT_EQ(profile.lastAbove(first, last, limit), std::max(expected, first - 1));
    }
  }
}

TEST(Profile, OfNothingHasNoPeak) {
  EXPECT_EQ(Profile().peak(), 0);
  EXPECT_EQ(Profile(std::vector<int64_t>()).peak(), 0);
  EXPECT_EQ(Profile(std::vector<int64_t>()).firstPeak(), 0);
}
