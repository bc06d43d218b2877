#include "SoftmaxRows.h"

#include <cstring>
#include <limits>

// One version a level of the architecture; the loader picks one.
#if defined(__x86_64__) && defined(__linux__)
#define RADDLE_VECTORISED __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define RADDLE_VECTORISED
#endif

namespace raddle::runtime {

#define RADDLE_INLINE __attribute__((always_inline)) static inline

template <typename To, typename From> RADDLE_INLINE To bitsAs(From from) {
  To to;
  std::memcpy(&to, &from, sizeof to);
  return to;
}

// exp(x) = 2^n exp(r) with n the whole number next to x / ln 2 and |r| at most ln 2 / 2; the polynomial is the minimax
// one of Cephes' expf. No branches: loops over it become vector code.
RADDLE_INLINE float exponential(float x) {
  constexpr float roundingShift = 12582912.0f; // 1.5 * 2^23: adding it leaves a whole number in the lowest bits
  constexpr float log2e = 1.44269504088896341f, ln2High = 0.693359375f, ln2Low = -2.12194440e-4f;
  constexpr float lowest = -87.33654f; // ln of the smallest normal number
  constexpr int mantissaBits = 23;
  float shifted = x * log2e + roundingShift;
  float whole = shifted - roundingShift;
  float r = x - whole * ln2High - whole * ln2Low;
  float p = r * 1.9875691500e-4f + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  uint32_t power = (bitsAs<uint32_t>(shifted) << mantissaBits) + bitsAs<uint32_t>(1.0f);
  float result = p * bitsAs<float>(power);
  return x < lowest ? 0.0f : result;
}

// Partial results of `rowMultiple` neighbours each, so that the order of additions is the same on every processor.
typedef float Lanes[rowMultiple];

RADDLE_VECTORISED float largestOfRow(const float *row, int64_t count) {
  Lanes largest;
  for (float &lane : largest)
    lane = -std::numeric_limits<float>::infinity();
  for (int64_t i = 0; i < count; i += rowMultiple)
    for (int64_t lane = 0; lane < rowMultiple; ++lane)
      largest[lane] = row[i + lane] > largest[lane] ? row[i + lane] : largest[lane];
  float result = largest[0];
  for (float lane : largest)
    result = lane > result ? lane : result;
  return result;
}

RADDLE_VECTORISED float exponentiateRow(float *row, int64_t count, float base) {
  Lanes sum = {};
  for (int64_t i = 0; i < count; i += rowMultiple)
    for (int64_t lane = 0; lane < rowMultiple; ++lane) {
      float value = exponential(row[i + lane] - base);
      row[i + lane] = value;
      sum[lane] += value;
    }
  float result = 0.0f;
  for (float lane : sum)
    result += lane;
  return result;
}

RADDLE_VECTORISED void differentiateRow(const float *probability, float *gradient, int64_t count, float delta) {
  for (int64_t i = 0; i < count; ++i)
    gradient[i] = probability[i] * (gradient[i] - delta);
}

RADDLE_VECTORISED void scaleRow(float *row, int64_t count, float factor) {
  for (int64_t i = 0; i < count; ++i)
    row[i] *= factor;
}

RADDLE_VECTORISED float dotRows(const float *a, const float *b, int64_t count) {
  Lanes sum = {};
  int64_t whole = count / rowMultiple * rowMultiple;
  for (int64_t i = 0; i < whole; i += rowMultiple)
    for (int64_t lane = 0; lane < rowMultiple; ++lane)
      sum[lane] += a[i + lane] * b[i + lane];
  float result = 0.0f;
  for (float lane : sum)
    result += lane;
  for (int64_t i = whole; i < count; ++i)
    result += a[i] * b[i];
  return result;
}

} // namespace raddle::runtime
