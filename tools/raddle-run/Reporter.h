// What raddle-run prints: results on standard output, progress on standard error.
#pragma once

#include "Options.h"

#include "raddle/runtime/Session.h"

namespace raddle::run {

/// A scalar output of a step.
struct Metric {
  std::string name;
  double value;
};

/// One per program; with processes only that of rank 0 is active.
class Reporter {
public:
  Reporter(const Options &options, bool active);

  /// `device` is what the step asked of a GPU, where there is one.
  void step(uint64_t step, const std::vector<Metric> &metrics, std::optional<float> learningRate, double seconds,
            const runtime::DeviceCalls &device);
  void evaluation(uint64_t step, const std::vector<Metric> &metrics);
  void summary(const runtime::Session &session, const std::string &entry, double seconds);

private:
  const Options &options;
  bool active, bar;
  std::optional<double> firstLoss, lastLoss;

  void progress(uint64_t step) const;
  void eraseProgress() const;
  void printLine(const std::string &line) const;
};

} // namespace raddle::run
