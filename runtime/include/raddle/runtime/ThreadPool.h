// Threads of one rank that share the work of one kernel at a time.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace raddle::runtime {

/// A pool of `threads` threads, the caller's included. Work is cut into one contiguous part a thread, so the same call
/// has the same parts every time. Starting work allocates nothing. Only one thread at a time may call parallelFor.
class ThreadPool {
public:
  /// `threads` is at least 1.
  explicit ThreadPool(unsigned threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool &) = delete;
  ThreadPool &operator=(const ThreadPool &) = delete;

  unsigned size() const { return static_cast<unsigned>(helpers.size()) + 1; }

  /// Calls body(begin, end) for parts that cover [0, range), at most `size()` of them, whose bounds are multiples of
  /// `grain` except for the last. Returns when all are done. The body must not throw.
  template <typename Body> void parallelFor(int64_t range, int64_t grain, Body &&body) {
    run(
        range, grain, [](void *context, int64_t begin, int64_t end) { (*static_cast<Body *>(context))(begin, end); },
        &body);
  }

private:
  using Function = void (*)(void *context, int64_t begin, int64_t end);

  struct Work {
    Function function = nullptr;
    void *context = nullptr;
    int64_t range = 0, grain = 1;
  };

  std::vector<std::thread> helpers;
  std::mutex mutex;
  std::condition_variable wake, done;
  Work work;
  uint64_t generation = 0;
  unsigned pending = 0;
  bool stopping = false;

  void run(int64_t range, int64_t grain, Function function, void *context);
  void runPart(const Work &part, unsigned index) const;
  void helperLoop(unsigned index);
};

} // namespace raddle::runtime
