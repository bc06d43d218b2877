#include "raddle/runtime/LocalCommunicator.h"

#include "Reduction.h"

#include "raddle/runtime/Error.h"

#include <algorithm>
#include <cstring>

namespace raddle::runtime {

class LocalCommunicator : public Communicator {
public:
  LocalCommunicator(LocalGroup &group, int rank, int size) : group(group), ownRank(rank), ranks(size) {}

  int rank() const override { return ownRank; }
  int size() const override { return ranks; }

  void allGather(const void *src, void *dst, size_t bytes, StreamHandle) override {
    publish(src, dst);
    for (int r = 0; r < ranks; ++r) {
      char *part = static_cast<char *>(dst) + r * bytes;
      if (part != group.sources[r])
        std::memcpy(part, group.sources[r], bytes);
    }
    received += bytes * (ranks - 1);
    group.wait();
  }

  void reduceScatter(const void *src, void *dst, size_t count, DType dtype, bundle::Reduction reduction,
                     StreamHandle) override {
    checkReduction(dtype, reduction);
    publish(src, dst);
    reduceElements(group.sources, ownRank * count, count, dst, dtype, reduction);
    received += count * byteSize(dtype) * (ranks - 1);
    group.wait();
  }

  void allReduce(const void *src, void *dst, size_t count, DType dtype, bundle::Reduction reduction,
                 StreamHandle) override {
    checkReduction(dtype, reduction);
    publish(src, dst);
    // Each rank reduces its part into its own result; that part of its source is read by nobody else.
    size_t width = byteSize(dtype);
    auto begin = [&](int r) { return partBegin(count, r, ranks); };
    size_t mine = begin(ownRank);
    reduceElements(group.sources, mine, begin(ownRank + 1) - mine, static_cast<char *>(dst) + mine * width, dtype,
                   reduction);
    group.wait();
    for (int r = 0; r < ranks; ++r)
      if (r != ownRank)
        std::memcpy(static_cast<char *>(dst) + begin(r) * width,
                    static_cast<const char *>(group.destinations[r]) + begin(r) * width,
                    (begin(r + 1) - begin(r)) * width);
    // The other ranks' values of the own part, and the other parts of the result.
    size_t own = begin(ownRank + 1) - mine;
    received += (own * (ranks - 1) + count - own) * width;
    group.wait();
  }

  void broadcast(void *buffer, size_t bytes, int root, StreamHandle) override {
    publish(buffer, buffer);
    if (ownRank != root) {
      std::memcpy(buffer, group.sources[root], bytes);
      received += bytes;
    }
    group.wait();
  }

  void transfer(const void *src, void *dst, const std::vector<Transfer> &pieces, StreamHandle) override {
    publish(src, dst);
    for (const Transfer &piece : pieces)
      if (piece.to == ownRank) {
        std::memcpy(static_cast<char *>(dst) + piece.target,
                    static_cast<const char *>(group.sources[piece.from]) + piece.source, piece.bytes);
        received += piece.from == ownRank ? 0 : piece.bytes;
      }
    group.wait();
  }

  void barrier() override { group.wait(); }

  std::shared_ptr<Communicator> split(int colour) override {
    publish(&colour, nullptr);
    std::vector<int> members;
    for (int r = 0; r < ranks; ++r)
      if (*static_cast<const int *>(group.sources[r]) == colour)
        members.push_back(r);
    std::shared_ptr<LocalGroup> part;
    if (members.front() == ownRank) {
      part = std::make_shared<LocalGroup>(static_cast<int>(members.size()));
      group.destinations[ownRank] = &part;
      std::lock_guard<std::mutex> lock(group.mutex);
      group.parts.push_back(part);
    }
    group.wait();
    part = *static_cast<std::shared_ptr<LocalGroup> *>(group.destinations[members.front()]);
    group.wait();
    int index = static_cast<int>(std::find(members.begin(), members.end(), ownRank) - members.begin());
    return std::shared_ptr<Communicator>(part, &part->member(index));
  }

  void abort() override { group.abort(); }

private:
  LocalGroup &group;
  int ownRank, ranks;

  void publish(const void *src, void *dst) {
    group.sources[ownRank] = src;
    group.destinations[ownRank] = dst;
    group.wait();
  }
};

LocalGroup::LocalGroup(int size) : sources(size), destinations(size) {
  for (int r = 0; r < size; ++r)
    members.push_back(std::make_unique<LocalCommunicator>(*this, r, size));
}

LocalGroup::~LocalGroup() = default;

void LocalGroup::wait() {
  std::unique_lock<std::mutex> lock(mutex);
  if (!aborted && ++waiting == size()) {
    waiting = 0;
    ++generation;
    turn.notify_all();
    return;
  }
  uint64_t mine = generation;
  turn.wait(lock, [&] { return aborted || generation != mine; });
  // A call whose barrier was complete before the abort goes on; the next one fails.
  if (generation == mine)
    throw Aborted("stopped because another rank failed");
}

void LocalGroup::abort() {
  std::lock_guard<std::mutex> lock(mutex);
  aborted = true;
  turn.notify_all();
  for (const std::shared_ptr<LocalGroup> &part : parts)
    part->abort();
}

void LocalGroup::reset() {
  std::lock_guard<std::mutex> lock(mutex);
  aborted = false;
  waiting = 0;
  for (const std::shared_ptr<LocalGroup> &part : parts)
    part->reset();
}

} // namespace raddle::runtime
