// The threads on which the ranks of one process run.
#pragma once

#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace raddle::runtime {

/// One thread a rank, kept between calls; a single rank runs on the caller's thread.
class RankThreads {
public:
  explicit RankThreads(size_t count);
  ~RankThreads();

  /// Calls body(i) for every rank at the same time and waits for all. `failed` is called, on the failing thread, as
  /// soon as a body throws. Rethrows the first exception that is not Aborted.
  void run(const std::function<void(size_t)> &body, const std::function<void()> &failed);

private:
  std::vector<std::thread> threads;
  std::mutex mutex;
  std::condition_variable wake, done;
  const std::function<void(size_t)> *body = nullptr;
  const std::function<void()> *failed = nullptr;
  std::exception_ptr error;
  bool errorIsAbort = false;
  uint64_t generation = 0;
  size_t pending = 0;
  bool stopping = false;

  void loop(size_t index);
  void keep(std::exception_ptr found, bool isAbort);
};

} // namespace raddle::runtime
