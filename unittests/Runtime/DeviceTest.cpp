// What needs a GPU: the device, and NCCL on it. Ranks share GPU 0; RADDLE_TEST_RANKS of them where the library in
// NCCL's place lets them (SharedGpuNccl.cpp), else one.
#include "TestFolder.h"

#include "cuda/Gpu.h"
#include "cuda/NcclCommunicator.h"
#include "cuda/SharedLibrary.h"
#include "exec/Program.h"
#include "exec/RankThreads.h"

#include "raddle/runtime/Error.h"
#include "raddle/runtime/LocalCommunicator.h"

#include <cstdlib>
#include <cstring>
#include <gtest/gtest.h>
#include <thread>

using namespace raddle::runtime;
using namespace raddle::runtime::cuda;
namespace fb = raddle::bundle;

namespace {

/// An array of the device that can be written and read.
template <typename T> class Array {
public:
  Array(Gpu &gpu, const std::vector<T> &values)
      : gpu(gpu), count(values.size()), device(reinterpret_cast<T *>(gpu.allocate(bytes()))),
        host(reinterpret_cast<T *>(gpu.allocateHost(bytes()))) {
    std::copy(values.begin(), values.end(), host);
    gpu.copy(device, host, bytes());
    gpu.synchronize();
  }

  T *data() const { return device; }

  std::vector<T> read() const {
    gpu.synchronize();
    gpu.copy(host, device, bytes());
    gpu.synchronize();
    return std::vector<T>(host, host + count);
  }

private:
  Gpu &gpu;
  size_t count;
  T *device, *host;

  uint64_t bytes() const { return count * sizeof(T); }
};

class DeviceTest : public testing::Test {
protected:
  void SetUp() override {
    try {
      cudaGpuCount();
    } catch (const Error &error) {
      GTEST_SKIP() << error.what();
    }
  }

  static int ranks() {
    const char *given = std::getenv("RADDLE_TEST_RANKS");
    return given ? std::atoi(given) : 1;
  }

  using Body = std::function<void(Gpu &gpu, Communicator &nccl, Communicator &local)>;

  /// Calls `body` on each rank with two communicators that have the same ranks.
  void onRanks(const Body &body) {
    NcclId id;
    nccl().check(nccl().getUniqueId(&id), "id");
    LocalGroup group(ranks());
    std::vector<std::unique_ptr<Gpu>> gpus(static_cast<size_t>(ranks()));
    RankThreads threads(gpus.size());
    auto abort = [&] { group.member(0).abort(); };
    threads.run([&](size_t i) { gpus[i] = openCudaGpu(0); }, abort);
    threads.run(
        [&](size_t i) {
          gpus[i]->enter();
          gpus[i]->makeEvents(2);
          auto communicator = NcclCommunicator::connect(id, static_cast<int>(i), ranks(), std::chrono::seconds(30),
                                                        [&] { gpus[i]->enter(); });
          body(*gpus[i], *communicator, group.member(static_cast<int>(i)));
          gpus[i]->dropGraphs();
        },
        abort);
  }

  template <typename T> static std::vector<T> numbers(size_t count, int rank) {
    std::vector<T> values(count);
    for (size_t i = 0; i < count; ++i)
      values[i] = static_cast<T>(static_cast<int>(i * 7 + static_cast<size_t>(rank) * 3) % 11 - 5);
    return values;
  }

  template <typename T> static void reduceAsLocal(Gpu &gpu, Communicator &nccl, Communicator &local, DType dtype) {
    constexpr size_t part = 1000;
    size_t size = static_cast<size_t>(nccl.size());
    for (fb::Reduction reduction : {fb::Reduction::Sum, fb::Reduction::Mean, fb::Reduction::Max}) {
      if (!isFloat(dtype) && reduction == fb::Reduction::Mean)
        continue;
      std::vector<T> own = numbers<T>(part * size, nccl.rank()), expected(part);
      Array<T> source(gpu, own), scattered(gpu, expected), whole(gpu, own);
      nccl.reduceScatter(source.data(), scattered.data(), part, dtype, reduction, gpu.communicationStream());
      nccl.allReduce(whole.data(), whole.data(), own.size(), dtype, reduction, gpu.communicationStream());
      local.reduceScatter(own.data(), expected.data(), part, dtype, reduction);
      EXPECT_EQ(scattered.read(), expected);
      local.allReduce(own.data(), own.data(), own.size(), dtype, reduction);
      EXPECT_EQ(whole.read(), own);
    }
  }
};

TEST_F(DeviceTest, CopiesFillsAndCountsWhatItAllocates) {
  auto gpu = openCudaGpu(0);
  gpu->enter();
  uint64_t before = gpu->allocations();
  Array<float> array(*gpu, numbers<float>(1000, 3));
  EXPECT_EQ(gpu->allocations() - before, 2u);
  EXPECT_EQ(array.read(), numbers<float>(1000, 3));
  gpu->fill(array.data(), 0, 400);
  std::vector<float> expected = numbers<float>(1000, 3);
  std::fill(expected.begin(), expected.begin() + 100, 0.0f);
  EXPECT_EQ(array.read(), expected);
}

TEST_F(DeviceTest, FillsAnyBytes) {
  auto gpu = openCudaGpu(0);
  gpu->enter();
  constexpr size_t most = 5000;
  for (size_t first : {0, 1, 2, 3, 4})
    for (size_t count : {0, 1, 3, 4, 5, 1023, 1024, 1025, 4099}) {
      std::vector<uint8_t> expected(most, 7);
      Array<uint8_t> array(*gpu, expected);
      gpu->fill(array.data() + first, 0xab, count);
      std::fill_n(expected.begin() + static_cast<std::ptrdiff_t>(first), count, uint8_t(0xab));
      ASSERT_EQ(array.read(), expected) << count << " bytes from " << first;
    }
}

// What libraries ask the driver for when they are captured.
struct MemoryFunctions {
  Result (*memset8)(Address, unsigned char, size_t, Stream);
  Result (*memset16)(Address, unsigned short, size_t, Stream);
  Result (*memset32)(Address, unsigned, size_t, Stream);
  Result (*memset2D)(Address, size_t, unsigned char, size_t, size_t, Stream);
  Result (*copy)(Address, Address, size_t, Stream);
  Result (*record)(Event, Stream, unsigned);

  MemoryFunctions() {
    SharedLibrary library({"libcuda.so.1"}, "NVIDIA's driver cannot be loaded");
    library.find(memset8, "cuMemsetD8Async");
    library.find(memset16, "cuMemsetD16Async");
    library.find(memset32, "cuMemsetD32Async");
    library.find(memset2D, "cuMemsetD2D8Async");
    library.find(copy, "cuMemcpyAsync");
    library.find(record, "cuEventRecordWithFlags");
    library.check("NVIDIA's driver");
  }
};

// A graph of what `body` asks for on the stream of collectives.
static size_t captureBeside(Gpu &gpu, const std::function<void(Stream)> &body) {
  gpu.makeEvents(2);
  gpu.beginGraph();
  gpu.record(0, computeStream);
  gpu.wait(0, communicationStream);
  body(static_cast<Stream>(gpu.communicationStream()));
  gpu.record(1, communicationStream);
  gpu.wait(1, computeStream);
  return gpu.endGraph();
}

TEST_F(DeviceTest, KernelsTakeThePlaceOfMemsetsAndCopiesInAGraph) {
  auto gpu = openCudaGpu(0);
  gpu->enter();
  constexpr size_t most = 10000;
  std::vector<uint8_t> before = numbers<uint8_t>(most, 1);
  Array<uint8_t> array(*gpu, before), kept(*gpu, before), small(*gpu, before);
  Address at = reinterpret_cast<Address>(array.data()), from = reinterpret_cast<Address>(small.data());
  MemoryFunctions functions;
  size_t graph = captureBeside(*gpu, [&](Stream stream) {
    driver().check(functions.memset8(at + 3, 0xab, 4099, stream), "bytes");
    driver().check(functions.memset16(at + 102, 0x1234, 77, stream), "halves");
    driver().check(functions.memset32(at + 4400, 0x89abcdef, 9, stream), "words");
    driver().check(functions.memset2D(at + 5000, 10, 5, 10, 6, stream), "rows without gaps");
    driver().check(functions.memset2D(at + 6000, 16, 6, 10, 3, stream), "rows with gaps");
    driver().check(functions.copy(at + 7000, from + 1, 999, stream), "a copy");
    driver().check(functions.copy(at + 8192, from + 256, 1024, stream), "an aligned copy");
  });
  GraphCensus census = gpu->census(graph);
  // The driver may describe rows without gaps as one row, or as rows.
  EXPECT_EQ(census.replacedMemsets, 4u);
  EXPECT_EQ(census.replacedCopies, 2u);
  EXPECT_EQ(census.kernels, 6u);
  EXPECT_EQ(census.memsets, 1u);
  EXPECT_EQ(census.copies, 0u);
  EXPECT_EQ(census.edges, census.nodes() - 1);
  EXPECT_EQ(census.joins, 0u);
  std::vector<uint8_t> expected = before;
  auto fill = [&](size_t first, size_t count, std::vector<uint8_t> pattern) {
    for (size_t i = 0; i < count; ++i)
      expected[first + i] = pattern[i % pattern.size()];
  };
  fill(3, 4099, {0xab});
  fill(102, 2 * 77, {0x34, 0x12});
  fill(4400, 4 * 9, {0xef, 0xcd, 0xab, 0x89});
  fill(5000, 60, {5});
  for (size_t row = 0; row < 3; ++row)
    fill(6000 + 16 * row, 10, {6});
  std::copy_n(before.begin() + 1, 999, expected.begin() + 7000);
  std::copy_n(before.begin() + 256, 1024, expected.begin() + 8192);
  for (int round = 0; round < 3; ++round) {
    gpu->copy(array.data(), kept.data(), most);
    gpu->launchGraph(graph);
    EXPECT_EQ(array.read(), expected) << "launch " << round;
  }
}

// As NCCL captures them, for who waits outside.
TEST_F(DeviceTest, OfEventsInAGraphTheFirstWaitAndTheLastRecordStay) {
  auto gpu = openCudaGpu(0);
  gpu->enter();
  constexpr unsigned external = 1;
  const Driver &cu = driver();
  Event event = nullptr;
  cu.check(cu.eventCreate(&event, eventDisableTiming), "an event");
  Array<uint8_t> array(*gpu, std::vector<uint8_t>(4, 0));
  Address at = reinterpret_cast<Address>(array.data());
  MemoryFunctions functions;
  size_t graph = captureBeside(*gpu, [&](Stream stream) {
    cu.check(cu.streamWaitEvent(stream, event, external), "a wait");
    for (uint8_t i = 0; i < 4; ++i) {
      cu.check(functions.memset8(at + i, i + 1, static_cast<size_t>(4 - i), stream), "bytes");
      cu.check(functions.record(event, stream, external), "a record");
    }
  });
  GraphCensus census = gpu->census(graph);
  EXPECT_EQ(census.removedEvents, 3u);
  EXPECT_EQ(census.events, 2u);
  EXPECT_EQ(census.kernels, 4u);
  EXPECT_EQ(census.joins + census.forks, 0u);
  for (int round = 0; round < 3; ++round) {
    gpu->launchGraph(graph);
    EXPECT_EQ(array.read(), (std::vector<uint8_t>{1, 2, 3, 4})) << "launch " << round;
    EXPECT_EQ(cu.eventQuery(event), 0);
  }
  cu.eventDestroy(event);
}

TEST_F(DeviceTest, GraphsKeepCopiesOfTheHostAndLargeOnes) {
  auto gpu = openCudaGpu(0);
  gpu->enter();
  constexpr uint64_t large = 3u << 20;
  uint8_t *a = gpu->allocate(large), *b = gpu->allocate(large), *host = gpu->allocateHost(large);
  gpu->beginGraph();
  gpu->fill(a, 9, large);
  gpu->copy(b, a, large);
  gpu->copy(host, b, 100);
  size_t graph = gpu->endGraph();
  EXPECT_EQ(gpu->census(graph).kernels, 1u);
  EXPECT_EQ(gpu->census(graph).copies, 2u);
  std::memset(host, 0, 100);
  gpu->launchGraph(graph);
  gpu->synchronize();
  EXPECT_EQ(std::count(host, host + 100, 9), 100);
}

TEST_F(DeviceTest, DrawsAGraphOrSaysWhyNot) {
  auto gpu = openCudaGpu(0);
  gpu->enter();
  uint8_t *memory = gpu->allocate(16);
  auto draw = [&](const std::string &path) {
    gpu->drawGraphs(path);
    gpu->beginGraph();
    gpu->fill(memory, 1, 16);
    return gpu->census(gpu->endGraph()).drawingError;
  };
  TestFolder folder;
  EXPECT_EQ(draw(folder.file("a.dot")), "");
  EXPECT_EQ(draw(folder.file("b.dot")), "");
  EXPECT_NE(std::ifstream(folder.file("b.dot.1")).peek(), EOF);
  EXPECT_NE(draw(folder.file("none/c.dot")).find("cannot write the graph to '"), std::string::npos);
}

TEST_F(DeviceTest, StampsTellHowLongTheDeviceTook) {
  auto gpu = openCudaGpu(0);
  gpu->enter();
  gpu->makeStamps(3);
  constexpr uint64_t bytes = 1u << 30;
  uint8_t *memory = gpu->allocate(bytes);
  for (int round = 0; round < 2; ++round) {
    gpu->stamp(0, computeStream);
    gpu->fill(memory, 1, bytes);
    gpu->stamp(1, computeStream);
    gpu->fill(memory, 2, 1);
    gpu->stamp(2, computeStream);
    gpu->synchronize();
  }
  // No memory stores more than 20 TB a second, and a byte is no gigabyte.
  EXPECT_GT(gpu->secondsBetween(0, 1), bytes / 20e12);
  EXPECT_LT(gpu->secondsBetween(0, 1), 1);
  EXPECT_GE(gpu->secondsBetween(1, 2), 0);
  EXPECT_LT(gpu->secondsBetween(1, 2), gpu->secondsBetween(0, 1));
}

TEST_F(DeviceTest, RanksGatherAndBroadcast) {
  onRanks([](Gpu &gpu, Communicator &nccl, Communicator &local) {
    size_t size = static_cast<size_t>(nccl.size()), rank = static_cast<size_t>(nccl.rank());
    std::vector<float> own = numbers<float>(500, nccl.rank()), expected(500 * size);
    local.allGather(own.data(), expected.data(), 500 * sizeof(float));
    Array<float> source(gpu, own), all(gpu, std::vector<float>(500 * size));
    nccl.allGather(source.data(), all.data(), 500 * sizeof(float), gpu.communicationStream());
    EXPECT_EQ(all.read(), expected);
    std::vector<float> place(500 * size);
    std::copy(own.begin(), own.end(), place.begin() + static_cast<std::ptrdiff_t>(500 * rank));
    Array<float> inPlace(gpu, place);
    nccl.allGather(inPlace.data() + 500 * rank, inPlace.data(), 500 * sizeof(float), gpu.communicationStream());
    EXPECT_EQ(inPlace.read(), expected);
    nccl.broadcast(source.data(), 500 * sizeof(float), nccl.size() - 1, gpu.communicationStream());
    EXPECT_EQ(source.read(), numbers<float>(500, nccl.size() - 1));
  });
}

TEST_F(DeviceTest, RanksReduceEachType) {
  onRanks([](Gpu &gpu, Communicator &nccl, Communicator &local) {
    reduceAsLocal<float>(gpu, nccl, local, DType::F32);
    reduceAsLocal<double>(gpu, nccl, local, DType::F64);
    reduceAsLocal<int64_t>(gpu, nccl, local, DType::I64);
    reduceAsLocal<int32_t>(gpu, nccl, local, DType::I32);
  });
}

TEST_F(DeviceTest, RanksSendPieces) {
  onRanks([](Gpu &gpu, Communicator &nccl, Communicator &local) {
    int size = nccl.size();
    std::vector<Transfer> pieces;
    // Each rank keeps a piece, sends one to the next rank and one to the last.
    for (int r = 0; r < size; ++r) {
      pieces.push_back({r, r, 0, 0, 40});
      pieces.push_back({r, (r + 1) % size, 40, 40, 80});
      pieces.push_back({r, size - 1, 120, 120 + static_cast<size_t>(r) * 4, 4});
    }
    std::vector<int32_t> own = numbers<int32_t>(31, nccl.rank()), expected(60, -1);
    Array<int32_t> source(gpu, own), found(gpu, expected);
    nccl.transfer(source.data(), found.data(), pieces, gpu.communicationStream());
    local.transfer(own.data(), expected.data(), pieces);
    EXPECT_EQ(found.read(), expected);
  });
}

TEST_F(DeviceTest, RanksSplitIntoGroups) {
  onRanks([](Gpu &gpu, Communicator &nccl, Communicator &local) {
    auto part = nccl.split(nccl.rank() % 2), expectedPart = local.split(local.rank() % 2);
    EXPECT_EQ(part->rank(), expectedPart->rank());
    EXPECT_EQ(part->size(), expectedPart->size());
    std::vector<float> own = numbers<float>(64, nccl.rank());
    Array<float> array(gpu, own);
    part->allReduce(array.data(), array.data(), 64, DType::F32, fb::Reduction::Sum, gpu.communicationStream());
    expectedPart->allReduce(own.data(), own.data(), 64, DType::F32, fb::Reduction::Sum);
    EXPECT_EQ(array.read(), own);
    local.barrier();
  });
}

TEST_F(DeviceTest, AGraphHasCollectives) {
  onRanks([](Gpu &gpu, Communicator &nccl, Communicator &local) {
    Array<float> array(gpu, std::vector<float>(256, 1));
    auto add = [&] {
      nccl.allReduce(array.data(), array.data(), 256, DType::F32, fb::Reduction::Sum, gpu.communicationStream());
    };
    add();
    gpu.synchronize();
    local.barrier();
    gpu.beginGraph();
    gpu.record(0, computeStream);
    gpu.wait(0, communicationStream);
    add();
    gpu.record(1, communicationStream);
    gpu.wait(1, computeStream);
    size_t graph = gpu.endGraph();
    for (int round = 0; round < 3; ++round)
      gpu.launchGraph(graph);
    float expected = 1;
    for (int round = 0; round < 4; ++round)
      expected *= static_cast<float>(nccl.size());
    EXPECT_EQ(array.read(), std::vector<float>(256, expected));
    EXPECT_NO_THROW(nccl.poll());
    local.barrier();
  });
}

} // namespace
