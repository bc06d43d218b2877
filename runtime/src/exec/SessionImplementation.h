// What a session is made of; its files share this.
#pragma once

#include "../cuda/GpuExecutor.h"
#include "RankThreads.h"

#include "raddle/runtime/LocalCommunicator.h"
#include "raddle/runtime/Session.h"

#include <deque>
#include <map>

namespace raddle::runtime {

/// How one array of the caller becomes the arrays of ranks.
struct Binding {
  bool fromCaller;        // else from the session, by its role
  bundle::InputRole role; // of an input
  size_t position;        // among the caller's arrays
  uint64_t rankStride;    // bytes between the parts of two ranks; 0: every rank has the whole
  uint64_t rankBytes;
};

/// What the runtime itself gives to programs.
struct RuntimeInputs {
  float learningRate = 0;
  int64_t step = 0; // of training
  int64_t seed = 0;
  std::vector<int64_t> calls; // of each entry point
  std::vector<int64_t> ranks; // number of each executor's rank
};

struct BoundVariant {
  size_t program;
  std::vector<Binding> inputs, outputs;
  bool countsSteps;
};

/// A call that was started.
struct StartedCall {
  size_t entry;
  const BoundVariant *variant;
  std::vector<void *> outputs;
  std::shared_ptr<void> keep;
};

struct Session::Implementation {
  ~Implementation();

  AlignedBuffer file;
  const bundle::Bundle *bundle = nullptr;
  std::shared_ptr<Communicator> world;
  std::unique_ptr<LocalGroup> group;
  // Per executor: the rank's replica and the ranks of its shard.
  std::vector<std::shared_ptr<Communicator>> shardGroups, replicaGroups;
  std::unique_ptr<LoadedCode> code;
  std::vector<std::unique_ptr<RankExecutor>> executors;
  std::unique_ptr<RankThreads> threads;

  std::vector<EntryInfo> entries;
  std::vector<std::vector<BoundVariant>> bound;
  std::vector<ParameterInfo> parameters;
  std::map<std::string, size_t> parameterByName;

  // Per executor: the pointers of the present call, and memory for results that only rank 0's caller gets.
  std::vector<std::vector<void *>> inputPointers, outputPointers;
  std::vector<AlignedBuffer> discarded;
  RuntimeInputs given;
  std::deque<StartedCall> started;
  uint64_t calls = 0; // that were started
  uint64_t runs = 0, residentBefore = 0;
  unsigned threadsOfRank = 1, ranksOfMachine = 1;
  bool measureLimits = false;
  mutable std::optional<MachineLimits> limits; // of a rank, once they were asked for
  Trace::Clock::time_point start = Trace::Clock::now();

  void open(const std::string &path, const SessionOptions &options);
  void describeEntries();
  void describeParameters();
  Communicator &communicator(size_t executor);
  void makeGroups(size_t executor);
  void makeRanks(const SessionOptions &options);
  void makeCpuRanks(const SessionOptions &options, size_t count);
  /// The ranks of this process on GPUs (SessionGpus.cpp).
  void makeGpuRanks(const SessionOptions &options, size_t count);
  GpuGroups connectGpu(const SessionOptions &options, size_t executor, Gpu &gpu);
  void makeTables();
  /// Runs a body for the index of every executor, on the threads of ranks; a failure stops the others.
  void onRanks(const std::function<void(size_t)> &body);
  void abortRanks();
  /// Where the value of a role lies for an executor that runs an entry point.
  const void *runtimeInput(bundle::InputRole role, size_t entry, size_t executor) const;
  void bindRank(size_t entry, const BoundVariant &variant, size_t executor, const std::vector<HostArray> &inputs,
                const std::vector<void *> &outputs);
  /// Starts a call on all ranks.
  void startCall(const StartedCall &call, const std::vector<HostArray> &inputs);
  /// Wait for the call that was started first, or for all.
  std::exception_ptr endOldest();
  void finishOldest();
  void finishAll();
  void forgetCall(std::deque<StartedCall>::iterator call);
  /// Combines the processes' values.
  void combine(uint64_t &value, bundle::Reduction reduction) const;
  /// Throws Error where nothing was recorded.
  std::vector<const Trace *> traces() const;
  /// What a rank has of the machine; absent for a GPU.
  std::optional<MachineLimits> limitsOfRank() const;
  void gatherOutputs(const BoundVariant &variant, const std::vector<void *> &outputs);
};

} // namespace raddle::runtime
