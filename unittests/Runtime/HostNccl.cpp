// NCCL for memory of the host: a call returns when its result is there, and a stream only has to be given.
#include "TestNccl.h"

#include <atomic>
#include <cstring>
#include <thread>

using namespace raddle::runtime;

namespace raddle::test {

namespace {

/// A word for each pair of ranks: set by the first when it has come, and cleared by the second when it has seen that.
struct Flags {
  explicit Flags(size_t count) : words(count) {}
  std::vector<std::atomic<uint32_t>> words;
  std::atomic<bool> stopped = false;
};

class HostRank : public NcclRank {
public:
  explicit HostRank(Communicator &hosts)
      : own(static_cast<size_t>(hosts.rank())), ranks(static_cast<size_t>(hosts.size())),
        flags(shareFirst(hosts, std::make_shared<Flags>(ranks * ranks))) {}

  void meet(const std::vector<int> &peers, void *) override {
    for (int peer : peers)
      change(own * ranks + static_cast<size_t>(peer), 0, 1);
    for (int peer : peers)
      change(static_cast<size_t>(peer) * ranks + own, 1, 0);
  }

  void copy(void *dst, const void *src, size_t bytes, void *) override { std::memmove(dst, src, bytes); }
  void compute(std::function<void()> work, void *) override { work(); }

  uint8_t *staging(size_t bytes) override {
    memory.resize(std::max(memory.size(), bytes));
    return memory.data();
  }

  void abort() override { flags->stopped = true; }

private:
  size_t own, ranks;
  std::shared_ptr<Flags> flags;
  std::vector<uint8_t> memory;

  void change(size_t word, uint32_t from, uint32_t to) {
    while (flags->words[word] != from && !flags->stopped)
      std::this_thread::yield();
    flags->words[word] = to;
  }
};

} // namespace

std::unique_ptr<NcclRank> makeNcclRank(Communicator &hosts) { return std::make_unique<HostRank>(hosts); }

} // namespace raddle::test
