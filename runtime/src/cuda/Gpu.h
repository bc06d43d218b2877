// What a program needs of a GPU. Operations are done in the order of their calls, later than these return.
#pragma once

#include "raddle/Bundle/bundle_generated.h"
#include "raddle/runtime/CpuOperations.h"

#include <cstdint>
#include <memory>
#include <string>

namespace raddle::runtime {

class Gpu {
public:
  virtual ~Gpu() = default;

  /// "NVIDIA H200", for messages.
  virtual std::string name() const = 0;

  /// Makes the calling thread one that may use this object: to be called first on every thread.
  virtual void enter() = 0;

  /// Memory of the device, or of the host that the device copies fastest from and to; at least one byte, aligned to 256
  /// bytes, and freed with this object. Throw Error.
  virtual uint8_t *allocate(uint64_t bytes) = 0;
  virtual uint8_t *allocateHost(uint64_t bytes) = 0;

  /// Loads the code of a bundle's kernels. Throws Error with the names of all that are missing.
  virtual void load(const bundle::Bundle &bundle) = 0;

  /// Launches a kernel of the loaded bundle on the addresses of its operands.
  virtual void launch(uint32_t kernel, void *const *operands) = 0;

  /// Chooses how a matrix product is computed, for operands at multiples of these bytes; gives its number.
  virtual size_t prepareGemm(const GemmProblem &problem, const uint64_t (&alignment)[3]) = 0;
  virtual void gemm(size_t prepared, const void *a, const void *b, void *c) = 0;

  /// Copies between any two places of the device and of memory from `allocateHost`.
  virtual void copy(void *dst, const void *src, uint64_t bytes) = 0;
  virtual void fill(void *dst, uint8_t byte, uint64_t bytes) = 0;

  /// Operations between these two are not done, but kept as a graph, which can be launched as often as one likes.
  virtual void beginGraph() = 0;
  virtual size_t endGraph() = 0;
  virtual void launchGraph(size_t graph) = 0;

  /// Bytes of the device that libraries and kernels hold as scratch memory.
  virtual uint64_t workspaceBytes() const = 0;

  /// Waits until everything is done. Throws Error when something failed.
  virtual void synchronize() = 0;
};

/// The GPU of this process, through NVIDIA's driver and cuBLASLt, which are loaded now. Throws Error when this machine
/// has none.
std::unique_ptr<Gpu> openCudaGpu(int ordinal);

} // namespace raddle::runtime
