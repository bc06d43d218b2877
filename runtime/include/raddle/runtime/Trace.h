// When each instruction ran, for looking at in Perfetto.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace raddle::runtime {

/// The instructions that one rank executed. Names must outlive the trace.
class Trace {
public:
  using Clock = std::chrono::steady_clock;

  struct Event {
    const char *name;
    const char *kind;
    uint32_t stream;
    Clock::time_point begin, end;
  };

  explicit Trace(int rank) : rank(rank) {}
  void add(const Event &event) { events.push_back(event); }

private:
  friend void writeTrace(const std::string &, const std::vector<const Trace *> &, Clock::time_point);
  int rank;
  std::vector<Event> events;
};

/// Writes traces in Chrome's JSON format: a process a rank, a thread a stream, times in microseconds from `start`.
/// Throws Error when the file cannot be written; none is left then.
void writeTrace(const std::string &path, const std::vector<const Trace *> &traces, Trace::Clock::time_point start);

} // namespace raddle::runtime
