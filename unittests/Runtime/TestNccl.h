// What the libraries with NCCL's interface for tests have in common: ranks are threads of one process. Which memory
// they have, and what a stream is, each library says itself.
#pragma once

#include "raddle/runtime/Communicator.h"

#include <functional>
#include <memory>

namespace raddle::test {

/// What a rank of a communicator does when its stream comes to it. All ranks read each other's memory.
class NcclRank {
public:
  virtual ~NcclRank() = default;

  /// The stream goes on when those of all `peers`, each of which calls this with the rank among its own, are here.
  virtual void meet(const std::vector<int> &peers, void *stream) = 0;
  virtual void copy(void *dst, const void *src, size_t bytes, void *stream) = 0;
  /// Work of the host.
  virtual void compute(std::function<void()> work, void *stream) = 0;

  /// Memory that `compute` and `copy` can use as long as this object lives; the same for each call that asks for as
  /// much or less. To be called while no stream waits for a peer.
  virtual uint8_t *staging(size_t bytes) = 0;

  /// Ends all waiting for peers, for good.
  virtual void abort() = 0;
};

/// By each library. All ranks of `hosts`, which outlives the result, call it.
std::unique_ptr<NcclRank> makeNcclRank(raddle::runtime::Communicator &hosts);

/// What rank 0 made, for all ranks.
template <typename T> std::shared_ptr<T> shareFirst(raddle::runtime::Communicator &hosts, std::shared_ptr<T> made) {
  std::shared_ptr<T> *place = &made;
  hosts.broadcast(&place, sizeof(place), 0);
  std::shared_ptr<T> shared = *place;
  hosts.barrier();
  return shared;
}

} // namespace raddle::test
