// What a rank asks of its device, beside the work itself.
#pragma once

#include <cstdint>

namespace raddle::runtime {

/// Sums over all calls of `run`, and what was before the first; all zero where a rank computes on the host.
struct DeviceCalls {
  /// That the rank's thread spent on calls without waiting for the device.
  double seconds = 0;
  /// A call is one launch of a graph from the third one on.
  uint64_t graphLaunches = 0;
  /// Instructions that were asked for one by one, also those that became a graph.
  uint64_t singleInstructions = 0;
  /// Of memory of the device, and of the host where the device copies from and to.
  uint64_t allocations = 0;
  /// Waits until the device has nothing to do. The wait for the results of a call is none of them.
  uint64_t synchronisations = 0;
};

} // namespace raddle::runtime
