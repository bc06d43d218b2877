// Communication between ranks.
#pragma once

#include "raddle/runtime/DType.h"

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace raddle::runtime {

/// A queue of a device on which a collective is ordered; null for CPUs, where a call returns when its result is there.
using StreamHandle = void *;

/// Bytes [source, source + bytes) of rank `from`'s source become bytes [target, target + bytes) of rank `to`'s
/// destination.
struct Transfer {
  int from, to;
  size_t source, target, bytes;
};

/// One rank's view of a group of ranks. Every rank makes the same calls in the same order; a call blocks (or, with a
/// stream, is enqueued) until all have made it. Sizes are those of one rank's part unless said otherwise. Reductions
/// take f32, f64, f16, bf16, i64 and i32; a mean takes the floating-point types. 16-bit elements are added in f32 in
/// the order of ranks and rounded once. Throws Error when communication fails and Aborted when another rank has called
/// abort.
class __attribute__((visibility("default"))) Communicator {
public:
  virtual ~Communicator() = default;

  virtual int rank() const = 0;
  virtual int size() const = 0;

  /// `dst` gets `bytes` bytes of every rank, in the order of ranks. `src` may be this rank's part of `dst`.
  virtual void allGather(const void *src, void *dst, size_t bytes, StreamHandle stream = nullptr) = 0;

  /// `src` holds size() * count elements; `dst` gets the reduced elements [rank * count, (rank + 1) * count).
  virtual void reduceScatter(const void *src, void *dst, size_t count, DType dtype, bundle::Reduction reduction,
                             StreamHandle stream = nullptr) = 0;

  /// `dst`, which may be `src`, gets all `count` reduced elements on every rank.
  virtual void allReduce(const void *src, void *dst, size_t count, DType dtype, bundle::Reduction reduction,
                         StreamHandle stream = nullptr) = 0;

  /// Every rank's `buffer` gets the bytes of `root`'s.
  virtual void broadcast(void *buffer, size_t bytes, int root, StreamHandle stream = nullptr) = 0;

  /// Moves pieces between ranks, and inside of them; every rank gives the same list. Targets do not overlap, and `src`
  /// and `dst` do not either.
  virtual void transfer(const void *src, void *dst, const std::vector<Transfer> &pieces,
                        StreamHandle stream = nullptr) = 0;

  virtual void barrier() = 0;

  /// The group of those ranks of this one that call with the same colour, in the order of ranks.
  virtual std::shared_ptr<Communicator> split(int colour) = 0;

  /// Bytes that came from other ranks so far. What ranks pass on for each other inside of an MPI library is not seen.
  uint64_t bytesReceived() const { return received; }

  /// Memory that reductions need beside their arguments.
  virtual size_t workspaceBytes() const { return 0; }

  /// Stops all ranks, in groups split from this one too: their present and later calls fail. Between processes this
  /// ends all of them.
  virtual void abort() = 0;

  /// Of collectives on a stream, which fail after their calls have returned: throws Error when one has, and Aborted
  /// after `abort`. The rank's own thread asks while it waits, and with `giveUp` ends what is under way, for good.
  virtual void poll() {}
  virtual void giveUp() {}

protected:
  uint64_t received = 0;
};

/// Throws Error when `dtype` cannot be reduced that way.
void checkReduction(DType dtype, bundle::Reduction reduction);

/// Whether this process was started by mpirun or another launcher that MPI knows.
bool startedByMpi();

/// The communicator of the processes that MPI started. Loads libraddle_mpi.so from the folder of this program or
/// library, or ../lib of it, so that nothing else depends on MPI. Throws Error when it is not there.
std::shared_ptr<Communicator> connectMpi();

} // namespace raddle::runtime
