#include "raddle/runtime/CpuOperations.h"

#include <gtest/gtest.h>

#include <cstdlib>

using namespace raddle::runtime;

template <typename T> static std::vector<T> pattern(size_t count, int step) {
  std::vector<T> values(count);
  for (size_t i = 0; i < count; ++i)
    values[i] = static_cast<T>((static_cast<int>(i) * step) % 11 - 5);
  return values;
}

template <typename T>
static void compare(DType dtype, bool transposeA, bool transposeB, unsigned threads, int m, int n) {
  GemmProblem p;
  p.dtype = dtype;
  p.m = m;
  p.n = n;
  p.k = 9;
  p.transposeA = transposeA;
  p.transposeB = transposeB;
  p.lda = (transposeA ? p.m : p.k) + 2;
  p.ldb = (transposeB ? p.k : p.n) + 1;
  p.ldc = p.n + 3;
  p.alpha = 0.5;
  p.beta = 2;
  p.batch = {2, 3};
  int64_t sizeA = p.lda * int64_t(transposeA ? p.k : p.m), sizeB = p.ldb * int64_t(transposeB ? p.n : p.k);
  int64_t sizeC = p.ldc * int64_t(p.m);
  p.strideA = {3 * sizeA, sizeA};
  p.strideB = {sizeB, 0}; // shared by the inner dimension
  p.strideC = {3 * sizeC, sizeC};
  std::vector<T> a = pattern<T>(6 * sizeA, 3), b = pattern<T>(2 * sizeB, 5), c = pattern<T>(6 * sizeC, 7);
  std::vector<T> expected = c;
  for (int64_t i = 0; i < 6; ++i)
    for (int row = 0; row < p.m; ++row)
      for (int column = 0; column < p.n; ++column) {
        double sum = 0;
        for (int k = 0; k < p.k; ++k) {
          T left = a[i * sizeA + (transposeA ? k * p.lda + row : row * p.lda + k)];
          T right = b[i / 3 * sizeB + (transposeB ? column * p.ldb + k : k * p.ldb + column)];
          sum += static_cast<double>(left) * right;
        }
        T &value = expected[i * sizeC + row * p.ldc + column];
        value = static_cast<T>(p.alpha * sum + p.beta * value);
      }
  ThreadPool pool(threads);
  runGemm(p, a.data(), b.data(), c.data(), pool);
  EXPECT_EQ(c, expected) << "transposed " << transposeA << transposeB << ", " << threads << " threads";
}

TEST(Gemm, EqualsTheDefinitionForAllTransposesAndThreadCounts) {
  for (bool transposeA : {false, true})
    for (bool transposeB : {false, true})
      for (unsigned threads : {1u, 3u, 7u}) {
        compare<float>(DType::F32, transposeA, transposeB, threads, 70, 33);
        compare<double>(DType::F64, transposeA, transposeB, threads, 5, 101);
      }
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
