// Integer arithmetic of the planner.
#ifndef RADDLE_PLAN_ARITHMETIC_H
#define RADDLE_PLAN_ARITHMETIC_H

#include "raddle/Plan/BucketPlanner.h"

#include <numeric>

namespace raddle::plan {

inline int64_t divideUp(int64_t value, int64_t divisor) { return value / divisor + (value % divisor != 0); }
inline int64_t alignUp(int64_t value, int64_t alignment) { return divideUp(value, alignment) * alignment; }

/// Bytes of so many elements; no product with the bits overflows on the way.
inline int64_t bytesOf(int64_t elements, int bits) { return elements / 8 * bits + elements % 8 * bits / 8; }

/// The least common multiple, or kMaxElements where it would be more: no shard is a multiple of that.
inline int64_t boundedLcm(int64_t a, int64_t b) {
  int64_t result;
  if (__builtin_mul_overflow(a / std::gcd(a, b), b, &result) || result > kMaxElements)
    return kMaxElements;
  return result;
}

} // namespace raddle::plan

#endif // RADDLE_PLAN_ARITHMETIC_H
