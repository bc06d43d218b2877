// Random numbers that depend on a counter only, so that they are the same for any number of ranks and threads.
#pragma once

#include <cstdint>

namespace raddle::runtime {

/// 64 well-mixed bits of a position in a stream; a stream is named by a seed and two counters.
uint64_t randomBits(uint64_t seed, uint64_t major, uint64_t minor);

/// A draw from [0, bound), bound > 0, with a bias below 2^-64 * bound.
uint64_t randomBelow(uint64_t bound, uint64_t seed, uint64_t major, uint64_t minor);

/// A draw from the standard normal distribution (Box and Muller's transform of two draws).
double randomNormal(uint64_t seed, uint64_t major, uint64_t minor);

} // namespace raddle::runtime
