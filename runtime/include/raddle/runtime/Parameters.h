// Where the elements of a parameter are.
#pragma once

#include "raddle/runtime/Work.h"

#include <cstdint>

namespace raddle::runtime {

/// The part of a parameter that one rank holds: elements [first, first + count) of the parameter, row-major, at byte
/// `offset` of state `state`. `count` is 0 when it holds none.
struct ParameterPart {
  uint64_t first = 0, count = 0;
  uint32_t state = 0;
  uint64_t offset = 0;
};

ParameterPart partOf(const bundle::Bundle &bundle, const bundle::Parameter &parameter, uint32_t rank);

} // namespace raddle::runtime
