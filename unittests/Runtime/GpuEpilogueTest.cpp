// Bias, GELU, its gradient and sums beside a product on the GPU, beside their definition.
#include "DeviceArrays.h"

#include "raddle/runtime/Error.h"

#include <cmath>
#include <cstdio>

using namespace raddle::runtime;
using raddle::bundle::Activation;
using raddle::bundle::GemmSum;

namespace {

struct Epilogue {
  const char *name;
  bool bias;
  Activation activation;
  bool aux;
  GemmSum sum;
};

constexpr Epilogue epilogues[] = {
    {"bias", true, Activation::None, false, GemmSum::None},
    {"gelu", false, Activation::Gelu, false, GemmSum::None},
    {"bias gelu", true, Activation::Gelu, false, GemmSum::None},
    {"gelu kept", false, Activation::Gelu, true, GemmSum::None},
    {"bias gelu kept", true, Activation::Gelu, true, GemmSum::None},
    {"gelu gradient", false, Activation::GeluGradient, true, GemmSum::None},
    {"gelu gradient sums", false, Activation::GeluGradient, true, GemmSum::Result},
    {"sums of a", false, Activation::None, false, GemmSum::A},
    {"sums of b", false, Activation::None, false, GemmSum::B},
};

struct Errors {
  double c = 0, aux = 0, sums = 0;
  double erf = 0; // of C, if GELU were the form with erf
};

} // namespace

static double largest(const Numbers &actual, const Numbers &expected) {
  double worst = 0;
  for (size_t i = 0; i < actual.size(); ++i)
    worst = std::max(worst, std::abs(actual[i] - expected[i]));
  return worst;
}

static Errors compare(TestDevice &device, const GemmProblem &p) {
  size_t countC = size_t(p.m) * size_t(p.n), countSums = size_t(p.sum == GemmSum::A ? p.m : p.n);
  Numbers a = randomNumbers(size_t(p.m) * size_t(p.k), p.dtype, 1),
          b = randomNumbers(size_t(p.k) * size_t(p.n), p.dtype, 2), c = randomNumbers(countC, p.result, 3),
          bias = randomNumbers(size_t(p.n), p.result, 4), aux = randomNumbers(countC, p.result, 5);
  for (double &x : aux) // The gradient is looked at where it bends.
    x *= 4;
  GemmOperands at{device.upload(a, p.dtype), device.upload(b, p.dtype), device.upload(c, p.result)};
  if (p.bias)
    at.bias = device.upload(bias, p.result);
  if (p.aux)
    at.aux = device.upload(aux, p.result);
  if (p.sum != GemmSum::None)
    at.sums = device.upload(Numbers(countSums), p.result);
  device.blas->run(device.blas->prepare(p, at), at);
  Product expected = defineProduct(p, a, b, c, bias, aux);
  Errors errors;
  Numbers actual = device.download(at.c, countC, p.result);
  errors.c = largest(actual, expected.c);
  if (p.aux && p.activation == Activation::Gelu)
    errors.aux = largest(device.download(at.aux, countC, p.result), expected.aux);
  if (p.sum != GemmSum::None)
    errors.sums = largest(device.download(at.sums, countSums, p.result), expected.sums);
  if (p.activation == Activation::Gelu) {
    GemmProblem linear = p;
    linear.activation = Activation::None;
    Numbers before = defineProduct(linear, a, b, c, bias, aux).c;
    for (double &x : before)
      x = geluErf(x);
    errors.erf = largest(actual, before);
  }
  return errors;
}

static GemmProblem makeProblem(DType dtype, DType result, const Epilogue &epilogue, int transposes, double beta) {
  GemmProblem p;
  p.dtype = dtype;
  p.result = result;
  p.m = 200;
  p.n = 136;
  p.k = 104;
  p.transposeA = transposes & 1;
  p.transposeB = transposes & 2;
  p.lda = p.transposeA ? p.m : p.k;
  p.ldb = p.transposeB ? p.k : p.n;
  p.ldc = p.n;
  p.alpha = 0.25;
  p.beta = beta;
  p.bias = epilogue.bias;
  p.activation = epilogue.activation;
  p.aux = epilogue.aux;
  p.sum = epilogue.sum;
  return p;
}

/// What of a combination the library has is as it is defined; a line says what it has not. cuBLASLt decides by type and
/// by transposes: the compiler's choice of epilogues (fuse-gemm-epilogues) rests on this table.
TEST(GpuEpilogues, EqualTheirDefinitionWhereTheyExist) {
  std::unique_ptr<TestDevice> device = TestDevice::open();
  if (!device)
    return;
  const DType types[][2] = {{DType::F32, DType::F32},
                            {DType::BF16, DType::BF16},
                            {DType::BF16, DType::F32},
                            {DType::F16, DType::F16},
                            {DType::F16, DType::F32}};
  for (const Epilogue &epilogue : epilogues)
    for (auto [dtype, result] : types) {
      Errors worst;
      std::string absent;
      for (int transposes = 0; transposes < 4; ++transposes)
        for (double beta : {0.0, 1.0}) {
          try {
            Errors errors = compare(*device, makeProblem(dtype, result, epilogue, transposes, beta));
            worst.c = std::max(worst.c, errors.c);
            worst.aux = std::max(worst.aux, errors.aux);
            worst.sums = std::max(worst.sums, errors.sums);
            worst.erf = std::max(worst.erf, errors.erf);
          } catch (const Error &error) {
            absent +=
                std::string(" ") + (transposes & 1 ? "T" : "N") + (transposes & 2 ? "T" : "N") + (beta != 0 ? "+" : "");
          }
          device->clear();
        }
      std::printf("%-18s %-4s to %-4s c %.1e aux %.1e sums %.1e, as erf %.1e; absent:%s\n", epilogue.name,
                  nameOf(dtype), nameOf(result), worst.c, worst.aux, worst.sums, worst.erf, absent.c_str());
      // Values of C and aux are below 16, sums below 256; the device's tanh is good to about 2^-11.
      double rounding = epsilonOf(result) / 2, tanh = epilogue.activation == Activation::None ? 0 : 0x1p-9;
      EXPECT_LE(worst.c, 16 * (rounding + tanh) + 1e-4);
      EXPECT_LE(worst.aux, 16 * rounding + 1e-4);
      EXPECT_LE(worst.sums, 256 * (rounding + tanh) + 1e-3);
    }
}
