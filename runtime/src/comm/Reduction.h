// Reductions of what several ranks have, where one rank can read all of it.
#pragma once

#include "raddle/runtime/DType.h"

#include <cstddef>
#include <vector>

namespace raddle::runtime {

/// Reduces `count` elements of all sources, element `first` on, into `dst`, in the order of the sources. 16-bit
/// floating-point elements are reduced in f32 and rounded once. `dst` may be the same place as one source.
void reduceElements(const std::vector<const void *> &sources, size_t first, size_t count, void *dst, DType dtype,
                    bundle::Reduction reduction);

} // namespace raddle::runtime
