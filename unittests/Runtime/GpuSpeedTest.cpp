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
  int64_t batch = 0, strideA = 0, strideB = 0;
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
  uint64_t batches = 1;
  if (shape.batch != 0) {
    p.batch = {shape.batch};
    p.strideA = {shape.strideA};
    p.strideB = {shape.strideB};
    p.strideC = {1};
    batches = static_cast<uint64_t>(shape.batch);
    // Vectors that are columns of a matrix.
    if (shape.strideA == 1)
      p.lda = p.ldb = static_cast<int32_t>(shape.batch);
  }
  auto elements = [&](int rows, int columns) { return batches * uint64_t(rows) * uint64_t(columns); };
  GemmOperands at{device.noise(elements(p.m, p.k), p.dtype), device.noise(elements(p.k, p.n), p.dtype),
                  device.noise(elements(p.m, p.n), p.result)};
  std::vector<double> seconds = device.blas->timeCandidates(device.blas->prepare(p, at));
  device.clear();
  size_t best = static_cast<size_t>(std::min_element(seconds.begin(), seconds.end()) - seconds.begin());
  double flops = 2.0 * p.m * p.n * p.k * static_cast<double>(batches);
  std::printf("%-18s %-4s to %-4s %5d x %5d x %5d %c%c: first %.4f ms %6.1f TFLOP/s, best (%zu of %zu) %.4f ms %6.1f "
              "TFLOP/s\n",
              shape.name, nameOf(p.dtype), nameOf(p.result), p.m, p.n, p.k, p.transposeA ? 'T' : 'N',
              p.transposeB ? 'T' : 'N', seconds[0] * 1e3, flops / seconds[0] * 1e-12, best + 1, seconds.size(),
              seconds[best] * 1e3, flops / seconds[best] * 1e-12);
}

namespace {
struct Epilogue {
  const char *name;
  bool bias;
  raddle::bundle::Activation activation;
  bool aux;
  raddle::bundle::GemmSum sum;
};
} // namespace

static void print(TestDevice &device, const Epilogue &epilogue, DType dtype, bool transposeA, bool transposeB) {
  constexpr int tokens = 4096, width = 1024, hidden = 4096;
  GemmProblem p;
  p.dtype = p.result = dtype;
  p.m = transposeA ? hidden : tokens;
  p.n = transposeA ? width : hidden;
  p.k = transposeA ? tokens : width;
  p.transposeA = transposeA;
  p.transposeB = transposeB;
  p.lda = transposeA ? p.m : p.k;
  p.ldb = transposeB ? p.k : p.n;
  p.ldc = p.n;
  p.bias = epilogue.bias;
  p.activation = epilogue.activation;
  p.aux = epilogue.aux;
  p.sum = epilogue.sum;
  auto noise = [&](int rows, int columns) { return device.noise(uint64_t(rows) * uint64_t(columns), dtype); };
  GemmOperands at{noise(p.m, p.k), noise(p.k, p.n), noise(p.m, p.n)};
  if (p.bias)
    at.bias = noise(1, p.n);
  if (p.aux)
    at.aux = noise(p.m, p.n);
  if (p.sum != raddle::bundle::GemmSum::None)
    at.sums = noise(1, std::max(p.m, p.n));
  std::vector<double> seconds = device.blas->timeCandidates(device.blas->prepare(p, at));
  device.clear();
  std::printf("%-18s %-4s %5d x %5d x %5d %c%c: first %.4f ms, best of %zu %.4f ms\n", epilogue.name, nameOf(dtype),
              p.m, p.n, p.k, transposeA ? 'T' : 'N', transposeB ? 'T' : 'N', seconds[0] * 1e3, seconds.size(),
              *std::min_element(seconds.begin(), seconds.end()) * 1e3);
}

/// What a product takes with and without what follows it.
TEST(GpuSpeed, OfEpilogues) {
  using raddle::bundle::Activation, raddle::bundle::GemmSum;
  std::unique_ptr<TestDevice> device = TestDevice::open();
  if (!device)
    return;
  const Epilogue none{"nothing", false, Activation::None, false, GemmSum::None};
  for (DType dtype : {DType::BF16, DType::F32}) {
    print(*device, none, dtype, false, true);
    print(*device, {"bias", true, Activation::None, false, GemmSum::None}, dtype, false, true);
    print(*device, {"bias gelu kept", true, Activation::Gelu, true, GemmSum::None}, dtype, false, true);
    print(*device, none, dtype, false, false);
    print(*device, {"gelu gradient", false, Activation::GeluGradient, true, GemmSum::None}, dtype, false, false);
    print(*device, {"gelu gradient sums", false, Activation::GeluGradient, true, GemmSum::Result}, dtype, false, false);
    print(*device, none, dtype, true, false);
    print(*device, {"sums of a", false, Activation::None, false, GemmSum::A}, dtype, true, false);
    print(*device, {"sums of b", false, Activation::None, false, GemmSum::B}, dtype, true, false);
  }
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
      {"dots of rows", wide, wide, 1, 1, width, false, false, 0, tokens, width, width},
      {"dots of columns", wide, wide, 1, 1, tokens, true, false, 0, width, 1, 1},
  };
  for (const Shape &shape : shapes)
    print(*device, shape);
}
