#include "BlasLtTimer.h"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace raddle::runtime::cuda {

using Clock = std::chrono::steady_clock;

namespace {

// Work that is launched at once.
class Repeated {
public:
  Repeated(Stream stream, int times, const std::function<void()> &work) : stream(stream) {
    const Driver &cu = driver();
    cu.check(cu.streamBeginCapture(stream, captureRelaxed), "cannot begin a graph");
    Graph graph = nullptr;
    try {
      for (int i = 0; i < times; ++i)
        work();
    } catch (...) {
      // The stream must leave the capture.
      if (cu.streamEndCapture(stream, &graph) == 0 && graph)
        cu.graphDestroy(graph);
      throw;
    }
    cu.check(cu.streamEndCapture(stream, &graph), "cannot end a graph");
    Result result = cu.graphInstantiate(&executable, graph, 0);
    cu.graphDestroy(graph);
    cu.check(result, "cannot make a graph executable");
  }
  ~Repeated() { driver().graphExecDestroy(executable); }
  Repeated(const Repeated &) = delete;
  Repeated &operator=(const Repeated &) = delete;

  double seconds() const {
    Clock::time_point begin = Clock::now();
    driver().check(driver().graphLaunch(executable, stream), "cannot launch a graph");
    driver().check(driver().streamSynchronize(stream), "cannot measure");
    return std::chrono::duration<double>(Clock::now() - begin).count();
  }

private:
  Stream stream;
  GraphExec executable = nullptr;
};

} // namespace

double secondsOf(Stream stream, const std::function<void()> &work) {
  auto once = [&] {
    Clock::time_point begin = Clock::now();
    work();
    driver().check(driver().streamSynchronize(stream), "cannot measure");
    return std::chrono::duration<double>(Clock::now() - begin).count();
  };
  // The first call loads code.
  once();
  constexpr double enough = 1e-3;
  constexpr int fewest = 2, most = 50, measurements = 3;
  int times = static_cast<int>(std::clamp(std::ceil(enough / once()), double(fewest), double(most)));
  Repeated repeated(stream, times, work);
  double shortest = repeated.seconds();
  for (int i = 1; i < measurements; ++i)
    shortest = std::min(shortest, repeated.seconds());
  return shortest / times;
}

} // namespace raddle::runtime::cuda
