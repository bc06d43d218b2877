// One rank: its memory and the programs that run on it.
#pragma once

#include "Program.h"
#include "Streams.h"

#include "raddle/runtime/AlignedBuffer.h"
#include "raddle/runtime/Communicator.h"
#include "raddle/runtime/Trace.h"

#include <memory>
#include <vector>

namespace raddle::runtime {

/// The groups that one rank belongs to.
struct Groups {
  Communicator &all, &shards, &replicas;

  Communicator &of(bundle::Group group) const {
    return group == bundle::Group::All ? all : group == bundle::Group::Shards ? shards : replicas;
  }
};

class Executor {
public:
  /// Allocates the rank's states (zero) and arena and lowers all variants, numbered through all entry points. Throws
  /// Error when memory does not suffice.
  Executor(const bundle::Bundle &bundle, const LoadedCode &code, const Groups &groups, unsigned threads, bool trace);

  /// Fills the parameters.
  void load(uint64_t seed, const std::string &weights);

  /// Runs a program: communication on a thread of its own beside compute, each waiting for the other where the program
  /// says so. `inputs` and `outputs` are this rank's parts. Throws Error, naming rank and instruction.
  void run(size_t program, void *const *inputs, void *const *outputs);

  int rank() const { return groups.all.rank(); }
  uint8_t *state(uint32_t index) { return states[index]; }
  const Program &program(size_t index) const { return programs[index]; }
  /// What each stream did; empty without tracing.
  const std::vector<Trace> &recorded() const { return traces; }
  uint64_t stateBytes() const { return stateMemory.size(); }
  uint64_t arenaBytes() const { return arena.size(); }
  /// What libraries hold beside: packed matrices, parts of other ranks that are being added.
  uint64_t workspaceBytes() const;
  /// Bytes that instructions got from other ranks, and that copies moved, so far.
  uint64_t bytesCommunicated() const { return communicated; }
  uint64_t bytesCopied() const { return copied; }

private:
  const bundle::Bundle &bundle;
  Groups groups;
  ThreadPool pool;
  AlignedBuffer stateMemory, arena;
  std::vector<uint8_t *> states;
  std::vector<Program> programs;
  std::vector<Trace> traces;
  Events events;
  // Made when a program communicates.
  std::unique_ptr<StreamThread> communication;
  uint64_t communicated = 0, copied = 0;

  void allocateStates();
  void runStream(Program &program, uint32_t stream);
  void runBeside(Program &program);
  const char *execute(const Step &step, void *const *operands);
  void communicate(const CollectiveCall &call, void *const *operands);
  void check(const CheckCall &call, const void *src) const;
};

} // namespace raddle::runtime
