#include "Reduction.h"

#include "raddle/runtime/Convert.h"
#include "raddle/runtime/Error.h"

#include <algorithm>
#include <cstring>

namespace raddle::runtime {

void checkReduction(DType dtype, bundle::Reduction reduction) {
  bool integer = dtype == DType::I64 || dtype == DType::I32;
  if (!isFloat(dtype) && (!integer || reduction == bundle::Reduction::Mean))
    throw Error(std::string("cannot reduce elements of ") + nameOf(dtype) + " by " +
                bundle::EnumNameReduction(reduction));
}

namespace {

template <typename T> void accumulate(const T *source, T *sum, size_t count, bundle::Reduction reduction) {
  if (reduction == bundle::Reduction::Max)
    for (size_t i = 0; i < count; ++i)
      // The second comparison keeps a NaN, as a sum does.
      sum[i] = source[i] > sum[i] || source[i] != source[i] ? source[i] : sum[i];
  else
    for (size_t i = 0; i < count; ++i)
      sum[i] += source[i];
}

constexpr size_t blockBytes = 4096;

// A block is complete in the accumulators before it is written, so that `dst` may be a source.
template <typename T>
void reduceTyped(const std::vector<const void *> &sources, size_t first, size_t count, T *dst,
                 bundle::Reduction reduction) {
  constexpr size_t block = blockBytes / sizeof(T);
  T sum[block];
  for (size_t at = 0; at < count; at += block) {
    size_t length = std::min(block, count - at);
    std::memcpy(sum, static_cast<const T *>(sources[0]) + first + at, length * sizeof(T));
    for (size_t r = 1; r < sources.size(); ++r)
      accumulate(static_cast<const T *>(sources[r]) + first + at, sum, length, reduction);
    if (reduction == bundle::Reduction::Mean)
      for (size_t i = 0; i < length; ++i)
        sum[i] /= static_cast<T>(sources.size());
    std::memcpy(dst + at, sum, length * sizeof(T));
  }
}

// 16-bit elements: widened block by block, rounded once.
void reduceNarrow(const std::vector<const void *> &sources, size_t first, size_t count, void *dst, DType dtype,
                  bundle::Reduction reduction) {
  constexpr size_t block = blockBytes / sizeof(float);
  float sum[block], source[block];
  size_t width = byteSize(dtype);
  for (size_t at = 0; at < count; at += block) {
    size_t length = std::min(block, count - at);
    for (size_t r = 0; r < sources.size(); ++r) {
      const char *part = static_cast<const char *>(sources[r]) + (first + at) * width;
      convertElements(part, dtype, r == 0 ? sum : source, DType::F32, length);
      if (r > 0)
        accumulate(source, sum, length, reduction);
    }
    if (reduction == bundle::Reduction::Mean)
      for (size_t i = 0; i < length; ++i)
        sum[i] /= static_cast<float>(sources.size());
    convertElements(sum, DType::F32, static_cast<char *>(dst) + at * width, dtype, length);
  }
}

} // namespace

void reduceElements(const std::vector<const void *> &sources, size_t first, size_t count, void *dst, DType dtype,
                    bundle::Reduction reduction) {
  switch (dtype) {
  case DType::F16:
  case DType::BF16:
    return reduceNarrow(sources, first, count, dst, dtype, reduction);
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
