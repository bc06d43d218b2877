// What a rank asks of its device, beside the work itself.
#pragma once

#include <cstdint>

namespace raddle::runtime {

/// Sums over all calls of `run`, and what was before the first; all zero where a rank computes on the host.
struct DeviceCalls {
  /// That the rank's thread spent on calls without waiting for the device: to bring inputs to memory that the device
  /// copies and to ask for the copy; to ask for the program; to ask for the copy of its results.
  double stageSeconds = 0, submitSeconds = 0, collectSeconds = 0;
  /// Beside these: to look at the indices that a caller hands over, to wait for the end of calls, and to hand over
  /// their results.
  double checkSeconds = 0, waitSeconds = 0, deliverSeconds = 0;
  /// A call is one launch of a graph from the third one on.
  uint64_t graphLaunches = 0;
  /// Instructions that were asked for one by one, also those that became a graph.
  uint64_t singleInstructions = 0;
  /// Of memory of the device, and of the host where the device copies from and to.
  uint64_t allocations = 0;
  /// Waits until the device has nothing to do. The wait for the results of a call is none of them.
  uint64_t synchronisations = 0;

  /// On calls without waiting for the device.
  double seconds() const { return stageSeconds + submitSeconds + collectSeconds; }
};

/// A name for JSON, and the seconds.
struct DevicePhase {
  const char *key;
  double DeviceCalls::*seconds;
};

/// Where the host's time of a call goes, in its order.
inline constexpr DevicePhase devicePhases[] = {
    {"check_seconds", &DeviceCalls::checkSeconds},   {"stage_seconds", &DeviceCalls::stageSeconds},
    {"submit_seconds", &DeviceCalls::submitSeconds}, {"collect_seconds", &DeviceCalls::collectSeconds},
    {"wait_seconds", &DeviceCalls::waitSeconds},     {"deliver_seconds", &DeviceCalls::deliverSeconds},
};

} // namespace raddle::runtime
