#include "raddle/runtime/LocalCommunicator.h"
#include "raddle/runtime/Convert.h"
#include "raddle/runtime/Error.h"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <thread>

using namespace raddle::runtime;
using raddle::bundle::Reduction;

static void onRanks(LocalGroup &group, const std::function<void(Communicator &)> &body) {
  std::vector<std::thread> threads;
  for (int r = 0; r < group.size(); ++r)
    threads.emplace_back([&, r] { body(group.member(r)); });
  for (std::thread &thread : threads)
    thread.join();
}

// Element i of rank r.
static float value(int rank, size_t i) { return static_cast<float>((rank + 1) * 10 + static_cast<int>(i % 7)); }

static float reduced(Reduction reduction, int ranks, size_t i) {
  float sum = 0;
  for (int r = 0; r < ranks; ++r)
    sum += value(r, i);
  return reduction == Reduction::Max ? value(ranks - 1, i) : reduction == Reduction::Mean ? sum / ranks : sum;
}

class Ranks : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(LocalCommunicator, Ranks, testing::Range(1, 7));

TEST_P(Ranks, AllGatherConcatenatesTheParts) {
  LocalGroup group(GetParam());
  onRanks(group, [&](Communicator &comm) {
    std::vector<float> part(5), whole(5 * comm.size());
    for (size_t i = 0; i < 5; ++i)
      part[i] = value(comm.rank(), i);
    comm.allGather(part.data(), whole.data(), 5 * sizeof(float));
    for (int r = 0; r < comm.size(); ++r)
      for (size_t i = 0; i < 5; ++i)
        EXPECT_EQ(whole[r * 5 + i], value(r, i));
  });
}

TEST_P(Ranks, AllGatherWorksInPlace) {
  LocalGroup group(GetParam());
  onRanks(group, [&](Communicator &comm) {
    std::vector<int64_t> whole(comm.size(), -1);
    whole[comm.rank()] = comm.rank();
    comm.allGather(&whole[comm.rank()], whole.data(), sizeof(int64_t));
    for (int r = 0; r < comm.size(); ++r)
      EXPECT_EQ(whole[r], r);
  });
}

TEST_P(Ranks, ReduceScatterReducesEachRanksPart) {
  // More than one block of the reduction, and not a multiple of it.
  constexpr size_t count = 2500;
  LocalGroup group(GetParam());
  for (Reduction reduction : {Reduction::Sum, Reduction::Mean, Reduction::Max})
    onRanks(group, [&](Communicator &comm) {
      std::vector<float> source(count * comm.size()), result(count);
      for (size_t i = 0; i < source.size(); ++i)
        source[i] = value(comm.rank(), i);
      comm.reduceScatter(source.data(), result.data(), count, DType::F32, reduction);
      for (size_t i = 0; i < count; ++i)
        ASSERT_FLOAT_EQ(result[i], reduced(reduction, comm.size(), comm.rank() * count + i));
    });
}

TEST_P(Ranks, AllReduceWorksInPlaceForCountsThatDoNotDivide) {
  LocalGroup group(GetParam());
  for (size_t count : {size_t(1), size_t(4), size_t(3001)})
    for (Reduction reduction : {Reduction::Sum, Reduction::Mean, Reduction::Max})
      onRanks(group, [&](Communicator &comm) {
        std::vector<float> values(count);
        for (size_t i = 0; i < count; ++i)
          values[i] = value(comm.rank(), i);
        comm.allReduce(values.data(), values.data(), count, DType::F32, reduction);
        for (size_t i = 0; i < count; ++i)
          ASSERT_FLOAT_EQ(values[i], reduced(reduction, comm.size(), i));
      });
}

TEST_P(Ranks, AllReduceAddsIntegersAndDoubles) {
  LocalGroup group(GetParam());
  onRanks(group, [&](Communicator &comm) {
    int64_t integers[] = {comm.rank(), 1}, sums[2];
    double doubles[] = {0.25 * comm.rank()};
    int32_t small = comm.rank(), largest;
    comm.allReduce(integers, sums, 2, DType::I64, Reduction::Sum);
    comm.allReduce(doubles, doubles, 1, DType::F64, Reduction::Sum);
    comm.allReduce(&small, &largest, 1, DType::I32, Reduction::Max);
    int total = comm.size() * (comm.size() - 1) / 2;
    EXPECT_EQ(sums[0], total);
    EXPECT_EQ(sums[1], comm.size());
    EXPECT_EQ(doubles[0], 0.25 * total);
    EXPECT_EQ(largest, comm.size() - 1);
  });
}

// 16-bit elements are what the f32 reduction of the same numbers rounds to: once, not after every rank.
TEST_P(Ranks, ReducesNarrowElementsInSinglePrecision) {
  constexpr size_t count = 2500;
  LocalGroup group(GetParam());
  for (DType dtype : {DType::F16, DType::BF16})
    for (Reduction reduction : {Reduction::Sum, Reduction::Mean, Reduction::Max})
      onRanks(group, [&](Communicator &comm) {
        std::vector<float> wide(count);
        for (size_t i = 0; i < count; ++i)
          wide[i] = value(comm.rank(), i) + 1.0f / float(1 + i % 13);
        std::vector<uint16_t> narrow(count), found(count), expected(count);
        convertElements(wide.data(), DType::F32, narrow.data(), dtype, count);
        convertElements(narrow.data(), dtype, wide.data(), DType::F32, count);
        comm.allReduce(wide.data(), wide.data(), count, DType::F32, reduction);
        convertElements(wide.data(), DType::F32, expected.data(), dtype, count);
        comm.allReduce(narrow.data(), found.data(), count, dtype, reduction);
        EXPECT_EQ(found, expected);
        size_t part = count / comm.size();
        comm.reduceScatter(narrow.data(), found.data(), part, dtype, reduction);
        EXPECT_TRUE(std::equal(found.begin(), found.begin() + part, expected.begin() + comm.rank() * part));
      });
}

TEST_P(Ranks, BroadcastSendsTheRootsBytes) {
  LocalGroup group(GetParam());
  onRanks(group, [&](Communicator &comm) {
    int number = comm.rank();
    comm.broadcast(&number, sizeof(number), comm.size() - 1);
    EXPECT_EQ(number, comm.size() - 1);
    comm.barrier();
  });
}

TEST(LocalCommunicator, ARankThatFailsStopsTheOthers) {
  LocalGroup group(4);
  std::atomic<int> stopped{0};
  onRanks(group, [&](Communicator &comm) {
    if (comm.rank() == 2) {
      comm.abort();
      return;
    }
    try {
      float number = 1;
      comm.allReduce(&number, &number, 1, DType::F32, Reduction::Sum);
    } catch (const Aborted &) {
      ++stopped;
    }
  });
  EXPECT_EQ(stopped, 3);
  group.reset();
  onRanks(group, [&](Communicator &comm) { comm.barrier(); });
}

TEST(LocalCommunicator, RefusesReductionsThatHaveNoMeaning) {
  EXPECT_THROW(checkReduction(DType::I64, Reduction::Mean), Error);
  EXPECT_THROW(checkReduction(DType::I16, Reduction::Sum), Error);
  EXPECT_THROW(checkReduction(DType::Bool, Reduction::Max), Error);
}

TEST_P(Ranks, TransferMovesPiecesBetweenAnyTwoRanks) {
  int ranks = GetParam();
  // Rank r's element i goes to rank (r + i) % ranks, to the place r * 3 + i; place 0 of everybody stays.
  std::vector<Transfer> pieces;
  for (int r = 0; r < ranks; ++r)
    for (int i = 0; i < 3; ++i)
      pieces.push_back({r, (r + i) % ranks, i * sizeof(float), (1 + r * 3 + i) * sizeof(float), sizeof(float)});
  LocalGroup group(ranks);
  onRanks(group, [&](Communicator &comm) {
    std::vector<float> part(3), received(1 + 3 * ranks, -1.0f);
    for (size_t i = 0; i < part.size(); ++i)
      part[i] = value(comm.rank(), i);
    comm.transfer(part.data(), received.data(), pieces);
    EXPECT_EQ(received[0], -1.0f);
    for (int r = 0; r < ranks; ++r)
      for (int i = 0; i < 3; ++i)
        EXPECT_EQ(received[1 + r * 3 + i], (r + i) % ranks == comm.rank() ? value(r, i) : -1.0f);
  });
}

TEST(LocalCommunicator, SplitsIntoGroupsInTheOrderOfRanks) {
  LocalGroup group(6);
  onRanks(group, [&](Communicator &comm) {
    std::shared_ptr<Communicator> part = comm.split(comm.rank() % 2);
    ASSERT_EQ(part->size(), 3);
    EXPECT_EQ(part->rank(), comm.rank() / 2);
    int64_t own = comm.rank(), sum = 0;
    part->allReduce(&own, &sum, 1, DType::I64, Reduction::Sum);
    EXPECT_EQ(sum, comm.rank() % 2 ? 1 + 3 + 5 : 0 + 2 + 4);
  });
}

TEST(LocalCommunicator, AnAbortReachesGroupsThatWereSplitOff) {
  LocalGroup group(4);
  std::atomic<int> stopped{0};
  onRanks(group, [&](Communicator &comm) {
    std::shared_ptr<Communicator> part = comm.split(comm.rank() / 2);
    if (comm.rank() == 0)
      return comm.abort();
    // Rank 1 waits for rank 0, which does not come; ranks 2 and 3 may have met before the abort.
    try {
      for (;;)
        part->barrier();
    } catch (const Aborted &) {
      ++stopped;
    }
  });
  EXPECT_EQ(stopped, 3);
}
