#include "StagedCommunicator.h"

#include "../exec/Program.h"
#include "WaitForGpu.h"

#include "raddle/runtime/Error.h"

#include <algorithm>
#include <cstring>

namespace raddle::runtime {

StagedCommunicator::StagedCommunicator(std::shared_ptr<Communicator> communicator, Gpu &gpu,
                                       std::chrono::seconds patience)
    : device(std::move(communicator)), gpu(gpu), patience(patience) {
  uint64_t bytes = partBytes * static_cast<uint64_t>(device->size() + 1);
  there = gpu.allocate(bytes);
  here = gpu.allocateHost(bytes);
  gpu.makeEvents(numStreams);
}

void StagedCommunicator::exchange(const char *what, const void *src, uint64_t bytes,
                                  const std::function<void(StreamHandle)> &collective, const uint8_t *results,
                                  uint64_t resultBytes) {
  constexpr size_t brought = computeStream, done = communicationStream;
  std::memcpy(here, src, bytes);
  gpu.copy(there, here, bytes);
  gpu.record(brought, computeStream);
  gpu.wait(brought, communicationStream);
  collective(gpu.communicationStream());
  gpu.record(done, communicationStream);
  gpu.wait(done, computeStream);
  gpu.copy(here, results, resultBytes);
  waitForGpu(
      gpu, [this] { return gpu.finished(); }, {device.get()}, patience,
      [&](uint32_t) {
        return "rank " + std::to_string(rank()) + ", " + what + " between hosts, of " + std::to_string(bytes) +
               " bytes";
      });
}

void StagedCommunicator::allGather(const void *src, void *dst, size_t bytes, StreamHandle) {
  uint8_t *gathered = there + partBytes;
  for (size_t at = 0; at < bytes; at += partBytes) {
    size_t piece = std::min<size_t>(partBytes, bytes - at);
    exchange(
        "a gather", static_cast<const uint8_t *>(src) + at, piece,
        [&](StreamHandle stream) { device->allGather(there, gathered, piece, stream); }, gathered, piece * size());
    for (int r = 0; r < size(); ++r)
      std::memcpy(static_cast<uint8_t *>(dst) + r * bytes + at, here + r * piece, piece);
  }
}

void StagedCommunicator::allReduce(const void *src, void *dst, size_t count, DType dtype, bundle::Reduction reduction,
                                   StreamHandle) {
  size_t bytes = count * byteSize(dtype);
  for (size_t at = 0; at < bytes; at += partBytes) {
    size_t piece = std::min<size_t>(partBytes, bytes - at);
    exchange(
        "a reduction", static_cast<const uint8_t *>(src) + at, piece,
        [&](StreamHandle stream) {
          device->allReduce(there, there, piece / byteSize(dtype), dtype, reduction, stream);
        },
        there, piece);
    std::memcpy(static_cast<uint8_t *>(dst) + at, here, piece);
  }
}

void StagedCommunicator::broadcast(void *buffer, size_t bytes, int root, StreamHandle) {
  for (size_t at = 0; at < bytes; at += partBytes) {
    uint8_t *part = static_cast<uint8_t *>(buffer) + at;
    size_t piece = std::min<size_t>(partBytes, bytes - at);
    exchange(
        "a broadcast", part, piece, [&](StreamHandle stream) { device->broadcast(there, piece, root, stream); }, there,
        piece);
    std::memcpy(part, here, piece);
  }
}

void StagedCommunicator::barrier() {
  int32_t all = 0;
  allReduce(&all, &all, 1, DType::I32, bundle::Reduction::Sum, nullptr);
}

[[noreturn]] static void refuse(const char *what) {
  throw Error(std::string("hosts that communicate through GPUs have no ") + what);
}

void StagedCommunicator::reduceScatter(const void *, void *, size_t, DType, bundle::Reduction, StreamHandle) {
  refuse("reduce-scatter");
}

void StagedCommunicator::transfer(const void *, void *, const std::vector<Transfer> &, StreamHandle) {
  refuse("transfers");
}

std::shared_ptr<Communicator> StagedCommunicator::split(int) { refuse("groups"); }

} // namespace raddle::runtime
