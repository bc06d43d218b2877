#include "raddle/runtime/AlignedBuffer.h"
#include "raddle/runtime/Convert.h"
#include "raddle/runtime/CpuOperations.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

using namespace raddle::runtime;

// Integers from -5 to 5, which every type holds; their sums are exact in f32.
static std::vector<double> pattern(int64_t count, int step) {
  std::vector<double> values(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i)
    values[static_cast<size_t>(i)] = static_cast<double>(i * step % 11 - 5);
  return values;
}

// The nearest number with so many significant bits, of two the even one.
static double nearest(double value, int significant) {
  int exponent;
  std::frexp(value, &exponent);
  return std::ldexp(std::nearbyint(std::ldexp(value, significant - exponent)), exponent - significant);
}

static double nearest(double value, DType dtype) {
  return dtype == DType::BF16 ? nearest(value, 8) : dtype == DType::F16 ? nearest(value, 11) : value;
}

static std::vector<uint8_t> stored(const std::vector<double> &values, DType dtype) {
  std::vector<uint8_t> bytes(values.size() * byteSize(dtype));
  convertElements(values.data(), DType::F64, bytes.data(), dtype, values.size());
  return bytes;
}

static std::vector<double> loaded(const std::vector<uint8_t> &bytes, DType dtype) {
  std::vector<double> values(bytes.size() / byteSize(dtype));
  convertElements(bytes.data(), dtype, values.data(), DType::F64, values.size());
  return values;
}

static void run(const GemmProblem &p, const std::vector<uint8_t> &a, const std::vector<uint8_t> &b,
                std::vector<uint8_t> &c, unsigned threads) {
  ThreadPool pool(threads);
  AlignedBuffer scratch;
  ASSERT_TRUE(scratch.allocate(gemmScratchBytes(p, pool.size())));
  runGemm(p, a.data(), b.data(), c.data(), pool, scratch.data());
}

struct Case {
  DType dtype, result;
  int m, n, k;
  double beta;
};

static void compare(const Case &given, bool transposeA, bool transposeB, unsigned threads) {
  GemmProblem p;
  p.dtype = given.dtype;
  p.result = given.result;
  p.m = given.m;
  p.n = given.n;
  p.k = given.k;
  p.transposeA = transposeA;
  p.transposeB = transposeB;
  p.lda = (transposeA ? p.m : p.k) + 2;
  p.ldb = (transposeB ? p.k : p.n) + 1;
  p.ldc = p.n + 3;
  p.alpha = 0.5;
  p.beta = given.beta;
  p.batch = {2, 3};
  int64_t sizeA = p.lda * int64_t(transposeA ? p.k : p.m), sizeB = p.ldb * int64_t(transposeB ? p.n : p.k);
  int64_t sizeC = p.ldc * int64_t(p.m);
  p.strideA = {3 * sizeA, sizeA};
  p.strideB = {sizeB, 0}; // shared by the inner dimension
  p.strideC = {3 * sizeC, sizeC};
  std::vector<double> a = pattern(6 * sizeA, 3), b = pattern(2 * sizeB, 5), expected = pattern(6 * sizeC, 7);
  std::vector<uint8_t> c = stored(expected, p.result);
  for (int64_t i = 0; i < 6; ++i)
    for (int row = 0; row < p.m; ++row)
      for (int column = 0; column < p.n; ++column) {
        double sum = 0;
        for (int k = 0; k < p.k; ++k) {
          int64_t left = i * sizeA + (transposeA ? k * p.lda + row : row * p.lda + k);
          int64_t right = i / 3 * sizeB + (transposeB ? column * p.ldb + k : k * p.ldb + column);
          sum += a[static_cast<size_t>(left)] * b[static_cast<size_t>(right)];
        }
        double &value = expected[static_cast<size_t>(i * sizeC + row * p.ldc + column)];
        value = nearest(p.alpha * sum + p.beta * value, p.result);
      }
  run(p, stored(a, p.dtype), stored(b, p.dtype), c, threads);
  EXPECT_EQ(loaded(c, p.result), expected) << nameOf(p.dtype) << " to " << nameOf(p.result) << ", transposed "
                                           << transposeA << transposeB << ", " << threads << " threads";
}

TEST(Gemm, EqualsTheDefinitionForAllTransposesAndThreadCounts) {
  for (bool transposeA : {false, true})
    for (bool transposeB : {false, true})
      for (unsigned threads : {1u, 3u, 7u}) {
        compare({DType::F32, DType::F32, 70, 33, 9, 2}, transposeA, transposeB, threads);
        compare({DType::F64, DType::F64, 5, 101, 9, 2}, transposeA, transposeB, threads);
      }
}

TEST(Gemm, RoundsSumsOf16BitOperandsOnceOrNot) {
  for (DType narrow : {DType::BF16, DType::F16})
    for (DType result : {narrow, DType::F32})
      for (double beta : {0.0, 1.0, 2.0})
        for (bool transposeA : {false, true})
          for (bool transposeB : {false, true}) {
            compare({narrow, result, 70, 33, 9, beta}, transposeA, transposeB, 3);
            compare({narrow, result, 1, 40, 500, beta}, transposeA, transposeB, 2);
          }
  // More than a panel in each direction.
  compare({DType::BF16, DType::BF16, 400, 390, 800, 1}, false, true, 1);
  compare({DType::BF16, DType::F32, 390, 400, 20, 1}, true, false, 2);
}

TEST(Gemm, WritesOverWhatIsNoNumber) {
  GemmProblem p;
  p.dtype = p.result = DType::BF16;
  p.m = p.n = p.k = p.lda = p.ldb = p.ldc = 1;
  std::vector<uint8_t> two = stored({2}, DType::BF16), c = stored({std::nan("")}, DType::BF16);
  run(p, two, two, c, 1);
  EXPECT_EQ(loaded(c, DType::BF16), std::vector<double>{4});
}

TEST(Gemm, AccumulatesBatchesThatShareTheirResultInOrder) {
  GemmProblem p;
  p.m = p.n = p.k = p.lda = p.ldb = p.ldc = 1;
  p.beta = 1;
  p.batch = {4};
  p.strideA = {1};
  p.strideB = {1};
  p.strideC = {0};
  float a[] = {1, 2, 3, 4}, b[] = {1, 10, 100, 1000}, c = 5;
  ThreadPool pool(2);
  runGemm(p, a, b, &c, pool);
  EXPECT_EQ(c, 4326);
}

TEST(Gemm, UsesKernelsForTheFeaturesOfThisProcessor) {
#if defined(__x86_64__)
  if (!std::getenv("OPENBLAS_CORETYPE") && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    EXPECT_TRUE(blasKernels() == "Haswell" || blasKernels() == "SkylakeX") << blasKernels();
#endif
}

TEST(CheckIndex, FindsTheFirstValueOutsideOfTheRange) {
  int64_t values[] = {0, 3, -100, 4, -1};
  EXPECT_EQ(findBadIndex(values, DType::I64, 2, {0, 4, std::nullopt}).has_value(), false);
  std::optional<BadIndex> bad = findBadIndex(values, DType::I64, 5, {0, 4, -100});
  ASSERT_TRUE(bad);
  EXPECT_EQ(bad->position, 3u);
  EXPECT_EQ(bad->value, 4);
  EXPECT_EQ(findBadIndex(values, DType::I64, 5, {0, 4, std::nullopt})->value, -100);
  // Negative ones count from the end where they are allowed.
  EXPECT_EQ(findBadIndex(values, DType::I64, 5, {-4, 5, -100}).has_value(), false);
  EXPECT_EQ(findBadIndex(values, DType::I64, 5, {-4, 5, std::nullopt})->value, -100);
}
