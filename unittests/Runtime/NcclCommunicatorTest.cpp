// Calls of NCCL, on a library with its interface for memory of the host (HostNccl.cpp).
#include "cuda/NcclCommunicator.h"
#include "TestFolder.h"
#include "exec/RankThreads.h"

#include "raddle/runtime/Error.h"
#include "raddle/runtime/LocalCommunicator.h"

#include <cstdlib>
#include <dlfcn.h>
#include <gtest/gtest.h>

using namespace raddle::runtime;
using namespace raddle::runtime::cuda;
namespace fb = raddle::bundle;

namespace {

// Later calls of dlopen find it by its own name, libnccl.so.2.
void loadHostNccl() { ASSERT_NE(::dlopen(RADDLE_TEST_NCCL, RTLD_NOW | RTLD_LOCAL), nullptr) << ::dlerror(); }

class NcclCommunicatorTest : public testing::Test {
protected:
  void SetUp() override { loadHostNccl(); }

  using Body = std::function<void(Communicator &nccl, Communicator &local, StreamHandle stream)>;

  /// Connects ranks that are threads, and calls `body` on each with another communicator that has the same ranks.
  void onRanks(int size, const Body &body) {
    NcclId id;
    nccl().check(nccl().getUniqueId(&id), "id");
    LocalGroup group(size);
    RankThreads threads(static_cast<size_t>(size));
    threads.run(
        [&](size_t i) {
          int rank = static_cast<int>(i), entered = 0;
          auto communicator =
              NcclCommunicator::connect(id, rank, size, std::chrono::seconds(30), [&entered] { ++entered; });
          EXPECT_EQ(entered, 1);
          EXPECT_EQ(communicator->rank(), rank);
          EXPECT_EQ(communicator->size(), size);
          body(*communicator, group.member(rank), &group);
        },
        [&] { group.member(0).abort(); });
  }

  template <typename T> static std::vector<T> numbers(size_t count, int rank) {
    std::vector<T> values(count);
    for (size_t i = 0; i < count; ++i)
      values[i] = static_cast<T>(static_cast<int>(i * 7 + static_cast<size_t>(rank) * 3) % 11 - 5);
    return values;
  }
};

TEST_F(NcclCommunicatorTest, GathersInPlaceAndBeside) {
  onRanks(3, [](Communicator &nccl, Communicator &local, StreamHandle stream) {
    std::vector<float> own = numbers<float>(5, nccl.rank()), all(15), expected(15);
    nccl.allGather(own.data(), all.data(), 5 * sizeof(float), stream);
    local.allGather(own.data(), expected.data(), 5 * sizeof(float));
    EXPECT_EQ(all, expected);
    std::vector<float> place(15);
    std::copy(own.begin(), own.end(), place.begin() + nccl.rank() * 5);
    nccl.allGather(place.data() + nccl.rank() * 5, place.data(), 5 * sizeof(float), stream);
    EXPECT_EQ(place, expected);
    EXPECT_EQ(nccl.bytesReceived(), 2 * 2 * 5 * sizeof(float));
  });
}

template <typename T> void reduceAsLocal(Communicator &nccl, Communicator &local, StreamHandle stream, DType dtype) {
  constexpr size_t part = 6;
  bool isInteger = dtype == DType::I64 || dtype == DType::I32;
  for (fb::Reduction reduction : {fb::Reduction::Sum, fb::Reduction::Mean, fb::Reduction::Max}) {
    if (isInteger && reduction == fb::Reduction::Mean)
      continue;
    std::vector<T> all(part * 4), found(part), expected(part);
    for (size_t i = 0; i < all.size(); ++i)
      all[i] = static_cast<T>(static_cast<int>(i) * (nccl.rank() + 1) % 13);
    nccl.reduceScatter(all.data(), found.data(), part, dtype, reduction, stream);
    local.reduceScatter(all.data(), expected.data(), part, dtype, reduction);
    EXPECT_EQ(found, expected);
    std::vector<T> whole = all;
    nccl.allReduce(all.data(), all.data(), all.size(), dtype, reduction, stream);
    local.allReduce(whole.data(), whole.data(), whole.size(), dtype, reduction);
    EXPECT_EQ(all, whole);
  }
}

TEST_F(NcclCommunicatorTest, ReducesEachType) {
  onRanks(4, [](Communicator &nccl, Communicator &local, StreamHandle stream) {
    reduceAsLocal<float>(nccl, local, stream, DType::F32);
    reduceAsLocal<double>(nccl, local, stream, DType::F64);
    reduceAsLocal<int64_t>(nccl, local, stream, DType::I64);
    reduceAsLocal<int32_t>(nccl, local, stream, DType::I32);
    uint8_t byte = 0;
    EXPECT_EQ(errorOf([&] { nccl.allReduce(&byte, &byte, 1, DType::U8, fb::Reduction::Sum, stream); }),
              "cannot reduce elements of u8 by Sum");
  });
}

TEST_F(NcclCommunicatorTest, MovesPiecesOfAnySizes) {
  onRanks(3, [](Communicator &nccl, Communicator &local, StreamHandle stream) {
    // A tensor whose parts have 1, 3 and 2 elements goes to rank 1, and back in other parts; a piece stays where it is,
    // two go the same way, one is empty.
    std::vector<Transfer> pieces = {{0, 1, 0, 0, 4},  {1, 1, 0, 4, 12}, {2, 1, 0, 16, 8}, {1, 0, 12, 0, 4},
                                    {1, 0, 16, 4, 4}, {1, 2, 20, 8, 4}, {2, 0, 0, 20, 0}};
    std::vector<int32_t> own = numbers<int32_t>(6, nccl.rank()), found(6, -1), expected(6, -1);
    nccl.transfer(own.data(), found.data(), pieces, stream);
    local.transfer(own.data(), expected.data(), pieces);
    EXPECT_EQ(found, expected);
    nccl.broadcast(found.data(), found.size() * sizeof(int32_t), 1, stream);
    local.broadcast(expected.data(), expected.size() * sizeof(int32_t), 1);
    EXPECT_EQ(found, expected);
  });
}

TEST_F(NcclCommunicatorTest, SplitsIntoGroups) {
  onRanks(4, [](Communicator &nccl, Communicator &local, StreamHandle stream) {
    auto part = nccl.split(nccl.rank() % 2);
    auto expectedPart = local.split(local.rank() % 2);
    EXPECT_EQ(part->rank(), expectedPart->rank());
    EXPECT_EQ(part->size(), 2);
    std::vector<float> own = numbers<float>(4, nccl.rank()), expected = own;
    part->allReduce(own.data(), own.data(), 4, DType::F32, fb::Reduction::Mean, stream);
    expectedPart->allReduce(expected.data(), expected.data(), 4, DType::F32, fb::Reduction::Mean);
    EXPECT_EQ(own, expected);
  });
}

TEST_F(NcclCommunicatorTest, NeedsAStream) {
  onRanks(1, [](Communicator &nccl, Communicator &, StreamHandle) {
    float value = 1;
    EXPECT_EQ(errorOf([&] { nccl.allGather(&value, &value, sizeof(value)); }),
              "a collective between GPUs needs a stream");
  });
}

TEST_F(NcclCommunicatorTest, SaysWhatFailed) {
  onRanks(2, [](Communicator &nccl, Communicator &local, StreamHandle stream) {
    EXPECT_NO_THROW(nccl.poll());
    local.barrier();
    if (nccl.rank() == 0)
      ::setenv("RADDLE_TEST_NCCL_FAILS", "1", 1);
    local.barrier();
    EXPECT_EQ(errorOf([&] { nccl.poll(); }), "a collective failed: remote error (what it said last)");
    local.barrier();
    if (nccl.rank() == 0)
      ::unsetenv("RADDLE_TEST_NCCL_FAILS");
    nccl.giveUp();
    float value = 1;
    EXPECT_EQ(errorOf([&] { nccl.allReduce(&value, &value, 1, DType::F32, fb::Reduction::Sum, stream); }),
              "the ranks communicate no more since a collective failed");
  });
}

TEST_F(NcclCommunicatorTest, LearnsOfAnAbortWhileItWaits) {
  onRanks(2, [](Communicator &nccl, Communicator &local, StreamHandle) {
    auto part = nccl.split(0);
    nccl.abort();
    EXPECT_THROW(part->poll(), Aborted);
    EXPECT_THROW(nccl.poll(), Aborted);
    local.barrier();
  });
}

TEST_F(NcclCommunicatorTest, WaitsForRanksThatDoNotComeOnlySoLong) {
  NcclId id;
  nccl().check(nccl().getUniqueId(&id), "id");
  EXPECT_EQ(errorOf([&] { NcclCommunicator::connect(id, 1, 2, std::chrono::seconds(1), [] {}); }),
            "cannot connect 2 ranks through NCCL: rank 1 waited for 1 seconds for the others");
}

// What is loaded stays: in a process of its own.
TEST(NcclDeathTest, RefusesOldLibraries) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        ::setenv("RADDLE_TEST_NCCL_VERSION", "21403", 1);
        loadHostNccl();
        fprintf(stderr, "%s", errorOf([] { nccl(); }).c_str());
        ::_exit(7);
      },
      testing::ExitedWithCode(7), "NCCL 2.18.0 or newer is needed, found 2.14.3");
}

TEST(NcclTest, ReadsVersions) {
  EXPECT_EQ(ncclVersionText(22809), "2.28.9");
  EXPECT_EQ(ncclVersionText(2804), "2.8.4");
}

} // namespace
