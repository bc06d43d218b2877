#include "Call.h"

#include "raddle/runtime/Convert.h"
#include "raddle/runtime/Error.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/stat.h>

namespace raddle::run {

using namespace raddle::runtime;

Call::Call(Session &session, const std::string &name, const Options &options, const TokenFile *tokens, uint64_t seed)
    : session(session), entry(session.findEntry(name)), inputs(session.entries()[entry], options, tokens, seed) {
  for (std::vector<void *> &set : pointers)
    for (const ArrayInfo &output : info().outputs) {
      memory.emplace_back();
      if (!memory.back().allocate(output.bytes()))
        throw Error("cannot allocate " + std::to_string(output.bytes()) + " bytes for output '" + output.name + "'");
      set.push_back(memory.back().data());
    }
}

uint64_t Call::start(uint64_t step, std::optional<float> learningRate) {
  inputs.draw(step);
  return session.start(entry, inputs.variant(), inputs.arrays(), pointers[step % sets], learningRate);
}

std::vector<Metric> Call::metrics(uint64_t step) const {
  std::vector<Metric> result;
  for (size_t i = 0; i < info().outputs.size(); ++i) {
    const ArrayInfo &array = info().outputs[i];
    double value;
    if (array.shape.empty() && convertElements(output(step, i), array.dtype, &value, DType::F64, 1))
      result.push_back({array.name, value});
  }
  return result;
}

std::vector<Metric> evaluate(Session &session, Call &call, uint64_t steps) {
  std::vector<Metric> sums;
  for (uint64_t step = 1; step <= steps; ++step) {
    session.finish(call.start(step, std::nullopt));
    std::vector<Metric> metrics = call.metrics(step);
    if (sums.empty())
      sums = metrics;
    else
      for (size_t i = 0; i < sums.size(); ++i)
        sums[i].value += metrics[i].value;
  }
  for (Metric &metric : sums)
    metric.value /= static_cast<double>(steps);
  return sums;
}

void writeOutputs(const Call &call, uint64_t step, const std::string &folder) {
  if (::mkdir(folder.c_str(), 0777) != 0 && errno != EEXIST)
    throw Error("cannot create folder '" + folder + "': " + std::strerror(errno));
  for (size_t i = 0; i < call.info().outputs.size(); ++i) {
    const ArrayInfo &output = call.info().outputs[i];
    // The name comes from the bundle: it must not lead out of the folder.
    if (output.name.find('/') != std::string::npos || output.name == "." || output.name == "..")
      throw Error("output '" + output.name + "' has a name that cannot be a file's");
    writeNpy(folder + "/" + output.name + ".npy", output.dtype, output.shape, call.output(step, i), output.isComplex);
  }
}

// What was asked for beside `sum`, from one moment to a later one.
static void addBetween(DeviceCalls &sum, const DeviceCalls &before, const DeviceCalls &after) {
  for (const DevicePhase &phase : devicePhases)
    sum.*phase.seconds += after.*phase.seconds - before.*phase.seconds;
  sum.graphLaunches += after.graphLaunches - before.graphLaunches;
  sum.singleInstructions += after.singleInstructions - before.singleInstructions;
  sum.allocations += after.allocations - before.allocations;
  sum.synchronisations += after.synchronisations - before.synchronisations;
}

void StepReports::start(uint64_t step, std::optional<float> rate) {
  Step next{step, 0, rate, Clock::now(), {}};
  DeviceCalls before = session.deviceCalls();
  next.call = call.start(step, rate);
  addBetween(next.device, before, session.deviceCalls());
  finish();
  open = next;
  if (!session.isAsynchronous())
    finish();
}

void StepReports::finish() {
  if (!open)
    return;
  Step step = *open;
  open.reset();
  DeviceCalls before = session.deviceCalls();
  session.finish(step.call);
  addBetween(step.device, before, session.deviceCalls());
  // The GPU begins it when the one before has ended.
  Clock::time_point begin = std::max(step.begin, ended);
  ended = Clock::now();
  double seconds = std::chrono::duration<double>(ended - begin).count();
  reporter.step(step.number, call.metrics(step.number), step.rate, seconds, step.device);
}

} // namespace raddle::run
