// A loaded bundle with its state: what a program or the Python module uses.
#pragma once

#include "raddle/Bundle/bundle_generated.h"
#include "raddle/runtime/AlignedBuffer.h"
#include "raddle/runtime/Communicator.h"
#include "raddle/runtime/DType.h"
#include "raddle/runtime/DeviceCalls.h"
#include "raddle/runtime/GraphCensus.h"
#include "raddle/runtime/Launch.h"
#include "raddle/runtime/Measurements.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace raddle::runtime {

struct SessionOptions {
  /// The file of weights; empty: the one that the bundle names.
  std::string weights;
  /// Of initialisers; the bundle's own where it is not given.
  std::optional<uint64_t> seed;
  /// Threads of each rank; 0: the machine's processors shared out among its ranks.
  unsigned threads = 0;
  /// Record when each instruction runs.
  bool trace = false;
  /// Measure the machine's limits, where they are asked for, even if they are remembered from before.
  bool measureLimits = false;
  /// On a GPU: measure what ways cuBLASLt has to compute each form of matrix product and take the fastest, which is
  /// remembered (`docs/run.md`). Ways differ in how they round: without this each run computes the same on GPUs of one
  /// kind.
  bool tune = true;
  /// Called by a thread of this process after each form that has been measured, with how many are done, of how many.
  std::function<void(size_t, size_t)> tuning;
  /// The communicator of this process where ranks are processes. Null: all ranks are threads of this process.
  std::shared_ptr<Communicator> world;
  /// Instead of `world`: what torchrun said to this process, which has one rank on a GPU.
  std::optional<Launch> launch;
  /// On a GPU: the file to which the first graph of the first rank is written in DOT, others to its name with ".1",
  /// ".2" and so on; `Statistics::graphs` says why one could not be written.
  std::string graphFile;
  /// Let ranks share GPUs where there are fewer of them, in turn. For tests: ranks that are processes talk through the
  /// network, as NCCL_HOSTID is set in this process; NCCL refuses two ranks of one process.
  bool shareGpus = false;
  /// Of ranks on GPUs: how long one waits for the others when they connect, and in a collective.
  std::chrono::seconds patience{600};
};

/// An input or output of an entry point, over all ranks.
struct ArrayInfo {
  std::string name;
  DType dtype;
  std::vector<uint64_t> shape;
  bool batched;
  bool isComplex = false; ///< the last dimension, of 2, is the real and the imaginary part

  uint64_t bytes() const;
};

/// What an entry point takes from the caller and gives back. Inputs that the runtime fills itself are not listed.
struct VariantInfo {
  std::vector<ArrayInfo> inputs, outputs;
};

struct EntryInfo {
  std::string name;
  std::vector<VariantInfo> variants;
};

struct ParameterInfo {
  std::string name;
  std::vector<std::string> aliases;
  bool isBuffer, trainable;
  bool isTransient; ///< a buffer that is no part of the state dict
  DType dtype;
  std::vector<uint64_t> shape;
  bool isComplex = false; ///< the last dimension, of 2, is the real and the imaginary part

  uint64_t elements() const;
};

/// An array that the caller owns, row-major and contiguous.
struct HostArray {
  const void *data;
  DType dtype;
  std::vector<uint64_t> shape;
};

struct Statistics {
  /// A rank's memory in bytes: kept between calls; for intermediate results; what the BLAS and reductions hold beside.
  uint64_t stateBytes = 0, arenaBytes = 0, workspaceBytes = 0;
  /// The sum of these and a rank's share of the bundle and of its code, which all ranks of a process have together.
  uint64_t plannedBytes = 0;
  /// Bytes that a rank received from others, and that copy instructions moved, over all calls so far: the mean of all
  /// ranks, counted where it is done.
  uint64_t bytesCommunicated = 0, bytesCopied = 0;
  /// Calls of `run` that ended well.
  uint64_t runs = 0;
  /// The most resident memory of this process so far, in bytes.
  uint64_t peakResidentBytes = 0;
  /// Of the first rank of this process.
  DeviceCalls device;
  /// Of the same rank: the graphs that programs became on a GPU, by their second call.
  std::vector<GraphCensus> graphs;
  /// By how much that, less the pages of mapped files, had grown then since the session was opened, divided by the
  /// ranks of the process; the largest of all processes. What else the process does counts, too.
  uint64_t residentGrowthBytes = 0;
  /// The processor family whose GEMM kernels are in use.
  std::string blas;
};

/// "[2, 3]" for messages.
std::string formatShape(const std::vector<uint64_t> &shape);

/// Everything is allocated in the constructor; `run` allocates nothing on the path of instructions. One call at a time.
class Session {
public:
  /// Loads a bundle and its weights on all ranks of this process. Throws Error.
  explicit Session(const std::string &path, const SessionOptions &options = {});
  ~Session();
  Session(const Session &) = delete;
  Session &operator=(const Session &) = delete;

  const bundle::Bundle &bundle() const;
  uint32_t ranks() const;
  /// The rank of this process, or of its first thread.
  int firstRank() const;
  const std::vector<EntryInfo> &entries() const;

  /// The index of an entry point. Throws InvalidArgument with the names that there are.
  size_t findEntry(const std::string &name) const;

  /// The variant whose input shapes are those of `inputs`. Throws InvalidArgument naming every input that does not fit.
  size_t selectVariant(size_t entry, const std::vector<HostArray> &inputs) const;

  /// Runs an entry point. Inputs and outputs have the shapes of the whole batch; `outputs[i]` has room for output i.
  /// `learningRate` replaces the bundle's. Each call of an entry that counts steps is one step. After an error the
  /// step does not count.
  void run(size_t entry, size_t variant, const std::vector<HostArray> &inputs, const std::vector<void *> &outputs,
           std::optional<float> learningRate = std::nullopt);

  /// As `run`, but outputs are there when `finish` has returned, which nothing has to follow: a GPU computes meanwhile,
  /// and up to two calls are under way. A third waits for the first. Inputs are not needed afterwards; `keep` is held
  /// as long as outputs may be written. Returns the number of the call. An error of a call may come from a later one,
  /// and ends all that are under way.
  uint64_t start(size_t entry, size_t variant, const std::vector<HostArray> &inputs, const std::vector<void *> &outputs,
                 std::optional<float> learningRate = std::nullopt, std::shared_ptr<void> keep = nullptr);

  /// Waits until a call, and all before it, have ended.
  void finish(uint64_t call);

  /// Whether calls are under way after `start`.
  bool isAsynchronous() const;

  const std::vector<ParameterInfo> &parameters() const;

  /// The parameter of a name or alias. Throws InvalidArgument.
  size_t findParameter(const std::string &name) const;

  /// Gathers a whole parameter as elements of `dtype` (the stored type, or any floating-point type for a
  /// floating-point parameter). With processes, all of them must call it.
  void readParameter(size_t parameter, void *dst, DType dtype);

  /// Sets a parameter on all ranks of this process.
  void writeParameter(size_t parameter, const void *src, DType dtype);

  /// With processes, all of them must call it.
  Statistics statistics() const;

  /// `device` of the statistics alone, which asks no other process and waits for nothing.
  DeviceCalls deviceCalls() const;

  /// How long instructions took on the ranks of this process, which must have been traced, beside the machine's limits.
  /// With processes, all of them must call it. Throws Error, also when the session was made without tracing.
  Measurements measurements() const;

  /// Writes what the ranks of this process recorded. With processes, all of them must call it. Throws Error, also when
  /// the session was made without tracing.
  void writeTrace(const std::string &path) const;

private:
  struct Implementation;
  std::unique_ptr<Implementation> impl;
};

} // namespace raddle::runtime
