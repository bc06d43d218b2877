#include "InstructionTimes.h"

namespace raddle::runtime {

InstructionTimes::InstructionTimes(Gpu &gpu, size_t instructions) : gpu(gpu) {
  gpu.makeStamps(endOf(instructions));
  steps.reserve(instructions);
}

void InstructionTimes::beginRun() {
  steps.clear();
  start = Trace::Clock::now();
  gpu.stamp(first, computeStream);
}

void InstructionTimes::beginInstruction(const Step &step) { gpu.stamp(beginOf(steps.size()), step.stream); }

void InstructionTimes::endInstruction(const Step &step) {
  gpu.stamp(endOf(steps.size()), step.stream);
  steps.push_back(&step);
}

void InstructionTimes::addTo(std::vector<Trace> &traces) const {
  auto timeOf = [&](size_t stamp) {
    std::chrono::duration<double> since(gpu.secondsBetween(first, stamp));
    return start + std::chrono::duration_cast<Trace::Clock::duration>(since);
  };
  for (size_t i = 0; i < steps.size(); ++i) {
    const Step &step = *steps[i];
    const char *kind = kindOf(step);
    traces[step.stream].add(
        {*step.name ? step.name : kind, kind, step.stream, timeOf(beginOf(i)), timeOf(endOf(i)), step.source});
  }
}

} // namespace raddle::runtime
