// The streams of one GPU, and events between them.
#pragma once

#include "MemoryKernels.h"

#include <memory>
#include <vector>

namespace raddle::runtime::cuda {

/// A stream that computes; one for collectives, whose kernels go first where both have some; and one that reads how far
/// collectives are while the others work. The context must be the calling thread's.
class DeviceStreams {
public:
  /// Throws Error.
  explicit DeviceStreams(const Driver &driver);
  /// Waits for nothing.
  ~DeviceStreams();
  DeviceStreams(const DeviceStreams &) = delete;
  DeviceStreams &operator=(const DeviceStreams &) = delete;

  Stream compute() const { return streams[0]; }
  Stream communication() const { return streams[1]; }
  const MemoryKernels &memoryKernels() const { return *memory; }

  /// As those of Gpu. Throw Error.
  void fill(Address dst, uint8_t byte, uint64_t bytes);
  void makeEvents(size_t count);
  void record(size_t event, uint32_t stream);
  void wait(size_t event, uint32_t stream);
  bool reached(size_t event);
  void await(size_t event);
  void makeStamps(size_t count);
  void stamp(size_t stamp, uint32_t stream);
  double secondsBetween(size_t first, size_t second);
  void mark(uint32_t number);
  uint32_t marked();
  bool finished();
  void synchronize();

private:
  const Driver &cu;
  Stream streams[2] = {}, beside = nullptr;
  std::unique_ptr<MemoryKernels> memory;
  std::vector<Event> events, stamps;
  // Of the device, and where the host reads it.
  Address number = 0;
  uint32_t *seen = nullptr;

  void release();
};

} // namespace raddle::runtime::cuda
