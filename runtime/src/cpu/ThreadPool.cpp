#include "raddle/runtime/ThreadPool.h"

#include <algorithm>
#include <chrono>
#if defined(__linux__)
#include <pthread.h>
#include <sched.h>
#endif

namespace raddle::runtime {

// Time to wait awake: waking a thread takes tens of microseconds, and others may want the processor.
static constexpr std::chrono::microseconds patience(200);
// Looks at the value between two looks at the clock, without giving way to other threads.
static constexpr int looks = 64;

static void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

void AwaitedNumber::add(uint32_t amount) {
  value.fetch_add(amount);
  // A thread says that it will sleep before it looks for the last time: one of the two sees the other.
  if (sleepers.load() > 0) {
    std::lock_guard<std::mutex> lock(mutex);
    changed.notify_all();
  }
}

uint32_t AwaitedNumber::awaitChange(uint32_t old) {
  auto end = std::chrono::steady_clock::now() + patience;
  do {
    for (int i = 0; i < looks; ++i) {
      if (uint32_t found = get(); found != old)
        return found;
      pause();
    }
    std::this_thread::yield();
  } while (std::chrono::steady_clock::now() < end);
  std::unique_lock<std::mutex> lock(mutex);
  sleepers.fetch_add(1);
  changed.wait(lock, [&] { return value.load() != old; });
  sleepers.fetch_sub(1);
  return get();
}

#if defined(__linux__)

// Systems that wake a thread where its waker runs leave it there, waiting for the waker's part to end, until they next
// look for idle processors, which is after milliseconds. So helpers have all processors but the caller's.
void ThreadPool::keepOffCallersProcessor() {
  int processor = sched_getcpu();
  if (processor == callersProcessor)
    return;
  callersProcessor = processor;
  cpu_set_t others;
  // The caller's own choice is the limit. More processors than a set has, or one only: the system's choice.
  if (sched_getaffinity(0, sizeof others, &others) != 0 || processor < 0 || processor >= CPU_SETSIZE)
    return;
  CPU_CLR(processor, &others);
  if (CPU_COUNT(&others) == 0)
    return;
  for (std::thread &helper : helpers)
    pthread_setaffinity_np(helper.native_handle(), sizeof others, &others);
}

#else

void ThreadPool::keepOffCallersProcessor() {}

#endif

ThreadPool::ThreadPool(unsigned threads) {
  helpers.reserve(threads - 1);
  for (unsigned i = 1; i < threads; ++i)
    helpers.emplace_back([this, i] { helperLoop(i); });
}

ThreadPool::~ThreadPool() {
  stopping = true;
  generation.add(1);
  for (std::thread &helper : helpers)
    helper.join();
}

void ThreadPool::runPart(const Work &part, unsigned index) const {
  // Whole grains are dealt out, the first threads get one more where they do not divide.
  int64_t grains = (part.range + part.grain - 1) / part.grain;
  int64_t each = grains / size(), extra = grains % size();
  int64_t first = index * each + std::min<int64_t>(index, extra);
  int64_t last = first + each + (index < extra ? 1 : 0);
  int64_t begin = first * part.grain, end = std::min(last * part.grain, part.range);
  if (begin < end)
    part.function(part.context, begin, end);
}

void ThreadPool::run(int64_t range, int64_t grain, Function function, void *context) {
  if (range <= 0)
    return;
  if (helpers.empty() || range <= grain) {
    function(context, 0, range);
    return;
  }
  keepOffCallersProcessor();
  work = {function, context, range, grain};
  pending.set(static_cast<uint32_t>(helpers.size()));
  generation.add(1);
  runPart(work, 0);
  for (uint32_t left = pending.get(); left != 0;)
    left = pending.awaitChange(left);
}

void ThreadPool::helperLoop(unsigned index) {
  for (uint32_t seen = 0;;) {
    seen = generation.awaitChange(seen);
    if (stopping)
      return;
    runPart(work, index);
    pending.add(-1u);
  }
}

} // namespace raddle::runtime
