// What a session measured: how long instructions took, beside what the machine can do.
#pragma once

#include "raddle/runtime/GraphCensus.h"
#include "raddle/runtime/MachineLimits.h"

#include <optional>
#include <unordered_map>

namespace raddle::runtime {

struct Measurements {
  struct Timing {
    double seconds = 0; ///< of all executions that count
    uint64_t executions = 0;

    double mean() const { return executions ? seconds / static_cast<double>(executions) : 0; }
  };

  /// Of one rank while all of this machine's work; absent for a device that is not measured.
  std::optional<MachineLimits> limits;
  /// Of the bundle's instructions that were executed on ranks of this process. A rank's first execution of one, which
  /// touches memory for the first time, counts only where there is no other.
  std::unordered_map<const bundle::Instruction *, Timing> instructions;
  /// What a first rank's programs would be on a GPU without tracing, where they have no collectives.
  std::vector<GraphCensus> graphs;
};

} // namespace raddle::runtime
