// Ranks whose collectives are asked of recording GPUs.
#pragma once

#include "RecordingGpu.h"

/// Its calls are recorded with their sizes on the GPU whose stream they get, and done by another communicator when the
/// stream comes to them.
class RecordingCommunicator : public raddle::runtime::Communicator {
public:
  using StreamHandle = raddle::runtime::StreamHandle;
  using DType = raddle::runtime::DType;
  using Reduction = raddle::bundle::Reduction;

  explicit RecordingCommunicator(std::shared_ptr<Communicator> hosts) : hosts(std::move(hosts)) {}

  int rank() const override { return hosts->rank(); }
  int size() const override { return hosts->size(); }

  void allGather(const void *src, void *dst, size_t bytes, StreamHandle stream) override {
    on(stream, "gather " + std::to_string(bytes), [=] { hosts->allGather(src, dst, bytes); });
    received += bytes * static_cast<size_t>(size() - 1);
  }
  void reduceScatter(const void *src, void *dst, size_t count, DType dtype, Reduction reduction,
                     StreamHandle stream) override {
    on(stream, "reduce-scatter " + std::to_string(count),
       [=] { hosts->reduceScatter(src, dst, count, dtype, reduction); });
  }
  void allReduce(const void *src, void *dst, size_t count, DType dtype, Reduction reduction,
                 StreamHandle stream) override {
    on(stream, "all-reduce " + std::to_string(count), [=] { hosts->allReduce(src, dst, count, dtype, reduction); });
  }
  void broadcast(void *buffer, size_t bytes, int root, StreamHandle stream) override {
    on(stream, "broadcast " + std::to_string(bytes), [=] { hosts->broadcast(buffer, bytes, root); });
  }
  void transfer(const void *src, void *dst, const std::vector<raddle::runtime::Transfer> &pieces,
                StreamHandle stream) override {
    on(stream, "transfer of " + std::to_string(pieces.size()), [=] { hosts->transfer(src, dst, pieces); });
  }
  void barrier() override { hosts->barrier(); }
  std::shared_ptr<Communicator> split(int colour) override {
    return std::make_shared<RecordingCommunicator>(hosts->split(colour));
  }
  void abort() override { hosts->abort(); }
  void giveUp() override { ++ends; }

  int ends = 0;

private:
  std::shared_ptr<Communicator> hosts;

  static void on(StreamHandle stream, const std::string &what, std::function<void()> work) {
    static_cast<RecordingGpu *>(stream)->collective(what, std::move(work));
  }
};
