#include "Executor.h"

#include "raddle/runtime/Error.h"
#include "raddle/runtime/Weights.h"

#include <algorithm>
#include <cstring>

namespace raddle::runtime {

static uint64_t roundUp(uint64_t bytes) { return (bytes + bufferAlignment - 1) / bufferAlignment * bufferAlignment; }

Executor::Executor(const bundle::Bundle &bundle, const LoadedCode &code, const Groups &groups, unsigned threads,
                   bool traced)
    : bundle(bundle), groups(groups), pool(threads) {
  allocateStates();
  uint64_t arenaBytes = 0;
  for (const bundle::EntryPoint *entry : *bundle.entries())
    for (const bundle::Variant *variant : *entry->variants())
      arenaBytes = std::max(arenaBytes, variant->arena_bytes());
  if (!arena.allocate(arenaBytes))
    throw Error("cannot allocate an arena of " + std::to_string(arenaBytes) + " bytes for rank " +
                std::to_string(rank()));
  for (const bundle::EntryPoint *entry : *bundle.entries())
    for (const bundle::Variant *variant : *entry->variants())
      programs.emplace_back(bundle, *variant, code, Buffers{arena.data(), states});
  if (traced)
    traces.assign(numStreams, Trace(rank()));
}

void Executor::allocateStates() {
  uint64_t total = 0;
  std::vector<uint64_t> offsets;
  for (size_t i = 0; bundle.states() && i < bundle.states()->size(); ++i) {
    const bundle::State &state = *bundle.states()->Get(i);
    offsets.push_back(total);
    uint64_t bytes = state.elements() * byteSize(state.dtype());
    if (__builtin_add_overflow(total, roundUp(bytes), &total))
      throw Error("the sizes of all states overflow");
  }
  if (!stateMemory.allocate(total))
    throw Error("cannot allocate " + std::to_string(total) + " bytes of state for rank " + std::to_string(rank()));
  std::memset(stateMemory.data(), 0, total);
  for (uint64_t offset : offsets)
    states.push_back(stateMemory.data() + offset);
}

void Executor::load(uint64_t seed, const std::string &weights) {
  std::unique_ptr<WeightArchive> archive;
  if (!weights.empty())
    archive = openWeights(weights);
  loadParameters(bundle, static_cast<uint32_t>(rank()), seed, archive.get(), states);
}

void Executor::run(size_t index, void *const *inputs, void *const *outputs) {
  Program &program = programs[index];
  program.bind(inputs, outputs);
  events.reset(program.events());
  if (program.communicates())
    runBeside(program);
  else
    runStream(program, computeStream);
}

void Executor::runBeside(Program &program) {
  if (!communication)
    communication = std::make_unique<StreamThread>();
  std::exception_ptr errors[numStreams];
  bool aborted[numStreams] = {};
  auto guarded = [&](uint32_t stream) {
    try {
      runStream(program, stream);
      return;
    } catch (const Aborted &) {
      aborted[stream] = true;
      errors[stream] = std::current_exception();
    } catch (...) {
      errors[stream] = std::current_exception();
    }
    // Of ranks that fail, the one that is furthest behind waits for nobody but its own other stream: it ends here and
    // stops the rest.
    events.cancel();
  };
  std::function<void()> communicate = [&] { guarded(communicationStream); };
  communication->start(communicate);
  guarded(computeStream);
  communication->wait();
  // A stream that was stopped by the other one does not hide its error.
  uint32_t first = errors[computeStream] && !aborted[computeStream] ? computeStream : communicationStream;
  if (!errors[first])
    first = computeStream;
  if (errors[first])
    std::rethrow_exception(errors[first]);
}

void Executor::runStream(Program &program, uint32_t stream) {
  for (const Step &step : program.steps(stream)) {
    try {
      if (traces.empty()) {
        execute(step, program.operands(step));
        continue;
      }
      Trace::Clock::time_point begin = Trace::Clock::now();
      const char *kind = execute(step, program.operands(step));
      if (!std::holds_alternative<RecordCall>(step.call))
        traces[stream].add({*step.name ? step.name : kind, kind, stream, begin, Trace::Clock::now()});
    } catch (const Aborted &) {
      throw;
    } catch (const Error &error) {
      throw Error("rank " + std::to_string(rank()) + ", instruction '" + step.name + "': " + error.what());
    }
  }
}

// Executes one instruction and returns the name of its kind.
const char *Executor::execute(const Step &step, void *const *operands) {
  if (const auto *kernel = std::get_if<KernelCall>(&step.call)) {
    pool.parallelFor(kernel->range, 1, [&](int64_t begin, int64_t end) { kernel->function(operands, begin, end); });
    return "kernel";
  }
  if (const auto *gemm = std::get_if<GemmCall>(&step.call)) {
    runGemm(gemm->problem, operands[0], operands[1], operands[2], pool);
    return "gemm";
  }
  if (const auto *attention = std::get_if<AttentionCall>(&step.call)) {
    runAttention(attention->problem, operands, pool);
    return "attention";
  }
  if (const auto *collective = std::get_if<CollectiveCall>(&step.call)) {
    communicate(*collective, operands);
    return bundle::EnumNameCollectiveKind(collective->kind);
  }
  if (const auto *copy = std::get_if<CopyCall>(&step.call)) {
    copyBytes(operands[0], operands[1], copy->bytes, pool);
    copied += copy->bytes;
    return "copy";
  }
  if (const auto *zero = std::get_if<ZeroCall>(&step.call)) {
    zeroBytes(operands[0], zero->bytes, pool);
    return "zero";
  }
  if (const auto *record = std::get_if<RecordCall>(&step.call)) {
    events.record(record->event);
    return "record";
  }
  if (const auto *wait = std::get_if<WaitCall>(&step.call)) {
    events.wait(wait->event);
    return "wait";
  }
  check(std::get<CheckCall>(step.call), operands[0]);
  return "check";
}

void Executor::communicate(const CollectiveCall &call, void *const *operands) {
  Communicator &communicator = groups.of(call.group);
  uint64_t before = communicator.bytesReceived();
  switch (call.kind) {
  case bundle::CollectiveKind::AllGather:
    communicator.allGather(operands[0], operands[1], call.count * byteSize(call.dtype));
    break;
  case bundle::CollectiveKind::ReduceScatter:
    communicator.reduceScatter(operands[0], operands[1], call.count, call.dtype, call.reduction);
    break;
  case bundle::CollectiveKind::AllReduce:
    communicator.allReduce(operands[0], operands[1], call.count, call.dtype, call.reduction);
    break;
  case bundle::CollectiveKind::Transfer:
    communicator.transfer(operands[0], operands[1], call.pieces);
    break;
  }
  communicated += communicator.bytesReceived() - before;
}

uint64_t Executor::workspaceBytes() const {
  uint64_t packed = 0;
  bool reduces[3] = {};
  for (const Program &program : programs)
    for (uint32_t stream = 0; stream < numStreams; ++stream)
      for (const Step &step : program.steps(stream)) {
        if (const auto *gemm = std::get_if<GemmCall>(&step.call))
          packed = std::max<uint64_t>(packed, gemmWorkspaceBytes(gemm->problem, pool.size()));
        const auto *call = std::get_if<CollectiveCall>(&step.call);
        if (call && (call->kind == bundle::CollectiveKind::ReduceScatter ||
                     call->kind == bundle::CollectiveKind::AllReduce))
          reduces[static_cast<size_t>(call->group)] = true;
      }
  for (bundle::Group group : bundle::EnumValuesGroup())
    packed += reduces[static_cast<size_t>(group)] ? groups.of(group).workspaceBytes() : 0;
  return packed;
}

void Executor::check(const CheckCall &call, const void *src) const {
  std::optional<BadIndex> bad = findBadIndex(src, call.dtype, call.count, call.range);
  if (!bad)
    return;
  std::string allowed = std::to_string(call.range.lowest) + " to " + std::to_string(call.range.size - 1);
  if (call.range.ignored)
    allowed += " or " + std::to_string(*call.range.ignored);
  throw Error(std::string(call.what) + ": expected " + allowed + ", found " + std::to_string(bad->value) +
              " at position " + std::to_string(bad->position) + " of this rank's indices");
}

} // namespace raddle::runtime
