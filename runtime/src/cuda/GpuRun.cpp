// How the instructions of a program come to the GPU.
#include "GpuExecutor.h"
#include "WaitForGpu.h"

#include "raddle/runtime/Error.h"

#include <algorithm>
#include <cstring>

namespace raddle::runtime {

namespace {

/// Adds the host's time, from one call of `add` to the next, to sums.
class Stopwatch {
public:
  void add(double &sum) {
    Trace::Clock::time_point now = Trace::Clock::now();
    sum += std::chrono::duration<double>(now - last).count();
    last = now;
  }

private:
  Trace::Clock::time_point last = Trace::Clock::now();
};

} // namespace

void GpuExecutor::check(size_t index, void *const *inputs) {
  Stopwatch watch;
  for (auto [input, step] : lowered[index].hostChecks) {
    const CheckCall &call = std::get<CheckCall>(step->call);
    if (std::optional<BadIndex> bad = findBadIndex(inputs[input], call.dtype, call.count, call.range))
      throw Error("rank " + std::to_string(rank()) + ", instruction '" + step->name +
                  "': " + describeBadIndex(call, *bad));
  }
  watch.add(calls.checkSeconds);
}

// Copies are no part of the graph: each run has memory of its own on the host, as the one before may be under way.
void GpuExecutor::start(size_t index, void *const *inputs, void *const *outputs) {
  Lowered &program = lowered[index];
  Started &run = started[(oldest + underWay) % mostStarted];
  Stopwatch watch;
  gpu->enter();
  for (size_t i = 0; i < program.inputs.size(); ++i)
    std::memcpy(run.arrays + program.inputs[i].offset, inputs[i], program.inputs[i].bytes);
  std::copy(outputs, outputs + program.outputs.size(), run.outputs.begin());
  run.program = &program;
  gpu->copy(deviceArrays, run.arrays, program.inputBytes);
  watch.add(calls.stageSeconds);
  submit(program);
  watch.add(calls.submitSeconds);
  uint64_t results = reportsOffset(program) - program.inputBytes + program.deviceChecks.size() * sizeof(uint64_t);
  gpu->copy(run.arrays + program.inputBytes, deviceArrays + program.inputBytes, results);
  gpu->record(run.event, computeStream);
  ++program.runs;
  ++underWay;
  watch.add(calls.collectSeconds);
}

void GpuExecutor::wait() {
  const Started &run = started[oldest];
  Stopwatch watch;
  gpu->enter();
  awaitEnd(run);
  watch.add(calls.waitSeconds);
}

void GpuExecutor::awaitEnd(const Started &run) {
  if (!run.program->collectives.empty())
    return await(*run.program, [&] { return gpu->reached(run.event); }, nullptr);
  try {
    gpu->await(run.event);
  } catch (const Error &error) {
    throw Error("rank " + std::to_string(rank()) + ": " + error.what() +
                "; with tracing, a first run waits for each instruction and names the one that fails");
  }
}

void GpuExecutor::deliver() {
  Stopwatch watch;
  const Started &run = started[oldest];
  oldest = (oldest + 1) % mostStarted;
  --underWay;
  const Lowered &program = *run.program;
  readReports(run);
  for (size_t i = 0; i < program.outputs.size(); ++i)
    std::memcpy(run.outputs[i], run.arrays + program.inputBytes + program.outputs[i].offset, program.outputs[i].bytes);
  copied += program.copiedBytes;
  communicated += program.communicatedBytes;
  watch.add(calls.deliverSeconds);
}

// The first run loads what libraries load late, which must not be in a graph; the second becomes one.
void GpuExecutor::submit(Lowered &program) {
  if (times)
    return submitTraced(program);
  if (program.runs == 0)
    return submitAll(program, /*first=*/true, nullptr);
  if (!program.graph)
    capture(program);
  ++calls.graphLaunches;
  gpu->launchGraph(*program.graph);
}

void GpuExecutor::capture(Lowered &program) {
  gpu->beginGraph();
  submitAll(program, /*first=*/false, nullptr);
  program.graph = gpu->endGraph();
}

// It is over when this returns, so that stamps and the host's clock can be read.
void GpuExecutor::submitTraced(Lowered &program) {
  drain(program, nullptr);
  times->beginRun();
  submitAll(program, /*first=*/program.runs == 0, &*times);
  drain(program, nullptr);
  times->addTo(traces);
  // For its census alone. Collectives are left out: all ranks launch what they capture of them.
  if (program.runs == 1 && program.collectives.empty())
    capture(program);
}

void GpuExecutor::submitAll(Lowered &program, bool first, InstructionTimes *times) {
  gpu->fill(deviceArrays + reportsOffset(program), 0xff, program.deviceChecks.size() * sizeof(uint64_t));
  bool communicates = !program.collectives.empty();
  size_t begun = program.program.events(), ended = begun + 1;
  if (communicates) {
    gpu->record(begun, computeStream);
    gpu->wait(begun, communicationStream);
  }
  Cursor cursor;
  program.communicatedBytes = 0;
  program.program.forEach([&](const Step &step) {
    ++calls.singleInstructions;
    try {
      if (times)
        times->beginInstruction(step);
      execute(program, step, cursor);
      if (times)
        times->endInstruction(step);
    } catch (const Error &error) {
      throw Error("rank " + std::to_string(rank()) + ", instruction '" + step.name + "': " + error.what());
    }
    if (first && (times || std::holds_alternative<CollectiveCall>(step.call)))
      drain(program, &step);
  });
  if (communicates) {
    gpu->mark(0);
    gpu->record(ended, communicationStream);
    gpu->wait(ended, computeStream);
  }
}

void GpuExecutor::execute(Lowered &program, const Step &step, Cursor &cursor) {
  void *const *operands = program.program.operands(step);
  if (const auto *kernel = std::get_if<KernelCall>(&step.call)) {
    gpu->launch(kernel->kernel, operands);
  } else if (std::holds_alternative<GemmCall>(step.call)) {
    gpu->gemm(program.gemms[cursor.gemms++], GemmOperands::from(std::get<GemmCall>(step.call).problem, operands));
  } else if (std::holds_alternative<AttentionCall>(step.call)) {
    gpu->attention(program.attentions[cursor.attentions++], operands);
  } else if (const auto *collective = std::get_if<CollectiveCall>(&step.call)) {
    gpu->mark(static_cast<uint32_t>(++cursor.collectives));
    program.communicatedBytes += communicate(*collective, groups, operands, gpu->communicationStream());
  } else if (const auto *copy = std::get_if<CopyCall>(&step.call)) {
    gpu->copy(operands[1], operands[0], copy->bytes);
  } else if (const auto *zero = std::get_if<ZeroCall>(&step.call)) {
    gpu->fill(operands[0], 0, zero->bytes);
  } else if (const auto *record = std::get_if<RecordCall>(&step.call)) {
    gpu->record(record->event, step.stream);
  } else if (const auto *wait = std::get_if<WaitCall>(&step.call)) {
    gpu->wait(wait->event, step.stream);
  } else if (const auto *check = std::get_if<CheckCall>(&step.call)) {
    if (cursor.checks == program.deviceChecks.size() || program.deviceChecks[cursor.checks] != &step)
      return;
    void *pair[] = {operands[0], deviceArrays + reportsOffset(program) + cursor.checks++ * sizeof(uint64_t)};
    gpu->launch(static_cast<uint32_t>(check->kernel), pair);
  }
}

static std::string describe(const Step &step, size_t number, size_t count) {
  const CollectiveCall &call = std::get<CollectiveCall>(step.call);
  return "collective '" + std::string(step.name) + "', the " + std::to_string(number) + " of " + std::to_string(count) +
         " of the program: " + bundle::EnumNameCollectiveKind(call.kind) + " of " + std::to_string(call.count) + " " +
         nameOf(call.dtype) + " elements between " + bundle::EnumNameGroup(call.group);
}

void GpuExecutor::drain(const Lowered &program, const Step *step) {
  ++calls.synchronisations;
  await(program, [this] { return gpu->finished(); }, step);
}

void GpuExecutor::await(const Lowered &program, const std::function<bool()> &done, const Step *step) {
  waitForGpu(*gpu, done, communicators, patience, [&](uint32_t marked) {
    std::string where = "rank " + std::to_string(rank());
    if (marked > 0 && marked <= program.collectives.size())
      return where + ", " + describe(*program.collectives[marked - 1], marked, program.collectives.size());
    return step ? where + ", instruction '" + step->name + "'" : where;
  });
}

void GpuExecutor::rehearse() {
  gpu->enter();
  for (Lowered &program : lowered) {
    size_t number = 0;
    for (const Step *step : program.collectives) {
      gpu->mark(static_cast<uint32_t>(++number));
      communicate(std::get<CollectiveCall>(step->call), groups, program.program.operands(*step),
                  gpu->communicationStream());
      drain(program, step);
    }
  }
  gpu->mark(0);
  // What a collective brought into a state is no value.
  gpu->fill(stateMemory, 0, layout.bytes);
  synchronize();
}

void GpuExecutor::readReports(const Started &run) const {
  const Lowered &program = *run.program;
  for (size_t i = 0; i < program.deviceChecks.size(); ++i) {
    uint64_t found;
    std::memcpy(&found, run.arrays + reportsOffset(program) + i * sizeof(found), sizeof(found));
    if (found == nothingFound)
      continue;
    BadIndex bad{found >> 32, static_cast<int32_t>(found)};
    const Step &step = *program.deviceChecks[i];
    throw Error("rank " + std::to_string(rank()) + ", instruction '" + step.name +
                "': " + describeBadIndex(std::get<CheckCall>(step.call), bad));
  }
}

} // namespace raddle::runtime
