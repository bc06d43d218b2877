// One variant of an entry point, ready to run on one rank.
#pragma once

#include "raddle/runtime/Attention.h"
#include "raddle/runtime/CodeLoader.h"
#include "raddle/runtime/Communicator.h"
#include "raddle/runtime/CpuOperations.h"

#include <variant>
#include <vector>

namespace raddle::runtime {

// The instructions. Their operands' addresses are in the program's table, from `Step::operands` on.
struct KernelCall {
  KernelFunction function; // of a CPU
  int64_t range;
  int64_t grain;   // parts of the range that a thread gets at once
  uint32_t kernel; // its index in the bundle
};
struct GemmCall {
  GemmProblem problem;
};
struct AttentionCall {
  AttentionProblem problem;
};
struct CollectiveCall {
  bundle::CollectiveKind kind;
  bundle::Reduction reduction;
  bundle::Group group;
  DType dtype;
  uint64_t count; // elements that one rank contributes to a gather, or gets from a reduction
  std::vector<Transfer> pieces;
};
struct CopyCall {
  uint64_t bytes;
};
struct ZeroCall {
  uint64_t bytes;
};
struct CheckCall {
  DType dtype;
  uint64_t count;
  IndexRange range;
  const char *what;
  int32_t kernel; // on a GPU, of indices that are not a caller's
};

struct RecordCall {
  uint32_t event;
};
struct WaitCall {
  uint32_t event;
};

struct Step {
  std::variant<KernelCall, GemmCall, AttentionCall, CollectiveCall, CopyCall, ZeroCall, CheckCall, RecordCall, WaitCall>
      call;
  uint32_t operands;
  uint32_t stream;
  const char *name;
  const bundle::Instruction *source;
};

/// The name of an instruction's kind, for traces.
const char *kindOf(const Step &step);

/// What to say about an index that is not allowed.
std::string describeBadIndex(const CheckCall &call, const BadIndex &bad);

/// Start addresses of a rank's buffers, as spaces of operands.
struct Buffers {
  uint8_t *arena;
  const std::vector<uint8_t *> &states, &constants;
};

/// Streams of a program.
constexpr uint32_t computeStream = 0, communicationStream = 1, numStreams = 2;

/// The lowered variant. Addresses of arena, states and constants are fixed; those of inputs and outputs are set by
/// `bind` before each run.
class Program {
public:
  /// `code` is the CPU's, null for another device.
  Program(const bundle::Bundle &bundle, const bundle::Variant &variant, const LoadedCode *code, const Buffers &buffers);

  void bind(void *const *inputs, void *const *outputs);

  /// The instructions of one stream, in order.
  const std::vector<Step> &steps(uint32_t stream) const { return streams[stream]; }

  /// Calls `body` for all instructions of all streams, in the program's order.
  template <typename Body> void forEach(Body &&body) const {
    size_t next[numStreams] = {};
    for (uint32_t stream : order)
      body(streams[stream][next[stream]++]);
  }

  uint32_t events() const { return eventCount; }
  bool communicates() const { return !streams[communicationStream].empty(); }
  void *const *operands(const Step &step) const { return addresses.data() + step.operands; }

private:
  struct Fixup {
    uint32_t slot;
    bool isOutput;
    uint32_t index;
    uint64_t offset;
  };
  std::vector<Step> streams[numStreams];
  std::vector<uint32_t> order; // the stream of each instruction
  uint32_t eventCount;
  std::vector<void *> addresses;
  std::vector<Fixup> fixups;

  void addOperand(const bundle::Operand &operand, const Buffers &buffers);
  void addInstruction(const bundle::Bundle &bundle, const bundle::Instruction &instruction, const LoadedCode *code,
                      const Buffers &buffers);
};

} // namespace raddle::runtime
