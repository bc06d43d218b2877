// Arrays of a GPU for tests of single operations, and products on them with their definition in double precision.
#pragma once

#include "cuda/BlasLt.h"
#include "cuda/DeviceStreams.h"

#include "raddle/runtime/DType.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

using Numbers = std::vector<double>;

/// The first GPU of this process, and cuBLASLt on it.
class TestDevice {
public:
  /// Skips the running test and gives null where there is no GPU.
  static std::unique_ptr<TestDevice> open();
  ~TestDevice();

  /// An array of the device with these numbers, stored as `dtype`.
  void *upload(const Numbers &numbers, raddle::runtime::DType dtype);
  Numbers download(const void *array, size_t count, raddle::runtime::DType dtype);

  /// An array of many numbers near one or two.
  void *noise(uint64_t count, raddle::runtime::DType dtype);

  /// Frees all arrays.
  void clear();

  std::optional<raddle::runtime::cuda::BlasLt> blas;

private:
  explicit TestDevice(int ordinal);

  const int ordinal;
  std::optional<raddle::runtime::cuda::DeviceStreams> streams;
  std::vector<raddle::runtime::cuda::Address> arrays;

  void copy(void *dst, const void *src, uint64_t bytes);
  void *allocate(uint64_t bytes);
};

/// Numbers between -1 and 1 that `dtype` holds.
Numbers randomNumbers(size_t count, raddle::runtime::DType dtype, unsigned seed);

/// What a product computes.
struct Product {
  Numbers c, aux, sums;
  Numbers magnitude; ///< of C: sums of absolute values, of which errors are a part
};

/// The definition in double precision, of arrays as they are before; `gelu` is the function of the activation.
Product defineProduct(const raddle::runtime::GemmProblem &problem, const Numbers &a, const Numbers &b, const Numbers &c,
                      const Numbers &bias, const Numbers &aux);

/// GELU with tanh, and its derivative; GELU with erf.
double geluTanh(double x);
double geluTanhGradient(double x);
double geluErf(double x);

/// The distance of a number of that type from the next at one.
double epsilonOf(raddle::runtime::DType dtype);
