// Sizes and names of the bundle's element types. Usable without exceptions.
#pragma once

#include "raddle/Bundle/bundle_generated.h"

#include <cstddef>
#include <cstdint>

namespace raddle::runtime {

using DType = bundle::DType;

inline bool isKnown(DType dtype) { return dtype >= bundle::DType::MIN && dtype <= bundle::DType::MAX; }

/// Bytes of one element; 0 for a value outside the enumeration.
inline size_t byteSize(DType dtype) {
  switch (dtype) {
  case DType::F64:
  case DType::I64:
    return sizeof(int64_t);
  case DType::F32:
  case DType::I32:
    return sizeof(int32_t);
  case DType::F16:
  case DType::BF16:
  case DType::I16:
    return sizeof(int16_t);
  case DType::I8:
  case DType::U8:
  case DType::Bool:
    return sizeof(int8_t);
  }
  return 0;
}

inline bool isFloat(DType dtype) {
  return dtype == DType::F32 || dtype == DType::F64 || dtype == DType::F16 || dtype == DType::BF16;
}

inline bool isInteger(DType dtype) {
  return dtype == DType::I64 || dtype == DType::I32 || dtype == DType::I16 || dtype == DType::I8 || dtype == DType::U8;
}

/// The name used in messages and by the Python package: "f32", "i64", "bool".
inline const char *nameOf(DType dtype) {
  switch (dtype) {
  case DType::F32:
    return "f32";
  case DType::F64:
    return "f64";
  case DType::F16:
    return "f16";
  case DType::BF16:
    return "bf16";
  case DType::I64:
    return "i64";
  case DType::I32:
    return "i32";
  case DType::I16:
    return "i16";
  case DType::I8:
    return "i8";
  case DType::U8:
    return "u8";
  case DType::Bool:
    return "bool";
  }
  return "unknown";
}

} // namespace raddle::runtime
