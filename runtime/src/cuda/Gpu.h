// What a program needs of a GPU. Operations are done on a stream in the order of their calls, later than these return:
// all on the one that computes, but what a communicator is asked for.
#pragma once

#include "raddle/Bundle/bundle_generated.h"
#include "raddle/runtime/Attention.h"
#include "raddle/runtime/Communicator.h"
#include "raddle/runtime/CpuOperations.h"
#include "raddle/runtime/GraphCensus.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace raddle::runtime {

/// Every array begins at a multiple of this, as memory of the device does.
constexpr uint64_t deviceAlignment = 256;

/// The largest power of two up to `deviceAlignment` that divides an address.
inline uint64_t alignmentOf(const void *address) {
  uint64_t bits = reinterpret_cast<uintptr_t>(address) | deviceAlignment;
  return bits & -bits;
}

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

  /// Before the first product is prepared: takes the choices of earlier processes from a file, and keeps new ones
  /// there.
  virtual void rememberGemms(const std::string &file) = 0;

  /// Chooses how a matrix product is computed, for operands with the alignment of these; gives its number.
  virtual size_t prepareGemm(const GemmProblem &problem, const GemmOperands &operands) = 0;
  virtual void gemm(size_t prepared, const GemmOperands &operands) = 0;

  /// How many forms of the prepared products are to be remembered, but are not yet; and measures each way of computing
  /// them, on the operands that they were prepared for, whose values are lost. After each form it says how many are
  /// done, of how many. Throw Error.
  virtual size_t unmeasuredGemms() = 0;
  virtual void measureGemms(const std::function<void(size_t, size_t)> &progress) = 0;

  /// Chooses how attention is computed; gives its number. Operands are the problem's, inputs and then outputs.
  virtual size_t prepareAttention(const AttentionProblem &problem) = 0;
  virtual void attention(size_t prepared, void *const *operands) = 0;

  /// Copies between any two places of the device and of memory from `allocateHost`.
  virtual void copy(void *dst, const void *src, uint64_t bytes) = 0;
  virtual void fill(void *dst, uint8_t byte, uint64_t bytes) = 0;

  /// The stream of collectives, for calls of a communicator.
  virtual StreamHandle communicationStream() = 0;

  /// Points of streams, numbered from 0: `record` is behind what a stream (of exec/Program.h) was asked for so far, and
  /// `wait` keeps another one from what it is asked for later until that is done.
  virtual void makeEvents(size_t count) = 0;
  virtual void record(size_t event, uint32_t stream) = 0;
  virtual void wait(size_t event, uint32_t stream) = 0;

  /// Whether what was recorded last for an event is done; and a wait until it is. Throw Error when something failed.
  virtual bool reached(size_t event) = 0;
  virtual void await(size_t event) = 0;

  /// Points of streams whose times are kept, numbered from 0; `secondsBetween` asks for two that are done.
  virtual void makeStamps(size_t count) = 0;
  virtual void stamp(size_t stamp, uint32_t stream) = 0;
  virtual double secondsBetween(size_t first, size_t second) = 0;

  /// Stores a number on the stream of collectives; `marked` reads it while all streams work, 0 where it cannot be read.
  virtual void mark(uint32_t number) = 0;
  virtual uint32_t marked() = 0;

  /// Operations between these two are not done, but kept as a graph, which can be launched as often as one likes. The
  /// stream of collectives belongs to it from its first wait for the one that computes, which must wait for it in turn.
  virtual void beginGraph() = 0;
  virtual size_t endGraph() = 0;
  virtual void launchGraph(size_t graph) = 0;
  /// What a graph is made of, without its entry point.
  virtual const GraphCensus &census(size_t graph) const = 0;
  /// Graphs from the next one on are written to a file in DOT: the first to this one, the i-th to its name with ".i".
  virtual void drawGraphs(const std::string &path) = 0;
  /// Forgets all graphs, which communicators must outlive.
  virtual void dropGraphs() = 0;

  /// Bytes of the device that libraries and kernels hold as scratch memory.
  virtual uint64_t workspaceBytes() const = 0;

  /// How often memory of the device, or of the host for it, was allocated through this object.
  virtual uint64_t allocations() const = 0;

  /// Whether everything is done; and a wait until it is. Throw Error when something failed.
  virtual bool finished() = 0;
  virtual void synchronize() = 0;
};

/// How many GPUs this process sees. Loads NVIDIA's driver; throws Error where there is none.
int cudaGpuCount();

/// A GPU of this process, through NVIDIA's driver, which is loaded now, and cuBLASLt and cuDNN, where a bundle needs
/// them. Throws Error when this machine has none.
std::unique_ptr<Gpu> openCudaGpu(int ordinal);

} // namespace raddle::runtime
