// One rank whose programs run on the CPU.
#pragma once

#include "RankExecutor.h"
#include "Streams.h"

#include "raddle/runtime/AlignedBuffer.h"

#include <memory>
#include <vector>

namespace raddle::runtime {

class Executor : public RankExecutor {
public:
  /// Allocates the rank's states (zero) and arena and lowers all variants, numbered through all entry points. Throws
  /// Error when memory does not suffice.
  Executor(const bundle::Bundle &bundle, const LoadedCode &code, const Groups &groups, unsigned threads, bool trace);

  void load(uint64_t seed, const std::string &weights) override;

  /// Communication runs on a thread of its own beside compute, each waiting for the other where the program says so.
  void start(size_t program, void *const *inputs, void *const *outputs) override;

  void readState(uint32_t state, uint64_t offset, void *dst, uint64_t bytes) override;
  void writeState(uint32_t state, uint64_t offset, const void *src, uint64_t bytes) override;

  int rank() const override { return groups.all.rank(); }
  const Program &program(size_t index) const override { return programs[index]; }
  const std::vector<Trace> &recorded() const override { return traces; }
  uint64_t stateBytes() const override { return stateMemory.size(); }
  uint64_t arenaBytes() const override { return arena.size(); }
  uint64_t workspaceBytes() const override;
  uint64_t bytesCommunicated() const override { return communicated; }
  uint64_t bytesCopied() const override { return copied; }

private:
  const bundle::Bundle &bundle;
  Groups groups;
  ThreadPool pool;
  AlignedBuffer stateMemory, arena, scratch;
  std::vector<uint8_t *> states, constants;
  std::vector<Program> programs;
  std::vector<Trace> traces;
  Events events;
  // Made when a program communicates.
  std::unique_ptr<StreamThread> communication;
  uint64_t communicated = 0, copied = 0;

  void allocateStates();
  void allocateScratch();
  void runStream(Program &program, uint32_t stream);
  void runBeside(Program &program);
  void execute(const Step &step, void *const *operands);
};

} // namespace raddle::runtime
