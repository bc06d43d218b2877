// Products of all types, transposes, batches and sizes on the GPU, beside their definition.
#include "DeviceArrays.h"

#include <cmath>
#include <cstdio>

using namespace raddle::runtime;

namespace {

struct Types {
  DType dtype, result;
};

constexpr Types allTypes[] = {{DType::F32, DType::F32},  {DType::F64, DType::F64}, {DType::BF16, DType::BF16},
                              {DType::BF16, DType::F32}, {DType::F16, DType::F16}, {DType::F16, DType::F32}};

struct Sizes {
  int m, n, k;
  std::vector<int64_t> batch;
};

} // namespace

static GemmProblem makeProblem(const Types &types, const Sizes &sizes, bool transposeA, bool transposeB, double beta) {
  GemmProblem p;
  p.dtype = types.dtype;
  p.result = types.result;
  p.m = sizes.m;
  p.n = sizes.n;
  p.k = sizes.k;
  p.transposeA = transposeA;
  p.transposeB = transposeB;
  p.lda = transposeA ? p.m : p.k;
  p.ldb = transposeB ? p.k : p.n;
  p.ldc = p.n;
  p.alpha = 0.5;
  p.beta = beta;
  p.batch = sizes.batch;
  int64_t a = int64_t(p.m) * p.k, b = int64_t(p.k) * p.n, c = int64_t(p.m) * p.n;
  for (size_t d = p.batch.size(); d-- > 0;) {
    p.strideA.insert(p.strideA.begin(), a);
    // The inner one of two loops shares its second operand.
    p.strideB.insert(p.strideB.begin(), d == 1 ? 0 : b);
    p.strideC.insert(p.strideC.begin(), c);
    a *= p.batch[d];
    b *= d == 1 ? 1 : p.batch[d];
    c *= p.batch[d];
  }
  return p;
}

/// The largest error as a part of what is allowed.
static double compare(TestDevice &device, const GemmProblem &p) {
  int64_t batches = 1;
  for (int64_t extent : p.batch)
    batches *= extent;
  auto count = [&](int64_t rows, int64_t columns) { return static_cast<size_t>(batches * rows * columns); };
  Numbers a = randomNumbers(count(p.m, p.k), p.dtype, 1), b = randomNumbers(count(p.k, p.n), p.dtype, 2),
          c = randomNumbers(count(p.m, p.n), p.result, 3);
  GemmOperands operands{device.upload(a, p.dtype), device.upload(b, p.dtype), device.upload(c, p.result)};
  device.blas->run(device.blas->prepare(p, operands), operands);
  Numbers actual = device.download(operands.c, c.size(), p.result);
  device.clear();
  Product expected = defineProduct(p, a, b, c, {}, {});
  double sumEpsilon = p.dtype == DType::F64 ? epsilonOf(DType::F64) : epsilonOf(DType::F32), worst = 0;
  for (size_t i = 0; i < c.size(); ++i) {
    // One rounding of the result, and one for each term that is added. What is added to a C of 16 bits is rounded to 16
    // bits before.
    double rounded = std::abs(expected.c[i]) + (p.beta != 0 && p.result != DType::F32 ? expected.magnitude[i] : 0);
    double allowed = rounded * epsilonOf(p.result) / 2 + expected.magnitude[i] * sumEpsilon * (p.k + 2);
    // The smallest numbers of f16 have one distance.
    worst = std::max(worst, std::abs(actual[i] - expected.c[i]) / (allowed + 0x1p-25));
  }
  return worst;
}

TEST(GpuProducts, EqualTheirDefinition) {
  std::unique_ptr<TestDevice> device = TestDevice::open();
  if (!device)
    return;
  const Sizes sizes[] = {{64, 48, 80, {}},  {33, 17, 29, {}},    {1, 40, 64, {}}, {40, 1, 64, {}},   {128, 128, 1, {}},
                         {24, 32, 40, {3}}, {16, 24, 8, {2, 3}}, {7, 9, 5, {4}},  {96, 200, 520, {}}};
  for (const Types &types : allTypes) {
    double worst = 0;
    int problems = 0;
    for (const Sizes &each : sizes)
      for (int transposes = 0; transposes < 4; ++transposes)
        for (double beta : {0.0, 1.0}) {
          GemmProblem p = makeProblem(types, each, transposes & 1, transposes & 2, beta);
          double error = compare(*device, p);
          EXPECT_LE(error, 1) << nameOf(types.dtype) << " to " << nameOf(types.result) << ": " << p.m << " x " << p.n
                              << " x " << p.k << ", transposes " << transposes << ", beta " << beta << ", "
                              << each.batch.size() << " loops";
          worst = std::max(worst, error);
          ++problems;
        }
    std::printf("%-4s to %-4s: %d problems, largest error %.3f of what is allowed\n", nameOf(types.dtype),
                nameOf(types.result), problems, worst);
  }
}
