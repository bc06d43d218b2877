// Waiting for a GPU whose collectives may never end.
#pragma once

#include "Gpu.h"

#include <chrono>
#include <functional>
#include <vector>

namespace raddle::runtime {

/// Returns when the GPU has done everything. Throws when it fails, when a communicator reports a failure or an abort,
/// and after `patience`; what was under way is given up then. `describe` says of the number that was marked last what
/// the GPU was at, for the message.
void waitForGpu(Gpu &gpu, const std::vector<Communicator *> &communicators, std::chrono::seconds patience,
                const std::function<std::string(uint32_t)> &describe);

} // namespace raddle::runtime
