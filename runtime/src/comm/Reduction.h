// Reductions of the ranks' elements, the same for every communicator of CPUs.
#pragma once

#include "raddle/runtime/Communicator.h"

#include <vector>

namespace raddle::runtime {

/// Reduces elements [first, first + count) of all sources, in their order, into `dst`, so that a sum does not depend on
/// who is early. 16-bit floating-point elements are reduced in f32 and rounded once. `dst` may be the place that is
/// read of one source. The type must have passed `checkReduction`.
void reduceElements(const std::vector<const void *> &sources, size_t first, size_t count, void *dst, DType dtype,
                    bundle::Reduction reduction);

/// Of `count` elements, where rank `rank` of `ranks` begins.
inline size_t partBegin(size_t count, int rank, int ranks) { return count * rank / ranks; }

} // namespace raddle::runtime
