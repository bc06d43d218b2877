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
  runGemm(p, {a.data(), b.data(), c.data()}, pool, scratch.data());
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

namespace {
struct Epilogue {
  bool bias, aux;
  raddle::bundle::Activation activation;
  raddle::bundle::GemmSum sum;
};
} // namespace

// Of a product of 70 x 9 and 9 x 48, whose value before is an integer.
static void compareEpilogue(DType dtype, DType result, const Epilogue &epilogue, bool transposeA, bool transposeB) {
  using raddle::bundle::Activation, raddle::bundle::GemmSum;
  GemmProblem p;
  p.dtype = dtype;
  p.result = result;
  p.m = 70;
  p.n = 48;
  p.k = 9;
  p.transposeA = transposeA;
  p.transposeB = transposeB;
  p.lda = transposeA ? p.m : p.k;
  p.ldb = transposeB ? p.k : p.n;
  p.ldc = p.n + 3;
  p.alpha = 0.03125;
  p.beta = 1;
  p.bias = epilogue.bias;
  p.aux = epilogue.aux;
  p.activation = epilogue.activation;
  p.sum = epilogue.sum;
  std::vector<double> a = pattern(p.m * p.k, 3), b = pattern(p.k * p.n, 5), c = pattern(int64_t(p.m) * p.ldc, 7),
                      bias = pattern(p.n, 4), aux = pattern(p.m * p.n, 9);
  std::vector<uint8_t> storedA = stored(a, dtype), storedB = stored(b, dtype), storedC = stored(c, result),
                       storedBias = stored(bias, result), storedAux = stored(aux, result),
                       sums(static_cast<size_t>(p.m) * byteSize(result));
  GemmOperands operands{storedA.data(), storedB.data(), storedC.data()};
  operands.bias = epilogue.bias ? storedBias.data() : nullptr;
  operands.aux = epilogue.aux ? storedAux.data() : nullptr;
  operands.sums = epilogue.sum == GemmSum::None ? nullptr : sums.data();
  ThreadPool pool(3);
  AlignedBuffer scratch;
  ASSERT_TRUE(scratch.allocate(gemmScratchBytes(p, pool.size())));
  runGemm(p, operands, pool, scratch.data());

  std::vector<double> actual = loaded(storedC, result), kept = loaded(storedAux, result), found = loaded(sums, result);
  auto near = [&](double value, double expected, const char *what) {
    double step = result == DType::F32 ? 0x1p-18 : result == DType::F16 ? 0x1p-10 : 0x1p-7;
    EXPECT_NEAR(value, expected, (std::abs(expected) + 1) * step) << what;
  };
  auto at = [](const std::vector<double> &values, int64_t i) { return values[static_cast<size_t>(i)]; };
  auto elementA = [&](int i, int k) { return at(a, transposeA ? k * p.lda + i : i * p.lda + k); };
  auto elementB = [&](int k, int j) { return at(b, transposeB ? j * p.ldb + k : k * p.ldb + j); };
  std::vector<double> sumC(static_cast<size_t>(p.n));
  for (int i = 0; i < p.m; ++i)
    for (int j = 0; j < p.n; ++j) {
      double v = at(c, i * p.ldc + j) + (epilogue.bias ? at(bias, j) : 0), x = at(aux, i * p.n + j);
      for (int k = 0; k < p.k; ++k)
        v += p.alpha * elementA(i, k) * elementB(k, j);
      double slope = std::sqrt(2 / M_PI);
      if (epilogue.activation == Activation::Gelu && epilogue.aux)
        near(at(kept, i * p.n + j), v, "kept");
      if (epilogue.activation == Activation::Gelu)
        v *= 0.5 * (1 + std::tanh(slope * (v + 0.044715 * v * v * v)));
      if (epilogue.activation == Activation::GeluGradient) {
        // The derivative by a central difference.
        auto gelu = [&](double y) { return 0.5 * y * (1 + std::tanh(slope * (y + 0.044715 * y * y * y))); };
        v *= (gelu(x + 1e-5) - gelu(x - 1e-5)) / 2e-5;
      }
      near(at(actual, i * p.ldc + j), v, "result");
      sumC[static_cast<size_t>(j)] += at(actual, i * p.ldc + j);
    }
  for (int i = 0; epilogue.sum != GemmSum::None && i < (epilogue.sum == GemmSum::A ? p.m : p.n); ++i) {
    double sum = epilogue.sum == GemmSum::Result ? at(sumC, i) : 0;
    for (int k = 0; epilogue.sum != GemmSum::Result && k < p.k; ++k)
      sum += epilogue.sum == GemmSum::A ? elementA(i, k) : elementB(k, i);
    near(at(found, i), sum, "sum");
  }
}

TEST(Gemm, AddsABiasAppliesGeluAndSumsAsDefined) {
  using raddle::bundle::Activation, raddle::bundle::GemmSum;
  const Epilogue epilogues[] = {
      {true, false, Activation::None, GemmSum::None},         {false, false, Activation::Gelu, GemmSum::None},
      {true, false, Activation::Gelu, GemmSum::None},         {true, true, Activation::Gelu, GemmSum::None},
      {false, true, Activation::GeluGradient, GemmSum::None}, {false, true, Activation::GeluGradient, GemmSum::Result},
      {false, false, Activation::None, GemmSum::A},           {false, false, Activation::None, GemmSum::B}};
  for (const Epilogue &epilogue : epilogues)
    for (bool transposeA : {false, true})
      for (bool transposeB : {false, true}) {
        compareEpilogue(DType::F32, DType::F32, epilogue, transposeA, transposeB);
        compareEpilogue(DType::BF16, DType::BF16, epilogue, transposeA, transposeB);
        compareEpilogue(DType::F16, DType::F32, epilogue, transposeA, transposeB);
      }
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
  runGemm(p, {a, b, &c}, pool);
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
