// Filling and copying memory of the device.
#pragma once

#include "Driver.h"

#include <vector>

namespace raddle::runtime::cuda {

/// As cuMemsetD8Async, cuMemsetD32Async and cuMemcpyAsync, by kernels: a graph of kernels alone is launched at once,
/// whereas each memset or copy in it costs the host as much time as a launch. The context must be the calling thread's.
class MemoryKernels {
public:
  /// Throws Error.
  explicit MemoryKernels(const Driver &driver);
  ~MemoryKernels();
  MemoryKernels(const MemoryKernels &) = delete;
  MemoryKernels &operator=(const MemoryKernels &) = delete;

  /// `bytes` bytes get the value of `byte`, or one word that of `value`. Throw Error.
  void fill(Address dst, uint8_t byte, uint64_t bytes, Stream stream) const;
  void store(Address dst, uint32_t value, Stream stream) const;

  /// Add a node to a graph: `bytes` bytes, one or more, get the bytes of `word`, again and again; or those of a place
  /// that does not overlap.
  Result addFill(GraphNode &node, Graph graph, const std::vector<GraphNode> &dependencies, Address dst, uint32_t word,
                 uint64_t bytes) const;
  Result addCopy(GraphNode &node, Graph graph, const std::vector<GraphNode> &dependencies, Address dst, Address src,
                 uint64_t bytes) const;

private:
  const Driver &cu;
  Module module = nullptr;
  Function filling = nullptr, copying = nullptr;

  void launch(Address dst, uint32_t word, uint64_t bytes, Stream stream) const;
};

} // namespace raddle::runtime::cuda
