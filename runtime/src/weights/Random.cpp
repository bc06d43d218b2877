#include "raddle/runtime/Random.h"

#include <cmath>

namespace raddle::runtime {

// The finaliser of SplitMix64 (Steele, Lea and Flood 2014, with Stafford's constants): a bijection that mixes all bits.
static uint64_t mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

uint64_t randomBits(uint64_t seed, uint64_t major, uint64_t minor) { return mix(mix(mix(seed) ^ major) ^ minor); }

uint64_t randomBelow(uint64_t bound, uint64_t seed, uint64_t major, uint64_t minor) {
  return static_cast<uint64_t>((static_cast<unsigned __int128>(randomBits(seed, major, minor)) * bound) >> 64);
}

double randomNormal(uint64_t seed, uint64_t major, uint64_t minor) {
  // Two draws in one step of the counter; 53 bits fill a double's mantissa, and the first must not be zero.
  constexpr double unit = 0x1p-53;
  uint64_t bits = randomBits(seed, major, minor);
  double first = (static_cast<double>(bits >> 11) + 1) * unit;
  double second = static_cast<double>(mix(bits) >> 11) * unit;
  return std::sqrt(-2 * std::log(first)) * std::cos(2 * M_PI * second);
}

} // namespace raddle::runtime
