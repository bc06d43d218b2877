#include "WaitForGpu.h"

#include "raddle/runtime/Error.h"

#include <thread>

namespace raddle::runtime {

using Clock = std::chrono::steady_clock;

static void look(const std::function<bool()> &done, const std::vector<Communicator *> &communicators,
                 std::chrono::seconds patience) {
  // A step of a millisecond is not to be found late, one of a second not to keep a processor busy.
  constexpr int eager = 1000;
  constexpr std::chrono::microseconds pause(20);
  constexpr int looksBetweenPolls = 50;
  Clock::time_point begin = Clock::now();
  for (int i = 0; !done(); ++i) {
    if (i < eager) {
      std::this_thread::yield();
      continue;
    }
    std::this_thread::sleep_for(pause);
    if (i % looksBetweenPolls != 0)
      continue;
    for (Communicator *communicator : communicators)
      communicator->poll();
    if (Clock::now() - begin > patience)
      throw Error("not done after " + std::to_string(patience.count()) +
                  " seconds; another rank may have failed or be slow");
  }
}

void waitForGpu(Gpu &gpu, const std::function<bool()> &done, const std::vector<Communicator *> &communicators,
                std::chrono::seconds patience, const std::function<std::string(uint32_t)> &describe) {
  // Before anything is given up: the streams go on then.
  std::string where;
  auto leave = [&] {
    where = describe(gpu.marked());
    for (Communicator *communicator : communicators)
      communicator->giveUp();
  };
  try {
    look(done, communicators, patience);
  } catch (const Aborted &) {
    leave();
    throw;
  } catch (const Error &error) {
    leave();
    throw Error(where + ": " + error.what());
  }
}

} // namespace raddle::runtime
