#include "raddle/runtime/MachineLimits.h"

#include "../exec/CacheFile.h"

#include "raddle/runtime/AlignedBuffer.h"
#include "raddle/runtime/CpuOperations.h"
#include "raddle/runtime/Error.h"

#include <chrono>
#include <fstream>
#include <iomanip>
#include <sstream>
#include <unistd.h>

namespace raddle::runtime {

// The shortest of some runs: whatever else the machine does makes it slower, never faster.
template <typename Body> static double shortestSeconds(int runs, Body &&body) {
  using Clock = std::chrono::steady_clock;
  double shortest = std::numeric_limits<double>::infinity();
  for (int run = 0; run < runs; ++run) {
    Clock::time_point begin = Clock::now();
    body();
    shortest = std::min(shortest, std::chrono::duration<double>(Clock::now() - begin).count());
  }
  return shortest;
}

// Three arrays of floats.
static void allocate(AlignedBuffer (&arrays)[3], size_t count) {
  for (AlignedBuffer &array : arrays) {
    if (!array.allocate(count * sizeof(float)))
      throw Error("cannot allocate " + std::to_string(count * sizeof(float)) +
                  " bytes to measure the machine's limits");
    std::fill_n(reinterpret_cast<float *>(array.data()), count, 1.0f);
  }
}

static double measureMemory(ThreadPool &pool) {
  constexpr size_t least = size_t(1) << 26, most = size_t(1) << 28;
  constexpr int runs = 5;
  constexpr int64_t grain = 1 << 16;
  long cache = ::sysconf(_SC_LEVEL3_CACHE_SIZE);
  size_t bytes = std::clamp(static_cast<size_t>(std::max(cache, 0L)), least, most);
  size_t count = bytes / sizeof(float);
  AlignedBuffer arrays[3];
  allocate(arrays, count);
  float *a = reinterpret_cast<float *>(arrays[0].data());
  const float *b = reinterpret_cast<const float *>(arrays[1].data());
  const float *c = reinterpret_cast<const float *>(arrays[2].data());
  double seconds = shortestSeconds(runs, [&] {
    pool.parallelFor(static_cast<int64_t>(count), grain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)
        a[i] = b[i] + 0.5f * c[i];
    });
  });
  return 3.0 * static_cast<double>(count * sizeof(float)) / seconds;
}

static double measureGemm(ThreadPool &pool) {
  constexpr int32_t extent = 1536;
  constexpr int runs = 3;
  AlignedBuffer matrices[3];
  allocate(matrices, size_t(extent) * extent);
  GemmProblem problem;
  problem.m = problem.n = problem.k = problem.lda = problem.ldb = problem.ldc = extent;
  double seconds = shortestSeconds(
      runs, [&] { runGemm(problem, {matrices[0].data(), matrices[1].data(), matrices[2].data()}, pool); });
  return 2.0 * extent * extent * extent / seconds;
}

MachineLimits measureMachineLimits(unsigned threads) {
  ThreadPool pool(std::max(threads, 1u));
  return {pool.size(), measureMemory(pool), measureGemm(pool)};
}

std::string machineLimitsFile() { return cacheFile("limits.txt"); }

// The model of the first processor, as Linux calls it.
static std::string processorName() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.rfind("model name", 0) == 0 && line.find(": ") != std::string::npos)
      return line.substr(line.find(": ") + 2);
  return "";
}

namespace {

/// The file's content: a line that names the machine, and a line for each number of threads, with the numbers of
/// `MachineLimits` in their order.
class Remembered {
public:
  explicit Remembered(std::string path) : path(std::move(path)) {
    std::ifstream file(this->path);
    std::string found;
    if (!std::getline(file, found) || found != machine)
      return;
    for (MachineLimits limits; file >> limits.threads >> limits.memoryBytesPerSecond >> limits.gemmFlopsPerSecond;)
      if (limits.memoryBytesPerSecond > 0 && limits.gemmFlopsPerSecond > 0)
        known.push_back(limits);
  }

  const MachineLimits *find(unsigned threads) const {
    auto found = std::find_if(known.begin(), known.end(), [&](auto &limits) { return limits.threads == threads; });
    return found == known.end() ? nullptr : &*found;
  }

  /// Replaces what is known for as many threads.
  void remember(const MachineLimits &measured) {
    if (path.empty())
      return;
    auto replaced = [&](const MachineLimits &old) { return old.threads == measured.threads; };
    known.erase(std::remove_if(known.begin(), known.end(), replaced), known.end());
    known.push_back(measured);
    std::ostringstream text;
    text << machine << "\n" << std::setprecision(std::numeric_limits<double>::max_digits10);
    for (const MachineLimits &limits : known)
      text << limits.threads << " " << limits.memoryBytesPerSecond << " " << limits.gemmFlopsPerSecond << "\n";
    rewriteCacheFile(path, text.str());
  }

private:
  std::string path;
  std::string machine =
      processorName() + ", " + std::to_string(std::thread::hardware_concurrency()) + " processors, " + blasKernels();
  std::vector<MachineLimits> known;
};

} // namespace

MachineLimits machineLimits(unsigned threads, bool again) {
  threads = std::max(threads, 1u);
  Remembered remembered(machineLimitsFile());
  const MachineLimits *known = again ? nullptr : remembered.find(threads);
  if (known)
    return *known;
  MachineLimits limits = measureMachineLimits(threads);
  remembered.remember(limits);
  return limits;
}

} // namespace raddle::runtime
