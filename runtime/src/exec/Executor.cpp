#include "Executor.h"

#include "raddle/runtime/Error.h"
#include "raddle/runtime/Parameters.h"
#include "raddle/runtime/Weights.h"

#include <cstring>

namespace raddle::runtime {

Executor::Executor(const bundle::Bundle &bundle, const LoadedCode &code, const Groups &groups, unsigned threads,
                   bool traced)
    : bundle(bundle), groups(groups), pool(threads) {
  allocateStates();
  // Nothing writes to a constant: the verifier refuses it as a destination.
  for (size_t i = 0; bundle.constants() && i < bundle.constants()->size(); ++i)
    constants.push_back(const_cast<uint8_t *>(bundle.constants()->Get(i)->data()->data()));
  uint64_t arenaBytes = largestArena(bundle);
  if (!arena.allocate(arenaBytes))
    throw Error("cannot allocate an arena of " + std::to_string(arenaBytes) + " bytes for rank " +
                std::to_string(rank()));
  for (const bundle::EntryPoint *entry : *bundle.entries())
    for (const bundle::Variant *variant : *entry->variants())
      programs.emplace_back(bundle, *variant, &code, Buffers{arena.data(), states, constants});
  allocateScratch();
  if (traced)
    traces.assign(numStreams, Trace(rank()));
}

void Executor::allocateStates() {
  StateLayout layout(bundle);
  if (!stateMemory.allocate(layout.bytes))
    throw Error("cannot allocate " + std::to_string(layout.bytes) + " bytes of state for rank " +
                std::to_string(rank()));
  std::memset(stateMemory.data(), 0, layout.bytes);
  for (uint64_t offset : layout.offsets)
    states.push_back(stateMemory.data() + offset);
}

void Executor::allocateScratch() {
  size_t most = 0;
  for (const Program &program : programs)
    program.forEach([&](const Step &step) {
      if (const auto *gemm = std::get_if<GemmCall>(&step.call))
        most = std::max(most, gemmScratchBytes(gemm->problem, pool.size()));
      else if (const auto *attention = std::get_if<AttentionCall>(&step.call))
        most = std::max<size_t>(most, attentionScratchBytes(attention->problem));
    });
  if (most != 0 && !scratch.allocate(most))
    throw Error("cannot allocate " + std::to_string(most) + " bytes to widen matrices for rank " +
                std::to_string(rank()));
}

void Executor::load(uint64_t seed, const std::string &weights) {
  std::unique_ptr<WeightArchive> archive;
  if (!weights.empty())
    archive = openWeights(weights);
  loadParameters(bundle, static_cast<uint32_t>(rank()), seed, archive.get(), pool,
                 [&](const ParameterPart &part, uint64_t, const std::function<void(uint8_t *)> &fill) {
                   fill(states[part.state] + part.offset);
                 });
}

void Executor::readState(uint32_t state, uint64_t offset, void *dst, uint64_t bytes) {
  std::memcpy(dst, states[state] + offset, bytes);
}

void Executor::writeState(uint32_t state, uint64_t offset, const void *src, uint64_t bytes) {
  std::memcpy(states[state] + offset, src, bytes);
}

void Executor::start(size_t index, void *const *inputs, void *const *outputs) {
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
      execute(step, program.operands(step));
      const char *kind = kindOf(step);
      if (!std::holds_alternative<RecordCall>(step.call))
        traces[stream].add({*step.name ? step.name : kind, kind, stream, begin, Trace::Clock::now(), step.source});
    } catch (const Aborted &) {
      throw;
    } catch (const Error &error) {
      throw Error("rank " + std::to_string(rank()) + ", instruction '" + step.name + "': " + error.what());
    }
  }
}

void Executor::execute(const Step &step, void *const *operands) {
  if (const auto *kernel = std::get_if<KernelCall>(&step.call)) {
    pool.parallelFor(kernel->range, kernel->grain,
                     [&](int64_t begin, int64_t end) { kernel->function(operands, begin, end); });
  } else if (const auto *gemm = std::get_if<GemmCall>(&step.call)) {
    runGemm(gemm->problem, GemmOperands::from(gemm->problem, operands), pool, scratch.data());
  } else if (const auto *attention = std::get_if<AttentionCall>(&step.call)) {
    runAttention(attention->problem, operands, pool, scratch.data());
  } else if (const auto *collective = std::get_if<CollectiveCall>(&step.call)) {
    communicated += communicate(*collective, groups, operands);
  } else if (const auto *copy = std::get_if<CopyCall>(&step.call)) {
    copyBytes(operands[0], operands[1], copy->bytes, pool);
    copied += copy->bytes;
  } else if (const auto *zero = std::get_if<ZeroCall>(&step.call)) {
    zeroBytes(operands[0], zero->bytes, pool);
  } else if (const auto *record = std::get_if<RecordCall>(&step.call)) {
    events.record(record->event);
  } else if (const auto *wait = std::get_if<WaitCall>(&step.call)) {
    events.wait(wait->event);
  } else if (const auto *check = std::get_if<CheckCall>(&step.call)) {
    if (std::optional<BadIndex> bad = findBadIndex(operands[0], check->dtype, check->count, check->range))
      throw Error(describeBadIndex(*check, *bad));
  }
}

uint64_t Executor::workspaceBytes() const {
  uint64_t packed = 0;
  bool reduces[3] = {};
  for (const Program &program : programs)
    for (uint32_t stream = 0; stream < numStreams; ++stream)
      for (const Step &step : program.steps(stream)) {
        if (const auto *gemm = std::get_if<GemmCall>(&step.call))
          packed = std::max<uint64_t>(packed, gemmPackedBytes(gemm->problem, pool.size()));
        const auto *call = std::get_if<CollectiveCall>(&step.call);
        if (call &&
            (call->kind == bundle::CollectiveKind::ReduceScatter || call->kind == bundle::CollectiveKind::AllReduce))
          reduces[static_cast<size_t>(call->group)] = true;
      }
  for (bundle::Group group : bundle::EnumValuesGroup())
    packed += reduces[static_cast<size_t>(group)] ? groups.of(group).workspaceBytes() : 0;
  return packed + scratch.size();
}

} // namespace raddle::runtime
