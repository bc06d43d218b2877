// Launch plans of programs for a GPU, on a device that records what it is asked and does it on the host.
#include "RecordingGpu.h"
#include "TestBundle.h"
#include "TestFolder.h"

#include "cuda/BlasLt.h"
#include "cuda/GpuExecutor.h"

#include "raddle/runtime/BundleFile.h"
#include "raddle/runtime/Error.h"
#include "raddle/runtime/LocalCommunicator.h"

#include <cstring>
#include <gtest/gtest.h>

using namespace raddle::runtime;

namespace {

using Strings = RecordingGpu::Strings;
using Kernels = RecordingGpu::Kernels;

constexpr uint64_t width = sizeof(float);

/// y = (x + state) * W, state += 1, with indices that are given and indices that are computed from them.
std::vector<uint8_t> stepBundle() {
  using Space = fb::Space;
  TestBundle b;
  b.target = "cuda:sm_90";
  b.numStreams = 1;
  b.arenaBytes = 1024;
  b.state("counter", 6);
  float matrix[12];
  for (int i = 0; i < 12; ++i)
    matrix[i] = static_cast<float>(i);
  b.constant(std::string(reinterpret_cast<const char *>(matrix), sizeof(matrix)));
  uint32_t code = b.code(std::string("ptx\0", 4), fb::CodeFormat::Ptx);
  b.launched("add", 3, {2, 1, 1}, 4, code);
  b.launched("increment", 2, {1}, 1, code);
  b.launched("shift", 2, {1}, 1, code);
  b.launched("check", 2, {1}, 1, code);
  b.input("x", {2, 3}, false);
  b.input("rows", {2}, false, fb::DType::I64);
  b.output("y", {2, 4}, false);
  auto x = [&] { return b.operand(Space::Input, 0, 0, {2, 3}); };
  auto rows = [&] { return b.operand(Space::Input, 1, 0, {2}, fb::DType::I64); };
  auto shifted = [&] { return b.arena(512, {2}, fb::DType::I64); };
  auto state = [&] { return b.operand(Space::State, 0, 0, {2, 3}); };
  auto check = [&](flatbuffers::Offset<fb::Operand> src, int32_t kernel, const char *name) {
    auto what = b.builder.CreateString("row of a table");
    b.instruction(fb::Action::CheckIndex, fb::CreateCheckIndex(b.builder, src, 8, false, 0, what, 0, kernel), name);
  };
  check(rows(), -1, "given");
  b.dispatch(2, {rows()}, {shifted()}, "shift");
  check(shifted(), 3, "computed");
  b.dispatch(0, {x(), state()}, {b.arena(0, {2, 3})}, "sum");
  b.gemm(b.arena(0, {2, 3}), b.operand(Space::Constant, 0, 0, {3, 4}), b.operand(Space::Output, 0, 0, {2, 4}), 2, 4, 3);
  b.dispatch(1, {state()}, {state()}, "next");
  b.instruction(fb::Action::Zero, fb::CreateZero(b.builder, b.arena(0, {2, 3})), "clear");
  return b.finish();
}

Kernels stepKernels() {
  return {[](void *const *at) {
            for (int i = 0; i < 6; ++i)
              static_cast<float *>(at[2])[i] = static_cast<float *>(at[0])[i] + static_cast<float *>(at[1])[i];
          },
          [](void *const *at) {
            for (int i = 0; i < 6; ++i)
              static_cast<float *>(at[1])[i] = static_cast<float *>(at[0])[i] + 1;
          },
          [](void *const *at) {
            for (int i = 0; i < 2; ++i)
              static_cast<int64_t *>(at[1])[i] = static_cast<int64_t *>(at[0])[i] + 1;
          },
          // What the compiler's kernels do (lib/Codegen/NVVM/LaunchedKernel.cpp).
          [](void *const *at) {
            for (uint64_t i = 0; i < 2; ++i) {
              int64_t index = static_cast<int64_t *>(at[0])[i];
              uint64_t found = i << 32 | static_cast<uint32_t>(index), &report = *static_cast<uint64_t *>(at[1]);
              if (index < 0 || index >= 8)
                report = std::min(report, found);
            }
          }};
}

class GpuExecutorTest : public testing::Test {
protected:
  Strings log;
  std::vector<uint8_t> bytes = stepBundle();
  const fb::Bundle &bundle = *fb::GetBundle(bytes.data());
  LocalGroup group{1};
  std::shared_ptr<Communicator> alone{std::shared_ptr<void>(), &group.member(0)};

  std::unique_ptr<GpuExecutor> make(bool trace = false) {
    return make(bundle, std::make_unique<RecordingGpu>(log, stepKernels()), trace);
  }
  std::unique_ptr<GpuExecutor> make(const fb::Bundle &bundle, std::unique_ptr<Gpu> gpu, bool trace = false) {
    return std::make_unique<GpuExecutor>(bundle, std::move(gpu), GpuGroups{alone, alone, alone}, trace,
                                         std::chrono::minutes(1), /*threads=*/2);
  }

  std::vector<float> run(GpuExecutor &executor, std::vector<int64_t> rows = {3, 6}) {
    std::vector<float> x{1, 2, 3, 4, 5, 6}, y(8, -1);
    void *inputs[] = {x.data(), rows.data()}, *outputs[] = {y.data()};
    log.clear();
    executor.check(0, inputs);
    executor.start(0, inputs, outputs);
    executor.wait();
    executor.deliver();
    return y;
  }

  static std::vector<float> expected(float counter) {
    std::vector<float> y(8, 0);
    for (int r = 0; r < 2; ++r)
      for (int c = 0; c < 4; ++c)
        for (int k = 0; k < 3; ++k)
          y[r * 4 + c] += (static_cast<float>(r * 3 + k + 1) + counter) * static_cast<float>(k * 4 + c);
    return y;
  }
};

TEST_F(GpuExecutorTest, TheBundleVerifies) {
  std::string why;
  EXPECT_TRUE(verifyBundle(bytes.data(), bytes.size(), why)) << why;
}

TEST_F(GpuExecutorTest, RunsStepByStepThenAsOneGraph) {
  auto executor = make();
  EXPECT_EQ(run(*executor), expected(0));
  // Inputs of 24 and 16 bytes begin at multiples of 256; 32 bytes of the output; one report.
  Strings steps{"fill 8", "kernel 2", "kernel 3", "kernel 0", "gemm 0", "kernel 1", "fill 24"};
  auto between = [](Strings middle) {
    middle.insert(middle.begin(), "copy 512");
    middle.insert(middle.end(), {"copy 264", "wait"});
    return middle;
  };
  EXPECT_EQ(log, between(steps));
  EXPECT_EQ(run(*executor), expected(1));
  Strings second{"begin graph"};
  second.insert(second.end(), steps.begin(), steps.end());
  second.insert(second.end(), {"end graph", "launch graph 0"});
  EXPECT_EQ(log, between(second));
  for (float call = 2; call < 5; ++call) {
    EXPECT_EQ(run(*executor), expected(call));
    EXPECT_EQ(log, between({"launch graph 0"}));
  }
  EXPECT_GT(executor->deviceCalls().seconds(), 0);
}

TEST_F(GpuExecutorTest, ALaterRunIsOneLaunchThatAllocatesNothingAndWaitsForNothing) {
  auto executor = make();
  constexpr uint64_t instructions = 7;
  DeviceCalls before = executor->deviceCalls();
  EXPECT_GT(before.allocations, 0u);
  for (uint64_t call = 1; call < 6; ++call) {
    run(*executor);
    DeviceCalls after = executor->deviceCalls();
    EXPECT_EQ(after.graphLaunches - before.graphLaunches, call > 1 ? 1u : 0u);
    EXPECT_EQ(after.singleInstructions - before.singleInstructions, call < 3 ? instructions : 0u);
    EXPECT_EQ(after.allocations, before.allocations);
    EXPECT_EQ(after.synchronisations, before.synchronisations);
    before = after;
  }
  float value;
  executor->readState(0, 0, &value, sizeof(value));
  EXPECT_EQ(executor->deviceCalls().synchronisations, before.synchronisations + 1);
}

TEST_F(GpuExecutorTest, WaitsForNothingWhileTwoRunsAreUnderWay) {
  auto executor = make();
  for (int call = 0; call < 3; ++call)
    run(*executor);
  std::vector<std::vector<float>> x(2, {1, 2, 3, 4, 5, 6}), y(2, std::vector<float>(8, -1));
  std::vector<int64_t> rows{3, 6};
  log.clear();
  for (int call = 0; call < 2; ++call) {
    void *inputs[] = {x[call].data(), rows.data()}, *outputs[] = {y[call].data()};
    executor->start(0, inputs, outputs);
    // They have been read.
    x[call].assign(6, 100);
  }
  EXPECT_EQ(log, (Strings{"copy 512", "launch graph 0", "copy 264", "copy 512", "launch graph 0", "copy 264"}));
  EXPECT_EQ(y[0][0], -1);
  for (int call = 0; call < 2; ++call) {
    executor->wait();
    executor->deliver();
    EXPECT_EQ(y[call], expected(static_cast<float>(3 + call)));
  }
}

// A state that is increased `count` times, in one output.
std::vector<uint8_t> chainBundle(size_t count) {
  TestBundle b;
  b.target = "cuda:sm_90";
  b.numStreams = 1;
  b.state("counter", 6);
  uint32_t code = b.code(std::string("ptx\0", 4), fb::CodeFormat::Ptx);
  b.launched("increment", 2, {1}, 1, code);
  b.output("y", {6}, false);
  auto state = [&] { return b.operand(fb::Space::State, 0, 0, {6}); };
  for (size_t i = 0; i < count; ++i)
    b.dispatch(0, {state()}, {state()}, "next");
  b.instruction(fb::Action::Copy, fb::CreateCopy(b.builder, state(), b.operand(fb::Space::Output, 0, 0, {6})), "read");
  return b.finish();
}

TEST_F(GpuExecutorTest, ALaterRunAsksForAsMuchWhateverTheNumberOfInstructions) {
  const Kernels increment{stepKernels()[1]};
  for (size_t count : {1, 10, 1000}) {
    std::vector<uint8_t> chain = chainBundle(count);
    std::string why;
    ASSERT_TRUE(verifyBundle(chain.data(), chain.size(), why)) << why;
    auto executor = make(*fb::GetBundle(chain.data()), std::make_unique<RecordingGpu>(log, increment));
    std::vector<float> y(6);
    void *outputs[] = {y.data()};
    for (size_t call = 1; call < 5; ++call) {
      log.clear();
      executor->start(0, nullptr, outputs);
      executor->wait();
      executor->deliver();
      EXPECT_EQ(y, std::vector<float>(6, static_cast<float>(call * count)));
    }
    EXPECT_EQ(log, (Strings{"launch graph 0", "copy 256", "wait"}));
    ASSERT_EQ(executor->graphs().size(), 1u);
    GraphCensus census = executor->graphs()[0];
    EXPECT_EQ(census.entry, "main");
    EXPECT_EQ(census.kernels, count);
    EXPECT_EQ(census.copies, 1u);
    EXPECT_EQ(census.nodes(), count + 1);
    EXPECT_EQ(census.edges, count);
    EXPECT_EQ(census.joins + census.forks, 0u);
  }
}

TEST_F(GpuExecutorTest, ThePhasesOfACallAddUp) {
  auto executor = make();
  for (int call = 0; call < 4; ++call)
    run(*executor);
  DeviceCalls calls = executor->deviceCalls();
  for (const DevicePhase &phase : devicePhases)
    EXPECT_GT(calls.*phase.seconds, 0) << phase.key;
  EXPECT_DOUBLE_EQ(calls.seconds(), calls.stageSeconds + calls.submitSeconds + calls.collectSeconds);
}

TEST_F(GpuExecutorTest, LoadsCodeAndChoosesProductsOnce) {
  auto executor = make();
  EXPECT_EQ(std::count(log.begin(), log.end(), "load"), 1);
  EXPECT_EQ(std::count(log.begin(), log.end(), "prepare gemm aligned 256 256 256"), 1);
}

TEST_F(GpuExecutorTest, MeasuresProductsBeforeAnythingIsLoaded) {
  std::vector<std::pair<size_t, size_t>> progress;
  GemmMeasuring measuring{"choices.txt", [&](size_t done, size_t all) { progress.emplace_back(done, all); }};
  GpuExecutor executor(bundle, std::make_unique<RecordingGpu>(log, stepKernels()), GpuGroups{alone, alone, alone},
                       false, std::chrono::minutes(1), /*threads=*/1, measuring);
  EXPECT_EQ(progress, (std::vector<std::pair<size_t, size_t>>{{1, 1}}));
  // On numbers, which are zero again in states and outputs.
  auto measured = std::find(log.begin(), log.end(), "gemm 0");
  EXPECT_EQ(std::count_if(log.begin(), measured, [](const std::string &entry) { return entry.rfind("copy", 0) == 0; }),
            4);
  std::vector<float> state(6, -1);
  executor.readState(0, 0, state.data(), state.size() * sizeof(float));
  EXPECT_EQ(state, std::vector<float>(6, 0));
  EXPECT_EQ(run(executor), expected(0));
}

TEST_F(GpuExecutorTest, ReadsAndWritesStates) {
  auto executor = make();
  run(*executor);
  float values[2] = {7, 8}, found[3];
  executor->writeState(0, width, values, sizeof(values));
  executor->readState(0, 0, found, sizeof(found));
  EXPECT_EQ(found[0], 1);
  EXPECT_EQ(found[1], 7);
  EXPECT_EQ(found[2], 8);
}

TEST_F(GpuExecutorTest, FindsWrongIndicesThatAreGivenBeforeTheRun) {
  auto executor = make();
  EXPECT_EQ(
      errorOf([&] { run(*executor, {3, 9}); }),
      "rank 0, instruction 'given': row of a table: expected 0 to 7, found 9 at position 1 of this rank's indices");
  EXPECT_TRUE(log.empty());
}

TEST_F(GpuExecutorTest, FindsWrongIndicesThatAreComputed) {
  auto executor = make();
  for (int call = 0; call < 3; ++call)
    EXPECT_EQ(errorOf([&] { run(*executor, {7, 7}); }),
              "rank 0, instruction 'computed': row of a table: expected 0 to 7, found 8 at position 0 of this rank's "
              "indices");
  EXPECT_NO_THROW(run(*executor));
}

TEST_F(GpuExecutorTest, TracesEveryInstructionAndLaunchesNoGraph) {
  auto executor = make(/*trace=*/true);
  run(*executor);
  // One for each instruction, so that the one that fails is known; and before and after all of them.
  EXPECT_EQ(std::count(log.begin(), log.end(), "wait for all"), 7 + 2);
  for (int call = 1; call < 4; ++call) {
    EXPECT_EQ(run(*executor), expected(static_cast<float>(call)));
    // Of the second call one is made, to be counted.
    EXPECT_EQ(std::count(log.begin(), log.end(), "begin graph"), call == 1);
    EXPECT_EQ(std::count(log.begin(), log.end(), "launch graph 0"), 0);
    EXPECT_EQ(std::count(log.begin(), log.end(), "wait for all"), 2);
  }
  ASSERT_EQ(executor->graphs().size(), 1u);
  EXPECT_EQ(executor->graphs()[0].kernels, 7u);
  EXPECT_EQ(executor->graphs()[0].edges, 6u);
  ASSERT_EQ(executor->recorded().size(), 2u);
  Measurements measured;
  executor->recorded()[computeStream].addTo(measured);
  ASSERT_EQ(measured.instructions.size(), 7u);
  for (const auto &[instruction, timing] : measured.instructions) {
    EXPECT_EQ(timing.executions, 3u);
    // The recording device takes a second for each operation; what the host has checked is none.
    EXPECT_NEAR(timing.mean(), instruction->name()->str() == "given" ? 0 : 1, 1e-6) << instruction->name()->str();
  }
}

// Attention of bf16 with one key, whose weight is one: out is the value.
std::vector<uint8_t> attentionBundle() {
  using Space = fb::Space;
  TestBundle b;
  b.target = "cuda:sm_90";
  b.numStreams = 1;
  b.arenaBytes = 256;
  b.input("q", {2, 8}, false, fb::DType::BF16);
  b.input("v", {1, 8}, false, fb::DType::BF16);
  b.output("out", {2, 8}, false, fb::DType::BF16);
  auto input = [&](uint32_t index, uint64_t rows) {
    return b.operand(Space::Input, index, 0, {rows, 8}, fb::DType::BF16);
  };
  std::vector<flatbuffers::Offset<fb::Operand>> inputs{input(0, 2), input(1, 1), input(1, 1)};
  std::vector<flatbuffers::Offset<fb::Operand>> outputs{b.operand(Space::Output, 0, 0, {2, 8}, fb::DType::BF16),
                                                        b.arena(0, {2})};
  std::vector<uint64_t> extents{1, 1, 1, 2, 1, 8, 8};
  std::vector<uint64_t> strides{16, 16, 8, 1, 8, 8, 8, 1, 8, 8, 8, 1, 16, 16, 8, 1, 2, 2, 1, 1};
  for (int layer = 0; layer < 2; ++layer)
    b.instruction(fb::Action::Attention,
                  fb::CreateAttention(b.builder, b.builder.CreateVector(inputs), b.builder.CreateVector(outputs), false,
                                      false, false, 1.0, b.builder.CreateVector(extents),
                                      b.builder.CreateVector(strides)));
  return b.finish();
}

TEST_F(GpuExecutorTest, AsksForAttentionOnceAndRunsItInTheGraph) {
  std::vector<uint8_t> other = attentionBundle();
  std::string why;
  ASSERT_TRUE(verifyBundle(other.data(), other.size(), why)) << why;
  auto executor = make(*fb::GetBundle(other.data()), std::make_unique<RecordingGpu>(log));
  EXPECT_EQ(std::count(log.begin(), log.end(), "prepare attention bf16"), 2);
  std::vector<uint16_t> q(16, 0x3f80), v{0x3f80, 0x4000, 0, 0, 0, 0, 0, 0xbf80};
  for (int call = 0; call < 3; ++call) {
    std::vector<uint16_t> out(16, 1);
    void *inputs[] = {q.data(), v.data()}, *outputs[] = {out.data()};
    log.clear();
    executor->start(0, inputs, outputs);
    executor->wait();
    executor->deliver();
    EXPECT_TRUE(std::equal(v.begin(), v.end(), out.begin()) && std::equal(v.begin(), v.end(), out.begin() + 8));
    EXPECT_EQ(std::count(log.begin(), log.end(), "attention 1"), call < 2);
    EXPECT_EQ(std::count(log.begin(), log.end(), "launch graph 0"), call > 0);
  }
}

// y = a b, and twice more of it.
std::vector<uint8_t> accumulatingBundle() {
  using Space = fb::Space;
  TestBundle b;
  b.target = "cuda:sm_90";
  b.numStreams = 1;
  b.input("a", {2, 3}, false);
  b.input("b", {3, 4}, false);
  b.output("y", {2, 4}, false);
  for (float beta : {0.0f, 1.0f, 1.0f})
    b.gemm(b.operand(Space::Input, 0, 0, {2, 3}), b.operand(Space::Input, 1, 0, {3, 4}),
           b.operand(Space::Output, 0, 0, {2, 4}), 2, 4, 3, false, false, 1, beta);
  return b.finish();
}

TEST_F(GpuExecutorTest, AddsProductsToWhatIsThereStepByStepAndInTheGraph) {
  std::vector<uint8_t> other = accumulatingBundle();
  std::string why;
  ASSERT_TRUE(verifyBundle(other.data(), other.size(), why)) << why;
  auto executor = make(*fb::GetBundle(other.data()), std::make_unique<RecordingGpu>(log));
  std::vector<float> a{1, 2, 3, 4, 5, 6}, b(12, 1);
  for (int call = 0; call < 3; ++call) {
    std::vector<float> y(8, 1000);
    void *inputs[] = {a.data(), b.data()}, *outputs[] = {y.data()};
    executor->start(0, inputs, outputs);
    executor->wait();
    executor->deliver();
    EXPECT_EQ(y, (std::vector<float>{18, 18, 18, 18, 45, 45, 45, 45}));
  }
  EXPECT_EQ(std::count(log.begin(), log.end(), "launch graph 0"), 2);
}

TEST_F(GpuExecutorTest, NamesInstructionsThatItCannotDo) {
  TestBundle b;
  b.target = "cuda:sm_90";
  b.arenaBytes = 256;
  b.instruction(fb::Action::Zero, fb::CreateZero(b.builder, b.arena(0, {4})), "clear");
  b.instruction(fb::Action::Zero, fb::CreateZero(b.builder, b.arena(0, {4})), "clear", communicationStream);
  std::vector<uint8_t> other = b.finish();
  std::string why = errorOf([&] { make(*fb::GetBundle(other.data()), std::make_unique<RecordingGpu>(log)); });
  EXPECT_NE(why.find("entry 'main', instruction 1: Zero on stream 1"), std::string::npos) << why;
  EXPECT_EQ(why.find("instruction 0"), std::string::npos) << why;
}

TEST(LaunchedKernelTest, TheVerifierKnowsWhatCanBeLaunched) {
  TestBundle b;
  b.target = "cuda:sm_90";
  uint32_t code = b.code("no zero", fb::CodeFormat::Ptx);
  b.launched("many", 0, {1, 70000}, 33, code, 3);
  b.launched("none", 0, {}, 1, code);
  b.launched("scratch", 0, {1u << 30}, 1, code, 1, uint64_t(1) << 40);
  std::vector<uint8_t> bytes = b.finish();
  std::string why;
  EXPECT_FALSE(verifyBundle(bytes.data(), bytes.size(), why));
  for (const char *part :
       {"PTX does not end in a zero", "num_warps: expected 1 up to 32, found 33",
        "trailing_pointers: expected 0 up to 2, found 3", "grid: expected 1 up to 65535, found 70000",
        "dimensions of grid: expected 1 up to 3, found 0", "bytes for each block overflow"})
    EXPECT_NE(why.find(part), std::string::npos) << part << " in " << why;
}

TEST(BatchPlanTest, JoinsLoopsAndKeepsOverwritesApart) {
  GemmProblem problem;
  problem.batch = {8, 2, 3};
  // Two heads of keys for six of queries: the key's loops do not join the last one.
  problem.strideA = {600, 300, 100};
  problem.strideB = {40, 20, 0};
  problem.strideC = {6, 3, 1};
  cuda::BatchPlan plan = cuda::planBatches(problem);
  EXPECT_EQ(plan.count, 16);
  EXPECT_EQ(plan.strides.b, 20);
  ASSERT_EQ(plan.calls.size(), 3u);
  EXPECT_EQ(plan.calls[2].a, 200);
  EXPECT_EQ(plan.calls[2].b, 0);
  EXPECT_EQ(plan.calls[2].c, 2);
  problem.batch = {5};
  problem.strideA = {1};
  problem.strideB = {1};
  problem.strideC = {0};
  plan = cuda::planBatches(problem);
  EXPECT_EQ(plan.count, 1);
  EXPECT_EQ(plan.calls.size(), 5u);
}

} // namespace
