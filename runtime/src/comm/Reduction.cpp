#include "Reduction.h"

#include "raddle/runtime/Error.h"

#include <algorithm>
#include <cstring>

namespace raddle::runtime {

void checkReduction(DType dtype, bundle::Reduction reduction) {
  bool integer = dtype == DType::I64 || dtype == DType::I32;
  bool floating = dtype == DType::F32 || dtype == DType::F64;
  if (!floating && (!integer || reduction == bundle::Reduction::Mean))
    throw Error(std::string("cannot reduce elements of ") + nameOf(dtype) + " by " +
                bundle::EnumNameReduction(reduction));
}

// A block is complete in the accumulators before it is written.
template <typename T>
static void reduceTyped(const std::vector<const void *> &sources, size_t first, size_t count, T *dst,
                        bundle::Reduction reduction) {
  constexpr size_t blockBytes = 4096;
  constexpr size_t block = blockBytes / sizeof(T);
  T sum[block];
  for (size_t at = 0; at < count; at += block) {
    size_t length = std::min(block, count - at);
    std::memcpy(sum, static_cast<const T *>(sources[0]) + first + at, length * sizeof(T));
    for (size_t r = 1; r < sources.size(); ++r) {
      const T *source = static_cast<const T *>(sources[r]) + first + at;
      if (reduction == bundle::Reduction::Max)
        for (size_t i = 0; i < length; ++i)
          // The second comparison keeps a NaN, as a sum does.
          sum[i] = source[i] > sum[i] || source[i] != source[i] ? source[i] : sum[i];
      else
        for (size_t i = 0; i < length; ++i)
          sum[i] += source[i];
    }
    if (reduction == bundle::Reduction::Mean)
      for (size_t i = 0; i < length; ++i)
        sum[i] /= static_cast<T>(sources.size());
    std::memcpy(dst + at, sum, length * sizeof(T));
  }
}

void reduceElements(const std::vector<const void *> &sources, size_t first, size_t count, void *dst, DType dtype,
                    bundle::Reduction reduction) {
  switch (dtype) {
  case DType::F32:
    return reduceTyped(sources, first, count, static_cast<float *>(dst), reduction);
  case DType::F64:
    return reduceTyped(sources, first, count, static_cast<double *>(dst), reduction);
  case DType::I64:
    return reduceTyped(sources, first, count, static_cast<int64_t *>(dst), reduction);
  default:
    return reduceTyped(sources, first, count, static_cast<int32_t *>(dst), reduction);
  }
}

} // namespace raddle::runtime
