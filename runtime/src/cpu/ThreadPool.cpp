#include "raddle/runtime/ThreadPool.h"

#include <algorithm>

namespace raddle::runtime {

ThreadPool::ThreadPool(unsigned threads) {
  helpers.reserve(threads - 1);
  for (unsigned i = 1; i < threads; ++i)
    helpers.emplace_back([this, i] { helperLoop(i); });
}

ThreadPool::~ThreadPool() {
  {
    std::lock_guard<std::mutex> lock(mutex);
    stopping = true;
  }
  wake.notify_all();
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
  Work mine{function, context, range, grain};
  {
    std::lock_guard<std::mutex> lock(mutex);
    work = mine;
    pending = static_cast<unsigned>(helpers.size());
    ++generation;
  }
  wake.notify_all();
  runPart(mine, 0);
  std::unique_lock<std::mutex> lock(mutex);
  done.wait(lock, [this] { return pending == 0; });
}

void ThreadPool::helperLoop(unsigned index) {
  uint64_t seen = 0;
  std::unique_lock<std::mutex> lock(mutex);
  for (;;) {
    wake.wait(lock, [&] { return stopping || generation != seen; });
    if (stopping)
      return;
    seen = generation;
    Work mine = work;
    lock.unlock();
    runPart(mine, index);
    lock.lock();
    if (--pending == 0)
      done.notify_one();
  }
}

} // namespace raddle::runtime
