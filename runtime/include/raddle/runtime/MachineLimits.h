// What a machine can do at most, measured.
#pragma once

#include "raddle/runtime/Work.h"

#include <algorithm>
#include <string>

namespace raddle::runtime {

struct MachineLimits {
  /// Threads that worked together.
  unsigned threads = 0;
  /// Bytes read and written each second by a[i] = b[i] + s * c[i] on arrays larger than the caches (STREAM's triad).
  double memoryBytesPerSecond = 0;
  /// Operations each second of the library's product of square f32 matrices.
  double gemmFlopsPerSecond = 0;

  /// The time that the work takes at least. What lies in a cache already can be faster.
  double leastSeconds(const Work &work) const {
    return std::max(static_cast<double>(work.bytes) / memoryBytesPerSecond, work.flops / gemmFlopsPerSecond);
  }

  /// What each of `ranks` has that work at the same time.
  MachineLimits shareOf(unsigned ranks) const {
    return {threads, memoryBytesPerSecond / ranks, gemmFlopsPerSecond / ranks};
  }
};

/// Measures for less than a second, with at least one thread. Throws Error when there is no memory for it.
MachineLimits measureMachineLimits(unsigned threads);

/// The file in which limits are remembered: raddle/limits.txt in XDG_CACHE_HOME or ~/.cache; empty without either.
std::string machineLimitsFile();

/// What was measured on this machine before with so many threads, else, or if `again`, measures and remembers it. A
/// file that is damaged, of another processor or of another BLAS counts as absent; that it cannot be written is no
/// error.
MachineLimits machineLimits(unsigned threads, bool again = false);

} // namespace raddle::runtime
