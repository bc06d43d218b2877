// Programs of several ranks on GPUs, on devices that record what they are asked and do it on the host.
#include "RecordingCommunicator.h"
#include "TestBundle.h"

#include "cuda/GpuExecutor.h"
#include "cuda/StagedCommunicator.h"
#include "exec/RankThreads.h"

#include "raddle/runtime/BundleFile.h"
#include "raddle/runtime/Error.h"
#include "raddle/runtime/LocalCommunicator.h"

#include <algorithm>
#include <cstring>
#include <gtest/gtest.h>

using namespace raddle::runtime;

namespace {

constexpr uint64_t rows = 12;

/// The ranks of linearTraining, each on a thread with a recording GPU.
class Ranks {
public:
  std::vector<RecordingGpu::Strings> logs;
  std::vector<RecordingGpu *> gpus;
  std::vector<std::shared_ptr<RecordingCommunicator>> groups;
  std::vector<std::unique_ptr<GpuExecutor>> executors;

  Ranks(uint32_t ranks, uint32_t replicas, uint32_t firstStream, bool trace = false,
        std::chrono::seconds patience = std::chrono::minutes(1))
      : logs(ranks), gpus(ranks), groups(ranks), executors(ranks), count(static_cast<int>(ranks)), group(count),
        threads(ranks), bytes(linearTraining(ranks, rows, replicas, "cuda:sm_90")) {
    std::string why;
    EXPECT_TRUE(verifyBundle(bytes.data(), bytes.size(), why)) << why;
    uint32_t shards = ranks / replicas;
    run([&](size_t i) {
      std::shared_ptr<Communicator> hosts(std::shared_ptr<void>(), &group.member(static_cast<int>(i)));
      groups[i] = std::make_shared<RecordingCommunicator>(hosts);
      auto gpu = std::make_unique<RecordingGpu>(logs[i], RecordingGpu::Kernels(), firstStream);
      gpus[i] = gpu.get();
      int rank = static_cast<int>(i), width = static_cast<int>(shards);
      GpuGroups parts{groups[i], groups[i]->split(rank / width), groups[i]->split(rank % width)};
      executors[i] = std::make_unique<GpuExecutor>(*fb::GetBundle(bytes.data()), std::move(gpu), parts, trace,
                                                   patience, /*threads=*/1);
    });
    run([&](size_t i) { executors[i]->rehearse(); });
    std::vector<float> first = linearWeights();
    uint64_t slice = (first.size() + shards - 1) / shards;
    first.resize(slice * shards);
    for (size_t i = 0; i < ranks; ++i)
      executors[i]->writeState(0, 0, first.data() + i % shards * slice, slice * sizeof(float));
  }

  void run(const std::function<void(size_t)> &body) {
    threads.run(body, [this] {
      for (auto &executor : executors)
        if (executor)
          executor->abort();
    });
  }

  /// The loss, equal on all ranks; `y` gets the whole result.
  float step(int number, std::vector<float> &y) {
    std::vector<float> x = linearBatch(rows, number), losses(executors.size());
    y.assign(rows * linearOutputs, 0);
    uint64_t part = rows / executors.size();
    for (auto &log : logs)
      log.clear();
    run([&](size_t i) {
      int64_t counter = number, kept = 0;
      void *inputs[] = {x.data() + i * part * linearInputs, &counter};
      void *outputs[] = {y.data() + i * part * linearOutputs, &losses[i], &kept};
      executors[i]->start(0, inputs, outputs);
      executors[i]->wait();
      executors[i]->deliver();
      EXPECT_EQ(kept, number);
    });
    for (float loss : losses)
      EXPECT_EQ(loss, losses[0]);
    return losses[0];
  }

private:
  int count;
  LocalGroup group;
  RankThreads threads;
  std::vector<uint8_t> bytes;
};

using Setting = std::tuple<uint32_t, uint32_t, uint32_t>;
class GpuRanksTest : public testing::TestWithParam<Setting> {};

TEST_P(GpuRanksTest, EqualTheWholeBatchWhicheverStreamRunsFirst) {
  auto [ranks, replicas, firstStream] = GetParam();
  Ranks gpus(ranks, replicas, firstStream);
  LinearReference reference;
  std::vector<double> expected;
  std::vector<float> y;
  for (int number = 1; number <= 5; ++number) {
    double loss = reference.step(linearBatch(rows, number), expected, ranks);
    EXPECT_NEAR(gpus.step(number, y), loss, 1e-5 * std::abs(loss)) << "step " << number;
    for (size_t i = 0; i < y.size(); ++i)
      EXPECT_NEAR(y[i], expected[i], 1e-5) << "step " << number;
  }
}

INSTANTIATE_TEST_SUITE_P(Meshes, GpuRanksTest,
                         testing::Values(Setting{2, 1, 0}, Setting{2, 1, 1}, Setting{3, 1, 0}, Setting{4, 2, 0},
                                         Setting{4, 2, 1}, Setting{2, 2, 1}));

TEST(GpuRanksTest, AreOneGraphWithTheirCollectives) {
  Ranks gpus(2, 1, computeStream);
  std::vector<float> y;
  gpus.step(1, y);
  RecordingGpu::Strings first = gpus.logs[0];
  EXPECT_EQ(std::count(first.begin(), first.end(), "gather 48"), 1);
  EXPECT_EQ(std::count(first.begin(), first.end(), "reduce-scatter 12"), 1);
  EXPECT_EQ(std::count(first.begin(), first.end(), "all-reduce 1"), 1);
  // Kernels are loaded between collectives, never beside one.
  EXPECT_EQ(std::count(first.begin(), first.end(), "wait for all"), 3);
  gpus.step(2, y);
  first.erase(std::remove(first.begin(), first.end(), "wait for all"), first.end());
  // A copy in, then the graph; a copy out, and the wait.
  RecordingGpu::Strings second(first.begin(), first.begin() + 1);
  second.push_back("begin graph");
  second.insert(second.end(), first.begin() + 1, first.end() - 2);
  second.insert(second.end(), {"end graph", "launch graph 0"});
  second.insert(second.end(), first.end() - 2, first.end());
  EXPECT_EQ(gpus.logs[0], second);
  for (int number = 3; number < 6; ++number) {
    gpus.step(number, y);
    EXPECT_EQ(gpus.logs[0], (RecordingGpu::Strings{first.front(), "launch graph 0", first.end()[-2], "wait"}));
    EXPECT_EQ(gpus.logs[1], gpus.logs[0]);
  }
  // The streams part and meet again; all nodes count once.
  ASSERT_EQ(gpus.executors[0]->graphs().size(), 1u);
  GraphCensus census = gpus.executors[0]->graphs()[0];
  EXPECT_GT(census.kernels, 3u);
  EXPECT_GT(census.forks, 0u);
  EXPECT_GT(census.joins, 0u);
  EXPECT_GE(census.edges, census.nodes());
  // One slice of 12 numbers came in each step.
  EXPECT_EQ(gpus.executors[0]->bytesCommunicated(), 5 * 48u);
}

TEST(GpuRanksTest, TraceBothStreams) {
  Ranks gpus(2, 1, computeStream, /*trace=*/true);
  std::vector<float> y;
  gpus.step(1, y);
  ASSERT_EQ(gpus.executors[1]->recorded().size(), 2u);
  // A graph with collectives is not captured to be counted alone.
  gpus.step(2, y);
  EXPECT_TRUE(gpus.executors[1]->graphs().empty());
}

TEST(GpuRanksTest, NameTheCollectiveThatDoesNotEnd) {
  Ranks gpus(2, 1, computeStream, /*trace=*/false, std::chrono::seconds(2));
  std::vector<float> y;
  gpus.step(1, y);
  gpus.step(2, y);
  // What was marked last, before the stream is stuck.
  gpus.gpus[0]->mark(3);
  gpus.gpus[0]->synchronize();
  gpus.gpus[0]->hangs = true;
  std::string why;
  try {
    gpus.step(3, y);
  } catch (const Error &error) {
    why = error.what();
  }
  EXPECT_NE(why.find("rank 0"), std::string::npos) << why;
  EXPECT_NE(
      why.find("collective 'collective', the 3 of 3 of the program: ReduceScatter of 12 f32 elements between Shards"),
      std::string::npos)
      << why;
  EXPECT_NE(why.find("not done after 2 seconds"), std::string::npos) << why;
  EXPECT_EQ(gpus.groups[0]->ends, 1);
}

TEST(StagedCommunicatorTest, ExchangesMemoryOfHostsThroughGpus) {
  constexpr int size = 3;
  // More than one piece, and not a multiple of one.
  constexpr size_t elements = (3u << 20) / sizeof(float) + 7;
  LocalGroup group(size);
  RankThreads threads(size);
  threads.run(
      [&](size_t i) {
        RecordingGpu::Strings log;
        RecordingGpu gpu(log);
        std::shared_ptr<Communicator> hosts(std::shared_ptr<void>(), &group.member(static_cast<int>(i)));
        StagedCommunicator staged(std::make_shared<RecordingCommunicator>(hosts), gpu, std::chrono::seconds(30));
        std::vector<float> own(elements, static_cast<float>(i + 1)), all(elements * size), sum(elements);
        own[5] = 10 * static_cast<float>(i);
        staged.allGather(own.data(), all.data(), elements * sizeof(float), nullptr);
        for (size_t r = 0; r < size; ++r) {
          EXPECT_EQ(all[r * elements], static_cast<float>(r + 1));
          EXPECT_EQ(all[r * elements + 5], 10 * static_cast<float>(r));
          EXPECT_EQ(all[(r + 1) * elements - 1], static_cast<float>(r + 1));
        }
        staged.allReduce(own.data(), sum.data(), elements, DType::F32, fb::Reduction::Sum, nullptr);
        EXPECT_EQ(sum[0], 6);
        EXPECT_EQ(sum[5], 30);
        EXPECT_EQ(sum[elements - 1], 6);
        staged.broadcast(own.data(), elements * sizeof(float), 2, nullptr);
        EXPECT_EQ(own[5], 20);
        EXPECT_EQ(own[elements - 1], 3);
        staged.barrier();
      },
      [&] { group.member(0).abort(); });
}

} // namespace
