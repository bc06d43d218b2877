// What a product does with its result before it is stored, and sums beside it.
#include "GemmBlock.h"

#include "raddle/runtime/Convert.h"

#include <cmath>

namespace raddle::runtime {

// Constants of GELU with tanh: Hendrycks and Gimpel, "Gaussian Error Linear Units", 2016, section 2.
static constexpr float inner = 0.7978845608028654f, cubic = 0.044715f;

static float gelu(float x) { return 0.5f * x * (1 + std::tanh(inner * (x + cubic * x * x * x))); }

static float geluGradient(float x) {
  float t = std::tanh(inner * (x + cubic * x * x * x));
  return 0.5f * (1 + t) + 0.5f * x * (1 - t * t) * inner * (1 + 3 * cubic * x * x);
}

void finishBlock(const GemmProblem &p, const GemmAddresses &at, float *values, int64_t leading, int64_t rows,
                 int64_t columns) {
  constexpr int64_t most = 256;
  float bias[most], aux[most];
  int64_t width = static_cast<int64_t>(byteSize(p.result));
  for (int64_t column = 0; column < columns; column += most) {
    int64_t count = std::min(most, columns - column);
    size_t length = static_cast<size_t>(count);
    if (p.bias)
      convertElements(at.bias + column * width, p.result, bias, DType::F32, length);
    for (int64_t row = 0; row < rows; ++row) {
      float *value = values + row * leading + column;
      char *kept = moved(at.aux, (row * p.n + column) * width);
      for (int64_t i = 0; p.bias && i < count; ++i)
        value[i] += bias[i];
      if (p.activation == bundle::Activation::Gelu) {
        if (p.aux)
          convertElements(value, DType::F32, kept, p.result, length);
        for (int64_t i = 0; i < count; ++i)
          value[i] = gelu(value[i]);
      } else if (p.activation == bundle::Activation::GeluGradient) {
        convertElements(kept, p.result, aux, DType::F32, length);
        for (int64_t i = 0; i < count; ++i)
          value[i] *= geluGradient(aux[i]);
      }
    }
  }
}

namespace {

// A matrix of `count` sums over `length` elements each, with steps in elements.
struct Summed {
  const char *from;
  DType dtype;
  int64_t count, length, step, along;
};

} // namespace

static Summed summedOf(const GemmProblem &p, const GemmOperands &operands) {
  if (p.sum == bundle::GemmSum::Result)
    return {static_cast<const char *>(operands.c), p.result, p.n, p.m, 1, p.ldc};
  if (p.sum == bundle::GemmSum::A)
    return {
        static_cast<const char *>(operands.a), p.dtype, p.m, p.k, p.transposeA ? 1 : p.lda, p.transposeA ? p.lda : 1};
  return {static_cast<const char *>(operands.b), p.dtype, p.n, p.k, p.transposeB ? p.ldb : 1, p.transposeB ? 1 : p.ldb};
}

void sumOperand(const GemmProblem &p, const GemmOperands &operands, ThreadPool &pool) {
  Summed summed = summedOf(p, operands);
  int64_t width = static_cast<int64_t>(byteSize(summed.dtype)), resultWidth = static_cast<int64_t>(byteSize(p.result));
  constexpr int64_t grain = 16;
  pool.parallelFor(summed.count, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      double sum = 0;
      for (int64_t k = 0; k < summed.length; ++k) {
        double value = 0;
        convertElements(summed.from + (i * summed.step + k * summed.along) * width, summed.dtype, &value, DType::F64,
                        1);
        sum += value;
      }
      convertElements(&sum, DType::F64, static_cast<char *>(operands.sums) + i * resultWidth, p.result, 1);
    }
  });
}

} // namespace raddle::runtime
