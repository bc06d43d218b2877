#include "raddle/runtime/Convert.h"

#include <cstring>

namespace raddle::runtime {

namespace {

// 16-bit floating-point numbers as they are stored.
struct Half {
  uint16_t bits;
};
struct Brain {
  uint16_t bits;
};

float bitsToFloat(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

uint32_t floatToBits(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

float widen(float value) { return value; }
double widen(double value) { return value; }
float widen(Brain value) { return bitsToFloat(static_cast<uint32_t>(value.bits) << 16); }
float widen(Half value) { return static_cast<float>(__builtin_bit_cast(_Float16, value.bits)); }

template <typename To> struct Narrow {
  static To from(double value) { return static_cast<To>(value); }
};
template <> struct Narrow<Half> {
  static Half from(double value) { return {__builtin_bit_cast(uint16_t, static_cast<_Float16>(value))}; }
};
template <> struct Narrow<Brain> {
  static Brain from(double wide) {
    uint32_t bits = floatToBits(static_cast<float>(wide));
    if (wide != wide)
      return {static_cast<uint16_t>(bits >> 16 | 0x40)};
    // Half of the last kept place, and one less where that place is even.
    return {static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16)};
  }
};

template <typename From, typename To> void convertTyped(const From *src, To *dst, size_t count) {
  for (size_t i = 0; i < count; ++i)
    dst[i] = Narrow<To>::from(widen(src[i]));
}

template <typename From> bool convertFrom(const From *src, void *dst, DType to, size_t count) {
  switch (to) {
  case DType::F32:
    return convertTyped(src, static_cast<float *>(dst), count), true;
  case DType::F64:
    return convertTyped(src, static_cast<double *>(dst), count), true;
  case DType::F16:
    return convertTyped(src, static_cast<Half *>(dst), count), true;
  case DType::BF16:
    return convertTyped(src, static_cast<Brain *>(dst), count), true;
  default:
    return false;
  }
}

} // namespace

bool convertElements(const void *src, DType from, void *dst, DType to, size_t count) {
  if (from == to) {
    std::memcpy(dst, src, count * byteSize(from));
    return true;
  }
  switch (from) {
  case DType::F32:
    return convertFrom(static_cast<const float *>(src), dst, to, count);
  case DType::F64:
    return convertFrom(static_cast<const double *>(src), dst, to, count);
  case DType::F16:
    return convertFrom(static_cast<const Half *>(src), dst, to, count);
  case DType::BF16:
    return convertFrom(static_cast<const Brain *>(src), dst, to, count);
  default:
    return false;
  }
}

} // namespace raddle::runtime
