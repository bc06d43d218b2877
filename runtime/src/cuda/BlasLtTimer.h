// How long work on a GPU takes.
#pragma once

#include "Driver.h"

#include <functional>

namespace raddle::runtime::cuda {

/// Seconds of what `work` asks for on the stream: the shortest of some measurements, each of a graph that has it many
/// times, so that calls of the host do not count. Done once before. Throws Error.
double secondsOf(Stream stream, const std::function<void()> &work);

} // namespace raddle::runtime::cuda
