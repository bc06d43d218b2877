// When the device did each instruction.
#pragma once

#include "Gpu.h"

#include "../exec/Program.h"

#include "raddle/runtime/Trace.h"

#include <vector>

namespace raddle::runtime {

/// The instructions of one run of a program, between two stamps each on their streams. The device's clock is set by the
/// host's where a run begins, at which the device must have nothing to do.
class InstructionTimes {
public:
  /// Of runs with up to `instructions` of them.
  InstructionTimes(Gpu &gpu, size_t instructions);

  void beginRun();
  /// Around the calls for an instruction.
  void beginInstruction(const Step &step);
  void endInstruction(const Step &step);
  /// Adds the run's instructions to the traces of their streams. The device must have done them.
  void addTo(std::vector<Trace> &traces) const;

private:
  Gpu &gpu;
  Trace::Clock::time_point start;
  std::vector<const Step *> steps;

  // Of the run's begin, and of the i-th instruction's begin and end.
  static constexpr size_t first = 0;
  static size_t beginOf(size_t i) { return 1 + 2 * i; }
  static size_t endOf(size_t i) { return 2 + 2 * i; }
};

} // namespace raddle::runtime
