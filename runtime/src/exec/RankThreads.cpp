#include "RankThreads.h"

#include "raddle/runtime/Error.h"

namespace raddle::runtime {

RankThreads::RankThreads(size_t count) {
  if (count == 1)
    return;
  threads.reserve(count);
  for (size_t i = 0; i < count; ++i)
    threads.emplace_back([this, i] { loop(i); });
}

RankThreads::~RankThreads() {
  {
    std::lock_guard<std::mutex> lock(mutex);
    stopping = true;
  }
  wake.notify_all();
  for (std::thread &thread : threads)
    thread.join();
}

void RankThreads::run(const std::function<void(size_t)> &work, const std::function<void()> &onFailure) {
  if (threads.empty()) {
    work(0);
    return;
  }
  std::unique_lock<std::mutex> lock(mutex);
  body = &work;
  failed = &onFailure;
  error = nullptr;
  pending = threads.size();
  ++generation;
  wake.notify_all();
  done.wait(lock, [this] { return pending == 0; });
  if (error)
    std::rethrow_exception(error);
}

void RankThreads::keep(std::exception_ptr found, bool isAbort) {
  std::lock_guard<std::mutex> lock(mutex);
  if (!error || (errorIsAbort && !isAbort)) {
    error = std::move(found);
    errorIsAbort = isAbort;
  }
}

void RankThreads::loop(size_t index) {
  uint64_t seen = 0;
  for (;;) {
    {
      std::unique_lock<std::mutex> lock(mutex);
      wake.wait(lock, [&] { return stopping || generation != seen; });
      if (stopping)
        return;
      seen = generation;
    }
    try {
      (*body)(index);
    } catch (const Aborted &) {
      keep(std::current_exception(), true);
    } catch (...) {
      keep(std::current_exception(), false);
      (*failed)();
    }
    std::lock_guard<std::mutex> lock(mutex);
    if (--pending == 0)
      done.notify_one();
  }
}

} // namespace raddle::runtime
