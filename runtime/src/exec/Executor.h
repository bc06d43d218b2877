// One rank: its memory and the programs that run on it.
#pragma once

#include "Program.h"

#include "raddle/runtime/AlignedBuffer.h"
#include "raddle/runtime/Communicator.h"
#include "raddle/runtime/Trace.h"

#include <memory>
#include <vector>

namespace raddle::runtime {

class Executor {
public:
  /// Allocates the rank's states (zero) and arena and lowers all variants, numbered through all entry points. Throws
  /// Error when memory does not suffice.
  Executor(const bundle::Bundle &bundle, const LoadedCode &code, Communicator &communicator, unsigned threads,
           bool trace);

  /// Fills the parameters.
  void load(uint64_t seed, const std::string &weights);

  /// Runs a program. `inputs` and `outputs` are this rank's parts. Throws Error, naming rank and instruction.
  void run(size_t program, void *const *inputs, void *const *outputs);

  int rank() const { return communicator.rank(); }
  uint8_t *state(uint32_t index) { return states[index]; }
  const Program &program(size_t index) const { return programs[index]; }
  const Trace *recorded() const { return trace.get(); }
  uint64_t stateBytes() const { return stateMemory.size(); }
  uint64_t arenaBytes() const { return arena.size(); }

private:
  const bundle::Bundle &bundle;
  Communicator &communicator;
  ThreadPool pool;
  AlignedBuffer stateMemory, arena;
  std::vector<uint8_t *> states;
  std::vector<Program> programs;
  std::unique_ptr<Trace> trace;

  void allocateStates();
  const char *execute(const Step &step, void *const *operands);
  void communicate(const CollectiveCall &call, void *const *operands);
  void check(const CheckCall &call, const void *src) const;
};

} // namespace raddle::runtime
