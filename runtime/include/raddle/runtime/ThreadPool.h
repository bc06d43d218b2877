// Threads of one rank that share the work of one kernel at a time.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace raddle::runtime {

/// A number that threads wait for to change: awake for a while, then asleep.
class AwaitedNumber {
public:
  uint32_t get() const { return value.load(std::memory_order_acquire); }

  /// Only while nobody waits.
  void set(uint32_t next) { value.store(next, std::memory_order_relaxed); }

  /// Adds to the number, modulo 2^32, and wakes who waits for it.
  void add(uint32_t amount);

  /// Returns when the number is no longer `old`, and what it is then.
  uint32_t awaitChange(uint32_t old);

private:
  std::atomic<uint32_t> value = 0, sleepers = 0;
  std::mutex mutex;
  std::condition_variable changed;
};

/// A pool of `threads` threads, the caller's included. Work is cut into one contiguous part a thread, so the same call
/// has the same parts every time. Starting work allocates nothing. Only one thread at a time may call parallelFor.
/// Threads without work look for some for a while before they sleep: within a step it is there sooner than a sleeper
/// wakes up. Helpers use the processors that the caller may use, without the one on which it runs.
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
  // Written while no helper works; a new generation hands it over.
  Work work;
  bool stopping = false;
  AwaitedNumber generation, pending;
  int callersProcessor = -1; // as of the last call

  void keepOffCallersProcessor();
  void run(int64_t range, int64_t grain, Function function, void *context);
  void runPart(const Work &part, unsigned index) const;
  void helperLoop(unsigned index);
};

} // namespace raddle::runtime
