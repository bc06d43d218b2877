#include "TestFolder.h"

#include "raddle/runtime/Error.h"
#include "raddle/runtime/Random.h"
#include "raddle/runtime/Tokens.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

using namespace raddle::runtime;

TEST(Tokens, WidthFollowsTheSuffix) {
  TestFolder folder;
  std::string bytes("\x01\x02\x03\x04\xff\xff\x00\x00", 8);
  TokenFile narrow(folder.write("a.bin", bytes)), wide(folder.write("a.u16", bytes)),
      widest(folder.write("a.u32", bytes));
  EXPECT_EQ(narrow.count(), 8u);
  EXPECT_EQ(narrow.token(4), 0xffu);
  EXPECT_EQ(wide.count(), 4u);
  EXPECT_EQ(wide.token(0), 0x0201u);
  EXPECT_EQ(widest.token(1), 0xffffu);
}

TEST(Tokens, RefusesFilesThatHoldNoWholeTokens) {
  TestFolder folder;
  EXPECT_THROW(TokenFile(folder.write("a.u16", "abc")), Error);
  EXPECT_THROW(TokenFile(folder.write("a.u8", "")), Error);
  EXPECT_THROW(TokenFile(folder.file("missing.u8")), Error);
  EXPECT_THROW(TokenFile("/"), Error);
}

TEST(Tokens, WindowsStayInsideAndReachBothEnds) {
  TestFolder folder;
  TokenFile file(folder.write("a.u8", std::string(10, 'x')));
  std::set<uint64_t> starts;
  for (uint64_t step = 1; step < 50; ++step)
    for (uint64_t sample = 0; sample < 8; ++sample)
      starts.insert(windowStart(file, 8, 1, step, sample));
  EXPECT_EQ(starts, (std::set<uint64_t>{0, 1, 2}));
  EXPECT_THROW(windowStart(file, 11, 1, 1, 0), InvalidArgument);
}

TEST(Tokens, WindowsDependOnSeedStepAndGlobalSampleOnly) {
  TestFolder folder;
  TokenFile file(folder.write("a.u8", std::string(100000, 'x')));
  // Samples of a global batch of 12 as drawn by the ranks of different counts: the same numbers.
  std::vector<uint64_t> whole;
  for (uint64_t sample = 0; sample < 12; ++sample)
    whole.push_back(windowStart(file, 64, 5, 3, sample));
  for (uint64_t ranks : {1, 2, 3, 4, 6}) {
    std::vector<uint64_t> drawn;
    for (uint64_t rank = 0; rank < ranks; ++rank)
      for (uint64_t i = 0; i < 12 / ranks; ++i)
        drawn.push_back(windowStart(file, 64, 5, 3, rank * (12 / ranks) + i));
    EXPECT_EQ(drawn, whole);
  }
  EXPECT_EQ(std::set<uint64_t>(whole.begin(), whole.end()).size(), whole.size());
  EXPECT_NE(windowStart(file, 64, 6, 3, 0), whole[0]);
  EXPECT_NE(windowStart(file, 64, 5, 4, 0), whole[0]);
}

TEST(Random, NormalDrawsHaveMeanZeroAndDeviationOne) {
  constexpr int count = 200000;
  double sum = 0, squares = 0;
  for (int i = 0; i < count; ++i) {
    double value = randomNormal(3, 1, static_cast<uint64_t>(i));
    ASSERT_TRUE(std::isfinite(value));
    sum += value;
    squares += value * value;
  }
  EXPECT_NEAR(sum / count, 0, 0.01);
  EXPECT_NEAR(squares / count, 1, 0.01);
}
