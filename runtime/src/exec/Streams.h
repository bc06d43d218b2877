// Streams of one rank: a thread for communication beside the one that computes.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace raddle::runtime {

/// Points that one stream records and another waits for, within one run of a program.
class Events {
public:
  /// Forgets everything; `count` events can be recorded from here on. No thread may use them meanwhile.
  void reset(uint32_t count);

  void record(uint32_t event);

  /// Returns when the event is recorded. Throws Aborted when the run has been cancelled.
  void wait(uint32_t event);

  /// Makes all present and later waits of this run fail.
  void cancel();

private:
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<bool> recorded;
  bool cancelled = false;
};

/// A thread that runs one function at a time.
class StreamThread {
public:
  StreamThread();
  ~StreamThread();

  /// Starts `body`, which must not throw and must outlive the matching `wait`.
  void start(const std::function<void()> &body);

  /// Returns when the body has ended.
  void wait();

private:
  std::mutex mutex;
  std::condition_variable changed;
  const std::function<void()> *body = nullptr;
  bool stopping = false;
  std::thread thread;

  void loop();
};

} // namespace raddle::runtime
