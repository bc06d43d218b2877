// What the host pays for the launch of a step's graph, by what stands in it: figures are printed, nothing is expected
// of them. A graph of many nodes that is slow is found among these.
#include "cuda/Gpu.h"
#include "exec/Program.h"

#include "raddle/runtime/Attention.h"
#include "raddle/runtime/Error.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <gtest/gtest.h>

using namespace raddle;
using namespace raddle::runtime;

namespace {

class GraphLaunchTest : public testing::Test {
protected:
  std::unique_ptr<Gpu> gpu;
  uint8_t *from = nullptr, *to = nullptr;
  // Too large for a kernel to take the place of its copy.
  static constexpr uint64_t large = (1u << 20) + 16;

  void SetUp() override {
    try {
      gpu = openCudaGpu(0);
    } catch (const Error &error) {
      GTEST_SKIP() << error.what();
    }
    gpu->enter();
    gpu->makeEvents(2);
    from = gpu->allocate(large);
    to = gpu->allocate(large);
  }

  static void repeat(int count, const std::function<void()> &body) {
    for (int i = 0; i < count; ++i)
      body();
  }

  void chain(int kernels) {
    repeat(kernels, [&] { gpu->fill(from, 1, 16); });
  }

  /// A kernel on the one stream beside some on the other.
  void fork(int kernels) {
    gpu->record(0, computeStream);
    gpu->wait(0, communicationStream);
    gpu->mark(1);
    chain(kernels);
    gpu->record(1, communicationStream);
    gpu->wait(1, computeStream);
  }

  double secondsOfLaunch(size_t graph) {
    using Clock = std::chrono::steady_clock;
    Clock::time_point begin = Clock::now();
    gpu->launchGraph(graph);
    return std::chrono::duration<double>(Clock::now() - begin).count();
  }

  /// Prints medians of launches while the device has nothing to do, and while it does the one before.
  void print(const std::string &name, const std::function<void()> &body) {
    gpu->beginGraph();
    body();
    size_t graph = gpu->endGraph();
    std::vector<double> idle, busy;
    repeat(9, [&] {
      gpu->synchronize();
      idle.push_back(secondsOfLaunch(graph));
      busy.push_back(secondsOfLaunch(graph));
    });
    gpu->synchronize();
    auto median = [](std::vector<double> &all) {
      std::nth_element(all.begin(), all.begin() + 4, all.end());
      return all[4] * 1e6;
    };
    std::string counts;
    for (const GraphCount &each : graphCounts)
      if (uint64_t count = gpu->census(graph).*each.count)
        counts += ", " + std::to_string(count) + " " + each.text;
    std::printf("launch of %s: %.1f us idle, %.1f us busy%s\n", name.c_str(), median(idle), median(busy),
                counts.c_str());
  }

  /// `count` products, each between kernels as in a step.
  void printProducts(const char *name, DType dtype, DType result, int m, int n, int k, bool transposeA,
                     bool transposeB) {
    GemmProblem p;
    p.dtype = dtype;
    p.result = result;
    p.m = m;
    p.n = n;
    p.k = k;
    p.transposeA = transposeA;
    p.transposeB = transposeB;
    p.lda = transposeA ? m : k;
    p.ldb = transposeB ? k : n;
    p.ldc = n;
    auto allocate = [&](int rows, int columns, DType type) {
      uint64_t bytes = uint64_t(rows) * uint64_t(columns) * byteSize(type);
      uint8_t *memory = gpu->allocate(bytes);
      gpu->fill(memory, 0, bytes);
      return memory;
    };
    GemmOperands at{allocate(m, k, dtype), allocate(k, n, dtype), allocate(m, n, result)};
    size_t prepared = gpu->prepareGemm(p, at);
    // Libraries load kernels when they are met first, which must not be in a graph.
    gpu->gemm(prepared, at);
    gpu->synchronize();
    print("100 products " + std::string(name), [&] {
      repeat(100, [&] {
        gpu->gemm(prepared, at);
        chain(2);
      });
    });
  }
};

TEST_F(GraphLaunchTest, OfKernelsCopiesAndForks) {
  for (int kernels : {30, 300, 3000})
    print(std::to_string(kernels) + " kernels", [&] { chain(kernels); });
  for (int copies : {1, 24, 100})
    print("3000 kernels with " + std::to_string(copies) + " large copies", [&] {
      repeat(copies, [&] {
        chain(3000 / copies);
        gpu->copy(to, from, large);
      });
    });
  print("3000 kernels with 24 small copies", [&] {
    repeat(24, [&] {
      chain(3000 / 24);
      gpu->copy(to, from, 1024);
    });
  });
  for (int forks : {1, 24, 100})
    print("3000 kernels with " + std::to_string(forks) + " forks", [&] { repeat(forks, [&] { fork(3000 / forks); }); });
}

TEST_F(GraphLaunchTest, OfProducts) {
  constexpr int tokens = 4096, width = 2048, hidden = 5632;
  printProducts("bf16", DType::BF16, DType::BF16, tokens, width, width, false, true);
  printProducts("bf16, wide", DType::BF16, DType::BF16, tokens, hidden, width, false, true);
  printProducts("bf16, gradient of data", DType::BF16, DType::BF16, tokens, width, hidden, false, false);
  printProducts("bf16, gradient of a weight", DType::BF16, DType::F32, width, width, tokens, true, false);
  printProducts("f32", DType::F32, DType::F32, tokens, width, width, false, true);
}

TEST_F(GraphLaunchTest, OfAttention) {
  AttentionProblem p;
  p.extents = {4, 16, 1, 1024, 1024, 128, 128};
  p.scale = 1 / std::sqrt(128.0f);
  p.causal = true;
  p.dtype = DType::BF16;
  std::vector<void *> operands;
  // Of backward, forward has the first ones.
  for (const attention::Shape &shape : attention::shapesOf(p.extents, p.hiding, true)) {
    p.strides.push_back({shape[1] * shape[2] * shape[3], shape[2] * shape[3], shape[3], 1});
    uint64_t bytes = static_cast<uint64_t>(shape[0] * p.strides.back()[0]) * sizeof(float);
    operands.push_back(gpu->allocate(bytes));
    gpu->fill(operands.back(), 0, bytes);
  }
  AttentionProblem forward = p;
  forward.strides.resize(attention::shapesOf(p.extents, p.hiding, false).size());
  for (bool backward : {false, true})
    try {
      p.backward = backward;
      size_t prepared = gpu->prepareAttention(backward ? p : forward);
      gpu->attention(prepared, operands.data());
      gpu->synchronize();
      print(backward ? "24 gradients of attention" : "24 attentions", [&] {
        repeat(24, [&] {
          gpu->attention(prepared, operands.data());
          chain(2);
        });
      });
    } catch (const Error &error) {
      GTEST_SKIP() << error.what();
    }
}

} // namespace
