// Ranks whose hosts communicate through their GPUs.
#pragma once

#include "Gpu.h"

#include <chrono>
#include <functional>

namespace raddle::runtime {

/// The communicator of processes that have no other: memory of the host goes through memory of the GPU, in pieces. Made
/// for what is small or rare: results, parameters, statistics. Calls block and take no stream.
class StagedCommunicator : public Communicator {
public:
  /// `gpu` and this object are used by one thread. A call may take `patience`. Throws Error.
  StagedCommunicator(std::shared_ptr<Communicator> device, Gpu &gpu, std::chrono::seconds patience);

  int rank() const override { return device->rank(); }
  int size() const override { return device->size(); }
  void allGather(const void *src, void *dst, size_t bytes, StreamHandle) override;
  void allReduce(const void *src, void *dst, size_t count, DType dtype, bundle::Reduction reduction,
                 StreamHandle) override;
  void broadcast(void *buffer, size_t bytes, int root, StreamHandle) override;
  void barrier() override;
  /// Hosts do not need these: throw Error.
  void reduceScatter(const void *src, void *dst, size_t count, DType dtype, bundle::Reduction reduction,
                     StreamHandle) override;
  void transfer(const void *src, void *dst, const std::vector<Transfer> &pieces, StreamHandle) override;
  std::shared_ptr<Communicator> split(int colour) override;
  void abort() override { device->abort(); }

private:
  // Of this rank's part of a piece; the parts of all ranks lie beside each other.
  static constexpr uint64_t partBytes = 1u << 20;

  std::shared_ptr<Communicator> device;
  Gpu &gpu;
  std::chrono::seconds patience;
  uint8_t *there, *here;

  /// Brings `bytes` bytes to the GPU, at `there`, calls the collective on its stream, and brings what is then at
  /// `results` back to `here`.
  void exchange(const char *what, const void *src, uint64_t bytes, const std::function<void(StreamHandle)> &collective,
                const uint8_t *results, uint64_t resultBytes);
};

} // namespace raddle::runtime
