#include "Streams.h"

#include "raddle/runtime/Error.h"

namespace raddle::runtime {

void Events::reset(uint32_t count) {
  recorded.assign(count, false);
  cancelled = false;
}

void Events::record(uint32_t event) {
  {
    std::lock_guard<std::mutex> lock(mutex);
    recorded[event] = true;
  }
  changed.notify_all();
}

void Events::wait(uint32_t event) {
  std::unique_lock<std::mutex> lock(mutex);
  changed.wait(lock, [&] { return cancelled || recorded[event]; });
  if (!recorded[event])
    throw Aborted("stopped because another stream failed");
}

void Events::cancel() {
  {
    std::lock_guard<std::mutex> lock(mutex);
    cancelled = true;
  }
  changed.notify_all();
}

StreamThread::StreamThread() : thread([this] { loop(); }) {}

StreamThread::~StreamThread() {
  {
    std::lock_guard<std::mutex> lock(mutex);
    stopping = true;
  }
  changed.notify_all();
  thread.join();
}

void StreamThread::start(const std::function<void()> &work) {
  {
    std::lock_guard<std::mutex> lock(mutex);
    body = &work;
  }
  changed.notify_all();
}

void StreamThread::wait() {
  std::unique_lock<std::mutex> lock(mutex);
  changed.wait(lock, [this] { return !body; });
}

void StreamThread::loop() {
  std::unique_lock<std::mutex> lock(mutex);
  for (;;) {
    changed.wait(lock, [this] { return stopping || body; });
    if (stopping)
      return;
    const std::function<void()> &work = *body;
    lock.unlock();
    work();
    lock.lock();
    body = nullptr;
    changed.notify_all();
  }
}

} // namespace raddle::runtime
