#include "raddle/runtime/ThreadPool.h"

#include <gtest/gtest.h>

#include <atomic>
#if defined(__linux__)
#include <sched.h>
#endif

using raddle::runtime::ThreadPool;

TEST(ThreadPool, CoversEveryElementExactlyOnce) {
  for (unsigned threads : {1u, 2u, 3u, 5u}) {
    ThreadPool pool(threads);
    for (int64_t range : {0, 1, 2, 7, 64, 1001})
      for (int64_t grain : {1, 8, 100}) {
        std::vector<std::atomic<int>> visits(static_cast<size_t>(range));
        pool.parallelFor(range, grain, [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i)
            ++visits[static_cast<size_t>(i)];
        });
        for (std::atomic<int> &count : visits)
          ASSERT_EQ(count, 1) << threads << " threads, range " << range << ", grain " << grain;
      }
  }
}

TEST(ThreadPool, PartsBeginAtMultiplesOfTheGrain) {
  ThreadPool pool(3);
  std::atomic<int> parts{0}, misaligned{0};
  pool.parallelFor(100, 32, [&](int64_t begin, int64_t) {
    ++parts;
    misaligned += begin % 32 != 0;
  });
  EXPECT_LE(parts, 3);
  EXPECT_EQ(misaligned, 0);
}

TEST(ThreadPool, CanBeUsedManyTimesInARow) {
  ThreadPool pool(4);
  std::atomic<int64_t> sum{0};
  for (int i = 0; i < 2000; ++i)
    pool.parallelFor(10, 1, [&](int64_t begin, int64_t end) { sum += end - begin; });
  EXPECT_EQ(sum, 20000);
}

#if defined(__linux__)

TEST(ThreadPool, HelpersKeepOffTheCallersProcessor) {
  cpu_set_t allowed;
  ASSERT_EQ(sched_getaffinity(0, sizeof allowed, &allowed), 0);
  ThreadPool pool(3);
  std::atomic<int> helpers{0}, wrong{0};
  // The caller may be moved at any time: only calls that begin and end on one processor count.
  for (int attempt = 0; attempt < 100 && helpers == 0; ++attempt) {
    int processor = sched_getcpu();
    std::atomic<int> here{0}, elsewhere{0};
    std::thread::id caller = std::this_thread::get_id();
    pool.parallelFor(3, 1, [&](int64_t, int64_t) {
      cpu_set_t own;
      if (std::this_thread::get_id() == caller || sched_getaffinity(0, sizeof own, &own) != 0)
        return;
      ++(CPU_ISSET(processor, &own) ? here : elsewhere);
    });
    if (sched_getcpu() != processor)
      continue;
    helpers = here + elsewhere;
    wrong = CPU_COUNT(&allowed) > 1 ? here.load() : elsewhere.load();
  }
  EXPECT_EQ(helpers, 2);
  EXPECT_EQ(wrong, 0);
}

#endif
