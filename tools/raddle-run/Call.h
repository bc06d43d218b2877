// Calls of an entry point, and what is reported of them.
#pragma once

#include "Inputs.h"
#include "Options.h"
#include "Reporter.h"

#include "raddle/runtime/AlignedBuffer.h"

#include <chrono>

namespace raddle::run {

/// An entry point with memory for what goes in and comes out: of two calls, as one may be under way while the results
/// of the one before are read.
class Call {
public:
  Call(runtime::Session &session, const std::string &name, const Options &options, const runtime::TokenFile *tokens,
       uint64_t seed);

  const runtime::VariantInfo &info() const { return session.entries()[entry].variants[inputs.variant()]; }
  const void *output(uint64_t step, size_t index) const { return pointers[step % sets][index]; }

  /// Returns the number by which the session knows the call.
  uint64_t start(uint64_t step, std::optional<float> learningRate);

  /// The floating-point outputs that are single numbers.
  std::vector<Metric> metrics(uint64_t step) const;

private:
  static constexpr uint64_t sets = 2;

  runtime::Session &session;
  size_t entry;
  Inputs inputs;
  std::vector<runtime::AlignedBuffer> memory;
  std::vector<void *> pointers[sets];
};

/// The mean of each metric over batches of the validation file.
std::vector<Metric> evaluate(runtime::Session &session, Call &call, uint64_t steps);

/// Writes what a step left, a .npy an output, into a folder, which is made if it is missing.
void writeOutputs(const Call &call, uint64_t step, const std::string &folder);

/// Starts steps and reports each when it has ended: on a GPU while the next one is under way.
class StepReports {
public:
  StepReports(runtime::Session &session, Call &call, Reporter &reporter)
      : session(session), call(call), reporter(reporter) {}

  void start(uint64_t step, std::optional<float> rate);

  /// Reports the step that is under way.
  void finish();

private:
  using Clock = std::chrono::steady_clock;
  struct Step {
    uint64_t number, call;
    std::optional<float> rate;
    Clock::time_point begin;
    runtime::DeviceCalls device;
  };
  runtime::Session &session;
  Call &call;
  Reporter &reporter;
  std::optional<Step> open;
  Clock::time_point ended;
};

} // namespace raddle::run
