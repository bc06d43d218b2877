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

  /// `launchSeconds` are those of a GPU that the host did not wait for; 0 where there is none.
  void step(uint64_t step, const std::vector<Metric> &metrics, std::optional<float> learningRate, double seconds,
            double launchSeconds);
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
