// What a session asks of one rank, whatever device it computes on.
#pragma once

#include "Program.h"

#include "raddle/runtime/Communicator.h"
#include "raddle/runtime/DeviceCalls.h"
#include "raddle/runtime/GraphCensus.h"
#include "raddle/runtime/Trace.h"

#include <string>
#include <vector>

namespace raddle::runtime {

/// The groups that one rank belongs to.
struct Groups {
  Communicator &all, &shards, &replicas;

  Communicator &of(bundle::Group group) const {
    return group == bundle::Group::All ? all : group == bundle::Group::Shards ? shards : replicas;
  }
};

/// Does a collective, or enqueues it on a stream of a device. Returns the bytes that this rank gets from others.
uint64_t communicate(const CollectiveCall &call, const Groups &groups, void *const *operands,
                     StreamHandle stream = nullptr);

/// Where the states of a bundle lie in one block: each begins at a multiple of `bufferAlignment`.
struct StateLayout {
  std::vector<uint64_t> offsets;
  uint64_t bytes = 0;

  /// Throws Error when the sizes overflow.
  explicit StateLayout(const bundle::Bundle &bundle);
};

/// The bytes of the largest arena of all variants, which share it.
uint64_t largestArena(const bundle::Bundle &bundle);

/// One rank: its memory and the programs that run on it, numbered through all entry points.
class RankExecutor {
public:
  virtual ~RankExecutor() = default;

  /// Fills the parameters.
  virtual void load(uint64_t seed, const std::string &weights) = 0;

  /// Looks at what a caller hands over, before any rank starts. Throws Error, naming rank and instruction.
  virtual void check(size_t program, void *const *inputs) {}

  /// Starts a program. `inputs` and `outputs` are this rank's parts, in the host's memory; inputs have been read when
  /// it returns. A CPU has done everything then; of a GPU up to `mostStarted` programs may be under way, whose outputs
  /// are written by `deliver`. Throws Error, naming rank and instruction.
  virtual void start(size_t program, void *const *inputs, void *const *outputs) = 0;
  static constexpr size_t mostStarted = 2;

  /// Waits for the end of the program that was started first, which `deliver` ends then: ranks wait at the same time.
  virtual void wait() {}
  virtual void deliver() {}

  /// Whether programs are under way when `start` returns.
  virtual bool isAsynchronous() const { return false; }

  /// From any thread: makes the rank's collectives that are under way fail, because another rank has.
  virtual void abort() {}

  /// Copies bytes of a state from or to the host's memory.
  virtual void readState(uint32_t state, uint64_t offset, void *dst, uint64_t bytes) = 0;
  virtual void writeState(uint32_t state, uint64_t offset, const void *src, uint64_t bytes) = 0;

  virtual int rank() const = 0;
  virtual const Program &program(size_t index) const = 0;
  /// What each stream did; empty without tracing.
  virtual const std::vector<Trace> &recorded() const = 0;
  virtual uint64_t stateBytes() const = 0;
  virtual uint64_t arenaBytes() const = 0;
  /// What libraries hold beside: packed matrices, parts of other ranks that are being added, scratch memory of a
  /// device.
  virtual uint64_t workspaceBytes() const = 0;
  /// Bytes that instructions got from other ranks, and that copies moved, so far.
  virtual uint64_t bytesCommunicated() const = 0;
  virtual uint64_t bytesCopied() const = 0;
  virtual DeviceCalls deviceCalls() const { return {}; }
  /// Of the programs that have become one, in their order.
  virtual std::vector<GraphCensus> graphs() const { return {}; }
};

} // namespace raddle::runtime
