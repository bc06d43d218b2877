#include "Schedule.h"

#include <cmath>

namespace raddle::run {

float learningRateAt(const Options &options, float peak, uint64_t step) {
  if (step <= options.warmup)
    return peak * static_cast<float>(step) / static_cast<float>(options.warmup);
  if (!options.cosine)
    return peak;
  // One more than the steps that are left, so that the last of them still moves the parameters.
  uint64_t length = options.steps - options.warmup + 1;
  double done = static_cast<double>(step - options.warmup) / static_cast<double>(length);
  return static_cast<float>(peak * (1 + std::cos(M_PI * done)) / 2);
}

} // namespace raddle::run
