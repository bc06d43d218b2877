#include "DeviceArrays.h"

#include "raddle/runtime/Convert.h"
#include "raddle/runtime/Error.h"

#include <cmath>
#include <random>

using namespace raddle::runtime;
using namespace raddle::runtime::cuda;

std::unique_ptr<TestDevice> TestDevice::open() {
  try {
    driver();
  } catch (const Error &error) {
    [&] { GTEST_SKIP() << error.what(); }();
    return nullptr;
  }
  cuda::Device ordinal;
  Context context;
  driver().check(driver().deviceGet(&ordinal, 0), "cannot open GPU 0");
  driver().check(driver().primaryCtxRetain(&context, ordinal), "cannot open GPU 0");
  driver().check(driver().ctxSetCurrent(context), "cannot use GPU 0");
  return std::unique_ptr<TestDevice>(new TestDevice(ordinal));
}

TestDevice::TestDevice(int ordinal) : ordinal(ordinal) {
  streams.emplace(driver());
  blas.emplace(streams->compute(), "GPU", "");
}

TestDevice::~TestDevice() {
  clear();
  blas.reset();
  streams.reset();
  driver().primaryCtxRelease(ordinal);
}

void TestDevice::clear() {
  for (Address array : arrays)
    driver().memFree(array);
  arrays.clear();
}

void *TestDevice::allocate(uint64_t bytes) {
  Address address;
  driver().check(driver().memAlloc(&address, bytes), "cannot allocate");
  arrays.push_back(address);
  return reinterpret_cast<void *>(address);
}

void TestDevice::copy(void *dst, const void *src, uint64_t bytes) {
  driver().check(
      driver().memcpyAsync(reinterpret_cast<Address>(dst), reinterpret_cast<Address>(src), bytes, streams->compute()),
      "cannot copy");
  streams->synchronize();
}

void *TestDevice::upload(const Numbers &numbers, DType dtype) {
  std::vector<uint8_t> bytes(numbers.size() * byteSize(dtype));
  convertElements(numbers.data(), DType::F64, bytes.data(), dtype, numbers.size());
  void *array = allocate(bytes.size());
  copy(array, bytes.data(), bytes.size());
  return array;
}

Numbers TestDevice::download(const void *array, size_t count, DType dtype) {
  std::vector<uint8_t> bytes(count * byteSize(dtype));
  copy(bytes.data(), array, bytes.size());
  Numbers numbers(count);
  convertElements(bytes.data(), dtype, numbers.data(), DType::F64, count);
  return numbers;
}

void *TestDevice::noise(uint64_t count, DType dtype) {
  constexpr uint64_t most = 1 << 20;
  Numbers numbers = randomNumbers(std::min(count, most), dtype, 7);
  void *source = upload(numbers, dtype);
  char *array = static_cast<char *>(allocate(count * byteSize(dtype)));
  for (uint64_t at = 0; at < count; at += most)
    copy(array + at * byteSize(dtype), source, std::min(most, count - at) * byteSize(dtype));
  return array;
}

Numbers randomNumbers(size_t count, DType dtype, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> uniform(-1, 1);
  Numbers numbers(count);
  for (double &number : numbers)
    number = uniform(random);
  std::vector<uint8_t> bytes(count * byteSize(dtype));
  convertElements(numbers.data(), DType::F64, bytes.data(), dtype, count);
  convertElements(bytes.data(), dtype, numbers.data(), DType::F64, count);
  return numbers;
}

double geluTanh(double x) { return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x))); }

double geluTanhGradient(double x) {
  double t = std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x));
  return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * std::sqrt(2 / M_PI) * (1 + 3 * 0.044715 * x * x);
}

double geluErf(double x) { return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0))); }

double epsilonOf(DType dtype) {
  return dtype == DType::F64 ? 0x1p-52 : dtype == DType::F32 ? 0x1p-23 : dtype == DType::BF16 ? 0x1p-7 : 0x1p-10;
}

static double elementOf(const GemmProblem &p, const Numbers &a, bool transpose, int64_t offset, int64_t leading,
                        int64_t row, int64_t column) {
  return a[static_cast<size_t>(offset + (transpose ? column * leading + row : row * leading + column))];
}

Product defineProduct(const GemmProblem &p, const Numbers &a, const Numbers &b, const Numbers &c, const Numbers &bias,
                      const Numbers &aux) {
  using raddle::bundle::Activation, raddle::bundle::GemmSum;
  Product result{c, aux, {}, Numbers(c.size())};
  int64_t batches = 1;
  for (int64_t extent : p.batch)
    batches *= extent;
  for (int64_t batch = 0; batch < batches; ++batch) {
    int64_t atA = 0, atB = 0, atC = 0, left = batch;
    for (size_t d = p.batch.size(); d-- > 0; left /= p.batch[d]) {
      atA += left % p.batch[d] * p.strideA[d];
      atB += left % p.batch[d] * p.strideB[d];
      atC += left % p.batch[d] * p.strideC[d];
    }
    for (int64_t i = 0; i < p.m; ++i)
      for (int64_t j = 0; j < p.n; ++j) {
        size_t at = static_cast<size_t>(atC + i * p.ldc + j), dense = static_cast<size_t>(i * p.n + j);
        double sum = p.beta * c[at], magnitude = std::abs(sum);
        for (int64_t k = 0; k < p.k; ++k) {
          double product = p.alpha * elementOf(p, a, p.transposeA, atA, p.lda, i, k) *
                           elementOf(p, b, p.transposeB, atB, p.ldb, k, j);
          sum += product;
          magnitude += std::abs(product);
        }
        if (p.bias)
          sum += bias[static_cast<size_t>(j)], magnitude += std::abs(bias[static_cast<size_t>(j)]);
        if (p.activation == Activation::Gelu && p.aux)
          result.aux[dense] = sum;
        if (p.activation == Activation::Gelu)
          sum = geluTanh(sum);
        else if (p.activation == Activation::GeluGradient)
          sum *= geluTanhGradient(aux[dense]);
        result.c[at] = sum;
        result.magnitude[at] = magnitude;
      }
  }
  auto add = [&](int64_t count, int64_t length, auto &&element) {
    result.sums.assign(static_cast<size_t>(count), 0);
    for (int64_t i = 0; i < count; ++i)
      for (int64_t k = 0; k < length; ++k)
        result.sums[static_cast<size_t>(i)] += element(i, k);
  };
  if (p.sum == GemmSum::Result)
    add(p.n, p.m, [&](int64_t j, int64_t i) { return result.c[static_cast<size_t>(i * p.ldc + j)]; });
  if (p.sum == GemmSum::A)
    add(p.m, p.k, [&](int64_t i, int64_t k) { return elementOf(p, a, p.transposeA, 0, p.lda, i, k); });
  if (p.sum == GemmSum::B)
    add(p.n, p.k, [&](int64_t j, int64_t k) { return elementOf(p, b, p.transposeB, 0, p.ldb, k, j); });
  return result;
}
