#include "raddle/runtime/Launch.h"

#include "TestFolder.h"

#include "raddle/runtime/Error.h"

#include <arpa/inet.h>
#include <cstdlib>
#include <gtest/gtest.h>
#include <map>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

using namespace raddle::runtime;

namespace {

class LaunchTest : public testing::Test {
protected:
  void SetUp() override { set({}); }
  void TearDown() override { set({}); }

  static void set(const std::map<std::string, std::string> &values) {
    for (const char *name : {"RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT", "TORCHELASTIC_RUN_ID"}) {
      auto found = values.find(name);
      if (found == values.end())
        ::unsetenv(name);
      else
        ::setenv(name, found->second.c_str(), 1);
    }
  }
};

TEST_F(LaunchTest, ReadsTheEnvironment) {
  EXPECT_FALSE(launchedByTorchrun());
  set({{"RANK", "3"}, {"WORLD_SIZE", "8"}});
  EXPECT_FALSE(launchedByTorchrun()) << "an environment that others set as well";
  set({{"RANK", "3"}, {"WORLD_SIZE", "8"}, {"LOCAL_RANK", "1"}, {"MASTER_ADDR", "here"}, {"MASTER_PORT", "29500"}});
  std::optional<Launch> launch = launchedByTorchrun();
  ASSERT_TRUE(launch);
  EXPECT_EQ(launch->rank, 3);
  EXPECT_EQ(launch->ranks, 8);
  EXPECT_EQ(launch->localRank, 1);
  EXPECT_EQ(launch->address, "here");
  EXPECT_EQ(launch->port, 29500);
}

TEST_F(LaunchTest, NamesAllThatIsWrongWithTheEnvironment) {
  set({{"TORCHELASTIC_RUN_ID", "job"}, {"RANK", "8"}, {"WORLD_SIZE", "8"}, {"MASTER_PORT", "a1"}});
  EXPECT_EQ(
      errorOf([] { launchedByTorchrun(); }),
      "the environment is not that of torchrun; these are not set: LOCAL_RANK, MASTER_ADDR; RANK: expected a number "
      "from 0 to 7, found '8'; MASTER_PORT: expected a number from 1 to 65535, found 'a1'");
}

// A socket at a port that the system chose.
int listenSomewhere(int &port) {
  int handle = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in any{};
  any.sin_family = AF_INET;
  socklen_t length = sizeof(any);
  EXPECT_EQ(::bind(handle, reinterpret_cast<sockaddr *>(&any), sizeof(any)), 0);
  EXPECT_EQ(::listen(handle, 8), 0);
  EXPECT_EQ(::getsockname(handle, reinterpret_cast<sockaddr *>(&any), &length), 0);
  port = ntohs(any.sin_port);
  return handle;
}

TEST(ShareBytesTest, AllGetWhatRankZeroHas) {
  // The first port that is tried is taken, by somebody who never answers.
  int port;
  int other = listenSomewhere(port);
  constexpr int ranks = 4;
  std::vector<std::thread> threads;
  std::vector<std::vector<uint8_t>> found(ranks, std::vector<uint8_t>(128));
  found[0].assign(128, 7);
  for (int rank = 0; rank < ranks; ++rank)
    threads.emplace_back([&, rank] {
      Launch launch{rank, ranks, rank, "localhost", port - 1, "job"};
      shareBytes(launch, found[static_cast<size_t>(rank)], std::chrono::seconds(60));
    });
  for (std::thread &thread : threads)
    thread.join();
  for (const std::vector<uint8_t> &bytes : found)
    EXPECT_EQ(bytes, std::vector<uint8_t>(128, 7));
  ::close(other);
}

TEST(ShareBytesTest, SaysWhoDidNotCome) {
  int port;
  ::close(listenSomewhere(port));
  std::vector<uint8_t> bytes(128), others(128);
  std::string why;
  // One of another job asks, and gets nothing.
  std::thread stranger([&] {
    Launch launch{1, 3, 1, "localhost", port - 1, "another"};
    why = errorOf([&] { shareBytes(launch, others, std::chrono::seconds(1)); });
  });
  Launch launch{0, 3, 0, "localhost", port - 1, "job"};
  std::string ports = std::to_string(port) + " to " + std::to_string(port + 15);
  EXPECT_EQ(errorOf([&] { shareBytes(launch, bytes, std::chrono::seconds(2)); }),
            "rank 0 waited 2 seconds at the ports " + ports + " for these ranks, which did not come: 1, 2");
  stranger.join();
  EXPECT_EQ(why, "rank 1 found rank 0 at none of the ports " + ports +
                     " of 'localhost' (MASTER_ADDR, behind MASTER_PORT) within 1 seconds");
}

TEST(ShareBytesTest, NamesAnAddressThatIsNone) {
  std::vector<uint8_t> bytes(1);
  Launch launch{1, 2, 1, "no.such.machine.invalid", 20000, "job"};
  EXPECT_NE(errorOf([&] {
              shareBytes(launch, bytes, std::chrono::seconds(1));
            }).find("MASTER_ADDR: cannot find 'no.such.machine.invalid'"),
            std::string::npos);
}

} // namespace
