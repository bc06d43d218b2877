#include "raddle/runtime/ThreadPool.h"

#include <gtest/gtest.h>

#include <atomic>

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
