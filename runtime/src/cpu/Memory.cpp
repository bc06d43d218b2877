#include "raddle/runtime/CpuOperations.h"

#include <cstring>

namespace raddle::runtime {

// Bytes below which waking a thread takes longer than the work itself.
static constexpr int64_t memoryGrain = 1 << 18;

void copyBytes(const void *src, void *dst, size_t bytes, ThreadPool &pool) {
  const char *from = static_cast<const char *>(src);
  char *to = static_cast<char *>(dst);
  // Parts of overlapping ranges would overwrite each other's source.
  if (from < to + bytes && to < from + bytes) {
    std::memmove(to, from, bytes);
    return;
  }
  pool.parallelFor(static_cast<int64_t>(bytes), memoryGrain,
                   [&](int64_t begin, int64_t end) { std::memcpy(to + begin, from + begin, end - begin); });
}

void zeroBytes(void *dst, size_t bytes, ThreadPool &pool) {
  pool.parallelFor(static_cast<int64_t>(bytes), memoryGrain,
                   [&](int64_t begin, int64_t end) { std::memset(static_cast<char *>(dst) + begin, 0, end - begin); });
}

template <typename T> static std::optional<BadIndex> findBad(const T *values, uint64_t count, const IndexRange &range) {
  for (uint64_t i = 0; i < count; ++i) {
    int64_t value = values[i];
    if ((value < range.lowest || value >= range.size) && value != range.ignored)
      return BadIndex{i, value};
  }
  return std::nullopt;
}

std::optional<BadIndex> findBadIndex(const void *src, DType dtype, uint64_t count, const IndexRange &range) {
  switch (dtype) {
  case DType::I64:
    return findBad(static_cast<const int64_t *>(src), count, range);
  case DType::I32:
    return findBad(static_cast<const int32_t *>(src), count, range);
  case DType::I16:
    return findBad(static_cast<const int16_t *>(src), count, range);
  case DType::I8:
    return findBad(static_cast<const int8_t *>(src), count, range);
  default:
    return findBad(static_cast<const uint8_t *>(src), count, range);
  }
}

} // namespace raddle::runtime
