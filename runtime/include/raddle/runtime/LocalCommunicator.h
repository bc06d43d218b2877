// Ranks that are threads of one process.
#pragma once

#include "raddle/runtime/Communicator.h"

#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

namespace raddle::runtime {

/// A group of ranks that read each other's buffers directly. Sums are made in the order of ranks, so results do not
/// depend on timing.
class LocalGroup {
public:
  explicit LocalGroup(int size);
  ~LocalGroup();

  int size() const { return static_cast<int>(members.size()); }

  /// The communicator of one rank; valid as long as the group.
  Communicator &member(int rank) { return *members[rank]; }

  /// Makes the group, and those split from it, usable again after an abort. No rank may be in a call.
  void reset();

private:
  friend class LocalCommunicator;

  std::vector<std::unique_ptr<Communicator>> members;
  // What each rank handed over in the present call; written before a barrier, read after it.
  std::vector<const void *> sources;
  std::vector<void *> destinations;
  // Groups split from this one, so that an abort reaches them.
  std::vector<std::shared_ptr<LocalGroup>> parts;
  std::mutex mutex;
  std::condition_variable turn;
  int waiting = 0;
  uint64_t generation = 0;
  bool aborted = false;

  void wait();
  void abort();
};

} // namespace raddle::runtime
