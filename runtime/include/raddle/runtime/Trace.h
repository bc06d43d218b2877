// When each instruction ran, for looking at in Perfetto.
#pragma once

#include "raddle/runtime/Measurements.h"

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace raddle::runtime {

/// The instructions that one rank executed. Names and instructions must outlive the trace.
class Trace {
public:
  using Clock = std::chrono::steady_clock;

  struct Event {
    const char *name;
    const char *kind;
    uint32_t stream;
    Clock::time_point begin, end;
    const bundle::Instruction *instruction;

    double seconds() const { return std::chrono::duration<double>(end - begin).count(); }
  };

  explicit Trace(int rank) : rank(rank) {}
  void add(const Event &event) { events.push_back(event); }
  const std::vector<Event> &recorded() const { return events; }

  /// Adds what was recorded to `measurements`.
  void addTo(Measurements &measurements) const;

private:
  friend void writeTrace(const std::string &, const std::vector<const Trace *> &, Clock::time_point,
                         const bundle::Bundle &, const std::optional<MachineLimits> &);
  int rank;
  std::vector<Event> events;
};

/// Writes traces in Chrome's JSON format: a process a rank, a thread a stream, times in microseconds from `start`.
/// Instructions that do work have its bytes and floating-point operations, their rates, and the share of the time that
/// the limits allow; `otherData` has the limits. Throws Error when the file cannot be written; none is left then.
void writeTrace(const std::string &path, const std::vector<const Trace *> &traces, Trace::Clock::time_point start,
                const bundle::Bundle &bundle, const std::optional<MachineLimits> &limits);

} // namespace raddle::runtime
