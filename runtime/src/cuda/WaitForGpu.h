// Waiting for a GPU whose collectives may never end.
#pragma once

#include "Gpu.h"

#include <chrono>
#include <functional>
#include <vector>

namespace raddle::runtime {

/// Returns when `done`, which asks the GPU, says so. Throws when the GPU fails, when a communicator reports a failure
/// or an abort, and after `patience`; what was under way is given up then. `describe` says of the number that was
/// marked last what the GPU was at, for the message.
void waitForGpu(Gpu &gpu, const std::function<bool()> &done, const std::vector<Communicator *> &communicators,
                std::chrono::seconds patience, const std::function<std::string(uint32_t)> &describe);

} // namespace raddle::runtime
