// Ranks on GPUs, through NCCL.
#pragma once

#include "Nccl.h"

#include "raddle/runtime/Communicator.h"

#include <atomic>
#include <chrono>
#include <functional>

namespace raddle::runtime::cuda {

/// A communicator whose memory is the device's, and whose calls need a stream: they enqueue and return. `poll` finds
/// out what has become of them. Sums are made in an order that NCCL chooses, the same in every run on the same
/// machines; 16-bit elements are rounded after each addition, and a mean multiplies by 1/size before it adds. The
/// largest of elements of which one is NaN need not be NaN.
class NcclCommunicator : public Communicator {
public:
  /// Connects this thread's rank, on the GPU whose context is current, with the others that have the same id. All of
  /// them must call it within `patience`. Throws Error.
  static std::shared_ptr<NcclCommunicator> connect(const NcclId &id, int rank, int size, std::chrono::seconds patience,
                                                   const std::function<void()> &enterDevice);
  ~NcclCommunicator() override;

  int rank() const override { return ownRank; }
  int size() const override { return ranks; }
  void allGather(const void *src, void *dst, size_t bytes, StreamHandle stream) override;
  void reduceScatter(const void *src, void *dst, size_t count, DType dtype, bundle::Reduction reduction,
                     StreamHandle stream) override;
  void allReduce(const void *src, void *dst, size_t count, DType dtype, bundle::Reduction reduction,
                 StreamHandle stream) override;
  void broadcast(void *buffer, size_t bytes, int root, StreamHandle stream) override;
  /// Sends and receipts of any sizes in one group of calls, which NCCL does at the same time.
  void transfer(const void *src, void *dst, const std::vector<Transfer> &pieces, StreamHandle stream) override;
  /// Streams order collectives: throws Error.
  void barrier() override;
  std::shared_ptr<Communicator> split(int colour) override;

  /// From any thread. The rank's own thread learns of it from `poll`.
  void abort() override { family->stopped = true; }
  void poll() override;
  void giveUp() override;

private:
  /// What a communicator shares with those that are split from it.
  struct Family {
    std::atomic<bool> stopped = false;
    bool ended = false;
    std::vector<NcclComm> all;
  };

  NcclCommunicator(NcclComm comm, int rank, int size, std::shared_ptr<Family> family);

  const Nccl &library;
  NcclComm comm;
  int ownRank, ranks;
  std::shared_ptr<Family> family;

  void begin(StreamHandle stream) const;
};

} // namespace raddle::runtime::cuda
