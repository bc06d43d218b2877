// Conversion between element types.
#pragma once

#include "raddle/runtime/DType.h"

namespace raddle::runtime {

/// Converts `count` elements. Floating-point types convert into each other with rounding to nearest even, integers and
/// bool only into the same type. False when the pair is not supported. Source and destination must not overlap.
bool convertElements(const void *src, DType from, void *dst, DType to, size_t count);

} // namespace raddle::runtime
