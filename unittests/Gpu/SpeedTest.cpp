// How fast products are, of cuBLASLt's first choice and of the fastest that it proposes. Nothing is expected: figures
// are printed.
#include "DeviceArrays.h"

#include <algorithm>
#include <cstdio>

using namespace raddle::runtime;

namespace {
struct Shape {
  const char *name;
  DType dtype, result;
  int m, n, k;
  bool transposeA, transposeB;
  double beta = 0;
};
} // namespace

static void print(TestDevice &device, const Shape &shape) {
  GemmProblem p;
  p.dtype = shape.dtype;
  p.result = shape.result;
  p.m = shape.m;
  p.n = shape.n;
  p.k = shape.k;
  p.transposeA = shape.transposeA;
  p.transposeB = shape.transposeB;
  p.lda = p.transposeA ? p.m : p.k;
  p.ldb = p.transposeB ? p.k : p.n;
  p.ldc = p.n;
  p.beta = shape.beta;
  auto elements = [](int rows, int columns) { return uint64_t(rows) * uint64_t(columns); };
  GemmOperands at{device.noise(elements(p.m, p.k), p.dtype), device.noise(elements(p.k, p.n), p.dtype),
                  device.noise(elements(p.m, p.n), p.result)};
  std::vector<double> seconds = device.blas->timeCandidates(device.blas->prepare(p, at));
  device.clear();
  size_t best = static_cast<size_t>(std::min_element(seconds.begin(), seconds.end()) - seconds.begin());
  double flops = 2.0 * p.m * p.n * p.k;
  std::printf("%-18s %-4s to %-4s %5d x %5d x %5d %c%c: first %.4f ms %6.1f TFLOP/s, best (%zu of %zu) %.4f ms %6.1f "
              "TFLOP/s\n",
              shape.name, nameOf(p.dtype), nameOf(p.result), p.m, p.n, p.k, p.transposeA ? 'T' : 'N',
              p.transposeB ? 'T' : 'N', seconds[0] * 1e3, flops / seconds[0] * 1e-12, best + 1, seconds.size(),
              seconds[best] * 1e3, flops / seconds[best] * 1e-12);
}

TEST(GpuSpeed, OfSquaresAndOfALlama) {
  std::unique_ptr<TestDevice> device = TestDevice::open();
  if (!device)
    return;
  constexpr DType wide = DType::F32, narrow = DType::BF16;
  constexpr int tokens = 4096, width = 2048, hidden = 5632, words = 32000;
  const Shape shapes[] = {
      {"square", narrow, narrow, 8192, 8192, 8192, false, true},
      {"square", narrow, wide, 8192, 8192, 8192, false, true},
      {"square", wide, wide, 8192, 8192, 8192, false, true},
      {"attention", narrow, narrow, tokens, width, width, false, true},
      {"attention, data", narrow, narrow, tokens, width, width, false, false},
      {"attention, weight", narrow, wide, width, width, tokens, true, false},
      {"up", narrow, narrow, tokens, hidden, width, false, true},
      {"up, data", narrow, narrow, tokens, width, hidden, false, false},
      {"up, weight", narrow, wide, hidden, width, tokens, true, false},
      {"down", narrow, narrow, tokens, width, hidden, false, true},
      {"down, data", narrow, narrow, tokens, hidden, width, false, false},
      {"down, weight", narrow, wide, width, hidden, tokens, true, false},
      {"down, weight, add", narrow, wide, width, hidden, tokens, true, false, 1},
      {"words", narrow, narrow, tokens, words, width, false, true},
      {"words, data", narrow, narrow, tokens, width, words, false, false},
      {"words, weight", narrow, wide, words, width, tokens, true, false},
      {"up", wide, wide, tokens, hidden, width, false, true},
      {"up, weight", wide, wide, hidden, width, tokens, true, false},
      {"one token", narrow, narrow, 1, hidden, width, false, true},
      {"small", narrow, narrow, 256, 256, 256, false, true},
  };
  for (const Shape &shape : shapes)
    print(*device, shape);
}
