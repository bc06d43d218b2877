// Attention of the GPU beside the CPU's runtime, forward and backward, over masks, layouts and sizes; and how long it
// takes.
#include "AttentionOperands.h"
#include "cuda/CudnnAttention.h"
#include "cuda/Gpu.h"

#include "raddle/runtime/Error.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <gtest/gtest.h>
#include <limits>
#include <thread>

using namespace raddle;
using namespace raddle::runtime;

namespace {

const AttentionCase cases[] = {
    {"width 32", {2, 3, 1, 128, 128, 32, 32}},
    {"width 64, causal", {2, 3, 1, 128, 128, 64, 64}, true},
    {"width 80, causal", {2, 3, 1, 128, 128, 80, 80}, true},
    {"width 128", {2, 3, 1, 128, 128, 128, 128}},
    {"width 256, causal", {1, 2, 1, 100, 100, 256, 256}, true},
    {"width 8", {2, 2, 1, 100, 100, 8, 8}},
    {"widths 192 and 128", {1, 2, 1, 100, 100, 192, 128}, true},
    {"f16, causal", {2, 3, 1, 128, 128, 64, 64}, true, MaskOf::None, DType::F16, false, false, DType::F16},
    {"f16 with hidden keys", {2, 3, 1, 65, 65, 64, 64}, false, MaskOf::Keys, DType::F16, true, false, DType::F16},
    {"token-major, causal", {2, 3, 1, 128, 128, 64, 64}, true, MaskOf::None, DType::BF16, true},
    {"4 queries a key head", {2, 2, 4, 128, 128, 64, 64}, true, MaskOf::None, DType::BF16, true},
    {"8 queries a key head, unordered", {1, 1, 8, 192, 192, 128, 128}, false, MaskOf::None, DType::BF16, true, true},
    {"77 positions, causal", {2, 3, 1, 77, 77, 64, 64}, true, MaskOf::None, DType::BF16, true},
    {"50 queries, 133 keys", {2, 3, 1, 50, 133, 64, 64}},
    {"133 queries, 50 keys, causal", {2, 3, 1, 133, 50, 64, 64}, true},
    {"one query", {2, 3, 1, 1, 100, 64, 64}},
    {"5 positions, causal", {2, 3, 1, 5, 5, 64, 64}, true},
    {"hidden keys", {3, 2, 1, 50, 77, 64, 64}, false, MaskOf::Keys, DType::BF16, true},
    {"hidden keys in f32, causal", {3, 2, 2, 77, 77, 128, 128}, true, MaskOf::Keys, DType::F32, true},
    {"hidden keys, unordered", {3, 2, 1, 300, 300, 32, 32}, false, MaskOf::Keys, DType::BF16, true, true},
    {"mask of heads in f32, causal", {2, 2, 3, 77, 77, 64, 64}, true, MaskOf::Heads, DType::F32, true},
    {"mask of all in f32", {2, 3, 1, 96, 64, 64, 64}, false, MaskOf::All, DType::F32},
    {"queries that see nothing", {2, 3, 1, 64, 64, 64, 64}, false, MaskOf::EmptyRows},
    {"lengths", {4, 2, 2, 150, 150, 64, 64}, false, MaskOf::Lengths, DType::BF16, true},
    {"lengths, causal", {4, 2, 2, 150, 150, 64, 64}, true, MaskOf::Lengths, DType::BF16, true},
    {"2048 positions, causal", {1, 2, 1, 2048, 2048, 64, 64}, true, MaskOf::None, DType::BF16, true},
};

/// Copies operands to the GPU, computes there, and copies results back.
class Device {
public:
  Device() : gpu(openCudaGpu(0)) { gpu->enter(); }

  void compute(AttentionOperands &operands) {
    std::vector<void *> places = upload(operands);
    for (bool backward : {false, true})
      gpu->attention(gpu->prepareAttention(operands.problem(backward)), places.data());
    for (size_t i = operands.position(attention::Out); i < places.size(); ++i)
      move(operands.bytes[i].data(), places[i], operands.bytes[i].size(), false);
  }

  /// Microseconds of one call in a graph of several.
  double time(AttentionOperands &operands, bool backward) {
    constexpr int calls = 10, tries = 5;
    std::vector<void *> places = upload(operands);
    size_t prepared = gpu->prepareAttention(operands.problem(backward));
    gpu->attention(prepared, places.data());
    gpu->synchronize();
    gpu->beginGraph();
    for (int i = 0; i < calls; ++i)
      gpu->attention(prepared, places.data());
    size_t graph = gpu->endGraph();
    double best = std::numeric_limits<double>::infinity();
    for (int i = 0; i < tries; ++i) {
      auto begin = std::chrono::steady_clock::now();
      gpu->launchGraph(graph);
      gpu->synchronize();
      best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count() / calls);
    }
    gpu->dropGraphs();
    return best * 1e6;
  }

  uint64_t workspaceBytes() const { return gpu->workspaceBytes(); }

private:
  std::vector<void *> upload(AttentionOperands &operands) {
    std::vector<void *> places;
    for (std::vector<uint8_t> &bytes : operands.bytes) {
      places.push_back(gpu->allocate(bytes.size()));
      move(places.back(), bytes.data(), bytes.size(), true);
    }
    return places;
  }

  void move(void *dst, void *src, size_t bytes, bool toDevice) {
    uint8_t *staging = gpu->allocateHost(bytes);
    if (toDevice)
      std::memcpy(staging, src, bytes);
    gpu->copy(toDevice ? dst : staging, toDevice ? staging : src, bytes);
    gpu->synchronize();
    if (!toDevice)
      std::memcpy(dst, staging, bytes);
  }

  std::unique_ptr<Gpu> gpu;
};

void computeOnHost(AttentionOperands &operands, ThreadPool &pool) {
  std::vector<void *> places;
  for (std::vector<uint8_t> &bytes : operands.bytes)
    places.push_back(bytes.data());
  for (bool backward : {false, true}) {
    AttentionProblem problem = operands.problem(backward);
    std::vector<float> scratch(attentionScratchBytes(problem) / sizeof(float));
    runAttention(problem, places.data(), pool, scratch.data());
  }
}

/// The largest difference, as a part of the largest number. A log-sum-exp of nothing may have either sign.
double difference(const std::vector<float> &found, const std::vector<float> &expected) {
  double worst = 0, largest = 1e-30;
  for (size_t i = 0; i < found.size(); ++i) {
    if (std::isinf(found[i]) && std::isinf(expected[i]))
      continue;
    if (!std::isfinite(found[i]) || !std::isfinite(expected[i]))
      return std::numeric_limits<double>::infinity();
    worst = std::max(worst, std::abs(double(found[i]) - expected[i]));
    largest = std::max(largest, std::abs(double(expected[i])));
  }
  return worst / largest;
}

class GpuAttentionTest : public testing::TestWithParam<AttentionCase> {
protected:
  static void SetUpTestSuite() {
    try {
      device = std::make_unique<Device>();
      cuda::CudnnAttention probe(nullptr);
    } catch (const Error &error) {
      absent = error.what();
    }
  }

  static void TearDownTestSuite() { device.reset(); }

  void SetUp() override {
    if (!absent.empty())
      GTEST_SKIP() << absent;
  }

  static inline std::unique_ptr<Device> device;
  static inline std::string absent; // why there is no GPU or no cuDNN
};

TEST_P(GpuAttentionTest, EqualsTheCpus) {
  const AttentionCase &c = GetParam();
  // Weights are rounded to 16 bits between the two products.
  const double limit = c.dtype == DType::BF16 ? 1e-2 : 2e-3, limitOfLogarithms = 1e-5;
  AttentionOperands found(c), expected(c), again(c);
  ThreadPool pool(std::max(1u, std::thread::hardware_concurrency()));
  computeOnHost(expected, pool);
  device->compute(found);
  double worst = 0;
  for (size_t i = found.position(attention::Out); i < found.bytes.size(); ++i) {
    bool isLogarithm = i == found.position(attention::LogSumExp);
    double apart = difference(found.values(i), expected.values(i));
    EXPECT_LE(apart, isLogarithm ? limitOfLogarithms : limit) << "operand " << i;
    worst = isLogarithm ? worst : std::max(worst, apart);
  }
  std::printf("attention, %s: largest difference %.1e\n", c.name.c_str(), worst);
  device->compute(again);
  EXPECT_TRUE(c.unordered || again.bytes == found.bytes) << "a second run has other results";
}

std::string testName(const testing::TestParamInfo<AttentionCase> &info) {
  std::string name = info.param.name;
  std::replace_if(name.begin(), name.end(), [](unsigned char c) { return !std::isalnum(c); }, '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Cases, GpuAttentionTest, testing::ValuesIn(cases), testName);

/// How long calls take, and with how much scratch memory; nothing is expected. A device of its own for each size of
/// scratch memory.
class GpuAttentionSpeed : public GpuAttentionTest {};

TEST_P(GpuAttentionSpeed, IsPrinted) {
  AttentionCase c = GetParam();
  Device device;
  AttentionOperands operands(c);
  double forward = device.time(operands, false);
  c.unordered = true;
  double unordered = device.time(operands, true);
  uint64_t scratch = device.workspaceBytes();
  c.unordered = false;
  double backward = device.time(operands, true);
  auto [batch, keyHeads, repeat, queries, keys, width, valueWidth] = c.extents;
  double work = 2.0 * double(batch * keyHeads * repeat) * double(queries) * double(keys) * double(width);
  std::printf("attention, %s: forward %.0f us (%.0f TFLOP/s), backward %.0f us (%.0f TFLOP/s), unordered %.0f us; "
              "scratch memory %.0f MB, unordered %.0f MB\n",
              c.name.c_str(), forward, work / forward / 1e6, backward, 2.5 * work / backward / 1e6, unordered,
              double(device.workspaceBytes()) / 1e6, double(scratch) / 1e6);
}

AttentionCase timed(int64_t positions) {
  std::string name = "batch 4, 16 heads of 128, " + std::to_string(positions) + " positions, causal";
  return {name, {4, 16, 1, positions, positions, 128, 128}, true, MaskOf::None, DType::BF16, true};
}

INSTANTIATE_TEST_SUITE_P(Sizes, GpuAttentionSpeed, testing::Values(timed(1024), timed(4096)), testName);

} // namespace
