// One rank whose programs run on a GPU.
#pragma once

#include "Gpu.h"
#include "InstructionTimes.h"

#include "../exec/RankExecutor.h"

#include <chrono>
#include <functional>
#include <memory>
#include <optional>

namespace raddle::runtime {

/// The groups of one rank on a GPU, which lives on their streams: they must not end before its graphs.
struct GpuGroups {
  std::shared_ptr<Communicator> all, shards, replicas;
};

/// Whether the fastest way of each matrix product is measured before the first run.
struct GemmMeasuring {
  /// Where choices are remembered; empty: nothing is measured, and each product is done as cuBLASLt proposes first.
  std::string file;
  /// Called after each form of products with how many are done, of how many; may be empty.
  std::function<void(size_t, size_t)> progress;
};

/// Everything lies on the device: states, one arena, constants, inputs and outputs, whose values go through memory of
/// the host that the device copies from and to. A program's first run does one instruction after the other; the second
/// is kept as a graph, collectives included, and from then on a run is a copy in, one launch of it, and a copy out: the
/// same few calls of the driver for any program.
class GpuExecutor : public RankExecutor {
public:
  /// A collective may take `patience`; `threads` of the host draw initial values. Throws Error, also naming every
  /// instruction that a GPU cannot do yet.
  GpuExecutor(const bundle::Bundle &bundle, std::unique_ptr<Gpu> gpu, GpuGroups groups, bool trace,
              std::chrono::seconds patience, unsigned threads, const GemmMeasuring &measuring = {});
  ~GpuExecutor() override;

  /// Does each collective of the programs once, so that libraries have made their connections before the first run: all
  /// ranks call it before anything is loaded, as states are zero afterwards. Throws Error.
  void rehearse();

  void load(uint64_t seed, const std::string &weights) override;

  /// An index that is not allowed is found by `check` where a caller's input holds it, and by `deliver` where the
  /// program computes it. With tracing every instruction of a first run is waited for, and an error names it.
  void check(size_t program, void *const *inputs) override;
  void start(size_t program, void *const *inputs, void *const *outputs) override;
  void wait() override;
  void deliver() override;
  bool isAsynchronous() const override { return true; }

  void abort() override;

  void readState(uint32_t state, uint64_t offset, void *dst, uint64_t bytes) override;
  void writeState(uint32_t state, uint64_t offset, const void *src, uint64_t bytes) override;

  int rank() const override { return groups.all.rank(); }
  const Program &program(size_t index) const override { return lowered[index].program; }
  const std::vector<Trace> &recorded() const override { return traces; }
  uint64_t stateBytes() const override { return layout.bytes; }
  uint64_t arenaBytes() const override { return largestArena(bundle); }
  uint64_t workspaceBytes() const override { return gpu->workspaceBytes(); }
  uint64_t bytesCommunicated() const override { return communicated; }
  uint64_t bytesCopied() const override { return copied; }
  DeviceCalls deviceCalls() const override;
  std::vector<GraphCensus> graphs() const override;

private:
  /// An array that the caller hands over or gets: where it lies from the start of the arrays of its kind.
  struct Array {
    uint64_t offset, bytes;
  };
  struct Lowered {
    Lowered(std::string entry, Program &&lowered) : entry(std::move(entry)), program(std::move(lowered)) {}

    std::string entry;
    Program program;
    std::vector<Array> inputs, outputs;
    uint64_t inputBytes = 0, outputBytes = 0, copiedBytes = 0, communicatedBytes = 0;
    /// Checks of what a caller hands over, by input; and of what the program computes, in the order of their reports.
    std::vector<std::pair<size_t, const Step *>> hostChecks;
    std::vector<const Step *> deviceChecks;
    std::vector<const Step *> collectives;
    std::vector<size_t> gemms, attentions; ///< numbers of the prepared ones, in the order of the steps
    uint64_t runs = 0;
    std::optional<size_t> graph;
  };

  /// A program under way. Its inputs, outputs and reports lie beside each other in memory that the GPU copies.
  struct Started {
    Lowered *program = nullptr;
    uint8_t *arrays = nullptr;
    std::vector<void *> outputs;
    size_t event = 0; // behind all of it
  };
  /// How many of the instructions of a kind have been met.
  struct Cursor {
    size_t gemms = 0, attentions = 0, checks = 0, collectives = 0;
  };
  // All bits set: a check found nothing.
  static constexpr uint64_t nothingFound = ~uint64_t(0);

  const bundle::Bundle &bundle;
  StateLayout layout;
  std::unique_ptr<Gpu> gpu;
  GpuGroups kept;
  Groups groups;
  std::vector<Communicator *> communicators; // each one once
  const std::chrono::seconds patience;
  const unsigned threads;
  uint8_t *stateMemory = nullptr, *arena = nullptr;
  uint64_t arenaBytesOfAll = 0;
  std::vector<uint8_t *> states, constants;
  std::vector<Lowered> lowered;
  std::vector<Trace> traces;
  std::optional<InstructionTimes> times; // of a traced run
  // Inputs of a program, then its outputs, then reports of checks.
  uint8_t *deviceArrays = nullptr;
  uint64_t deviceArrayBytes = 0;
  // In turn; those from `oldest` on are under way.
  Started started[mostStarted];
  size_t oldest = 0, underWay = 0;
  // For copies between runs.
  static constexpr uint64_t stagingBytes = 16u << 20;
  uint8_t *staging = nullptr;
  DeviceCalls calls;
  uint64_t copied = 0, communicated = 0;

  void refuseUnsupported() const;
  void uploadConstants();
  void lower(const bundle::EntryPoint &entry, const bundle::Variant &variant);
  void sortSteps(Lowered &program, const bundle::Variant &variant);
  size_t prepareGemm(const GemmProblem &problem, void *const *operands);
  void prepare(Lowered &program);
  void measureGemms(const GemmMeasuring &measuring);
  void fillRepeatedly(uint8_t *memory, uint64_t bytes);
  uint64_t reportsOffset(const Lowered &program) const;
  void allocateArrays();
  void startTracing();
  void submit(Lowered &program);
  void submitTraced(Lowered &program);
  void capture(Lowered &program);
  /// Asks for each instruction; `times`, where it is not null, gets those of the device.
  void submitAll(Lowered &program, bool first, InstructionTimes *times);
  void execute(Lowered &program, const Step &step, Cursor &cursor);
  /// Waits for all that was asked for; `step` is the last of it, where that is known.
  void drain(const Lowered &program, const Step *step);
  void synchronize();
  void awaitEnd(const Started &run);
  void await(const Lowered &program, const std::function<bool()> &done, const Step *step);
  void readReports(const Started &run) const;
  void upload(uint8_t *dst, const uint8_t *src, uint64_t bytes);
  void download(uint8_t *dst, const uint8_t *src, uint64_t bytes);
};

} // namespace raddle::runtime
