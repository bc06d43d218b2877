#include "raddle/runtime/MachineLimits.h"

#include "TestFolder.h"

#include <gtest/gtest.h>

using raddle::runtime::MachineLimits;
using raddle::runtime::machineLimits;
using raddle::runtime::machineLimitsFile;

namespace {

/// Lets limits be remembered in a folder of the test.
class MachineLimitsTest : public testing::Test {
protected:
  MachineLimitsTest() { ::setenv("XDG_CACHE_HOME", folder.file("").c_str(), 1); }
  ~MachineLimitsTest() override { ::unsetenv("XDG_CACHE_HOME"); }

  static std::string content() {
    std::ifstream file(machineLimitsFile());
    return {std::istreambuf_iterator<char>(file), {}};
  }

  TestFolder folder;
};

} // namespace

TEST_F(MachineLimitsTest, AreMeasuredOnceForEachNumberOfThreads) {
  MachineLimits one = machineLimits(1);
  EXPECT_EQ(one.threads, 1u);
  EXPECT_GT(one.memoryBytesPerSecond, 0);
  EXPECT_GT(one.gemmFlopsPerSecond, 0);
  std::string before = content();
  MachineLimits same = machineLimits(1);
  EXPECT_EQ(same.memoryBytesPerSecond, one.memoryBytesPerSecond);
  EXPECT_EQ(same.gemmFlopsPerSecond, one.gemmFlopsPerSecond);
  EXPECT_EQ(content(), before);
  EXPECT_EQ(machineLimits(2).threads, 2u);
  EXPECT_EQ(content().rfind(before, 0), 0u) << "what was known stays";
}

TEST_F(MachineLimitsTest, OfAnotherMachineOrDamagedDoNotCount) {
  machineLimits(1);
  std::string machine = content().substr(0, content().find('\n'));
  for (const std::string &text : {std::string("another machine\n1 5 7\n"), machine + "\n1 -5 nan\n1 x\n"}) {
    std::ofstream(machineLimitsFile()) << text;
    EXPECT_GT(machineLimits(1).memoryBytesPerSecond, 7);
    EXPECT_EQ(content().rfind(machine + "\n1 ", 0), 0u);
  }
}

TEST_F(MachineLimitsTest, AreMeasuredAgainOnRequest) {
  machineLimits(1);
  std::string machine = content().substr(0, content().find('\n'));
  std::ofstream(machineLimitsFile()) << machine << "\n1 5 7\n";
  EXPECT_EQ(machineLimits(1).memoryBytesPerSecond, 5);
  EXPECT_GT(machineLimits(1, /*again=*/true).memoryBytesPerSecond, 5);
  EXPECT_GT(machineLimits(1).memoryBytesPerSecond, 5);
}

TEST(MachineLimits, AllowTheLongerOfBytesAndOperations) {
  MachineLimits limits{2, 100, 1000};
  EXPECT_EQ(limits.leastSeconds({200, 1000}), 2);
  EXPECT_EQ(limits.leastSeconds({200, 5000}), 5);
  EXPECT_EQ(limits.shareOf(2).leastSeconds({200, 5000}), 10);
}
