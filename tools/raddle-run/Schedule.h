// The learning rate of each step.
#pragma once

#include "Options.h"

namespace raddle::run {

/// The rate of step `step`, counted from 1: rising linearly over the warm-up, then `peak` or falling by half a
/// cosine, which would reach zero one step after the last.
float learningRateAt(const Options &options, float peak, uint64_t step);

} // namespace raddle::run
