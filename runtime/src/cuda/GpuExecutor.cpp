#include "GpuExecutor.h"

#include "raddle/runtime/AlignedBuffer.h"
#include "raddle/runtime/Error.h"
#include "raddle/runtime/Parameters.h"
#include "raddle/runtime/Weights.h"

#include <algorithm>
#include <chrono>
#include <cstring>

namespace raddle::runtime {

// Every array begins at a multiple of this, as memory of the device does.
static constexpr uint64_t deviceAlignment = 256;
// All bits set: a check found nothing.
static constexpr uint64_t nothingFound = ~uint64_t(0);

static uint64_t roundUp(uint64_t bytes) { return (bytes + deviceAlignment - 1) / deviceAlignment * deviceAlignment; }

GpuExecutor::GpuExecutor(const bundle::Bundle &bundle, std::unique_ptr<Gpu> device, const Groups &groups, bool traced)
    : bundle(bundle), groups(groups), layout(bundle), gpu(std::move(device)) {
  refuseUnsupported();
  gpu->enter();
  gpu->load(bundle);
  uint8_t *stateMemory = gpu->allocate(layout.bytes);
  gpu->fill(stateMemory, 0, layout.bytes);
  staging = gpu->allocateHost(stagingBytes);
  for (uint64_t offset : layout.offsets)
    states.push_back(stateMemory + offset);
  uploadConstants();
  uint8_t *arena = gpu->allocate(largestArena(bundle));
  size_t variants = 0;
  for (const bundle::EntryPoint *entry : *bundle.entries())
    variants += entry->variants()->size();
  // Steps are pointed at from here on: the programs must stay where they are.
  lowered.reserve(variants);
  for (const bundle::EntryPoint *entry : *bundle.entries())
    for (const bundle::Variant *variant : *entry->variants())
      lower(*variant, arena);
  uint64_t most = 0;
  for (const Lowered &program : lowered)
    most = std::max(most, reportsOffset(program) + program.deviceChecks.size() * sizeof(uint64_t));
  deviceArrays = gpu->allocate(most);
  hostArrays = gpu->allocateHost(most);
  // Gaps between arrays are copied as well.
  gpu->fill(deviceArrays, 0, most);
  std::memset(hostArrays, 0, most);
  for (Lowered &program : lowered)
    prepare(program);
  if (traced)
    traces.assign(1, Trace(rank()));
  gpu->synchronize();
}

// Names all instructions that a GPU cannot do, each name once.
void GpuExecutor::refuseUnsupported() const {
  std::string refused;
  for (const bundle::EntryPoint *entry : *bundle.entries())
    for (const bundle::Variant *variant : *entry->variants())
      for (size_t i = 0; variant->instructions() && i < variant->instructions()->size(); ++i) {
        const bundle::Instruction &instruction = *variant->instructions()->Get(i);
        bool known = instruction.action_type() != bundle::Action::Collective &&
                     instruction.action_type() != bundle::Action::Attention;
        if (!known || instruction.stream() != computeStream)
          refused += "\n  entry '" + entry->name()->str() + "', instruction " + std::to_string(i) + ": " +
                     bundle::EnumNameAction(instruction.action_type()) + " on stream " +
                     std::to_string(instruction.stream());
      }
  if (!refused.empty())
    throw Error("instructions that a GPU cannot do yet:" + refused);
}

void GpuExecutor::uploadConstants() {
  for (size_t i = 0; bundle.constants() && i < bundle.constants()->size(); ++i) {
    const auto &data = *bundle.constants()->Get(i)->data();
    constants.push_back(gpu->allocate(data.size()));
    upload(constants.back(), data.data(), data.size());
  }
}

// In pieces, so that little of the host's memory is locked.
void GpuExecutor::upload(uint8_t *dst, const uint8_t *src, uint64_t bytes) {
  for (uint64_t at = 0; at < bytes; at += stagingBytes) {
    uint64_t piece = std::min(stagingBytes, bytes - at);
    std::memcpy(staging, src + at, piece);
    gpu->copy(dst + at, staging, piece);
    gpu->synchronize();
  }
}

void GpuExecutor::download(uint8_t *dst, const uint8_t *src, uint64_t bytes) {
  for (uint64_t at = 0; at < bytes; at += stagingBytes) {
    uint64_t piece = std::min(stagingBytes, bytes - at);
    gpu->copy(staging, src + at, piece);
    gpu->synchronize();
    std::memcpy(dst + at, staging, piece);
  }
}

template <typename List, typename Array> static uint64_t layOut(const List *arrays, std::vector<Array> &places) {
  uint64_t total = 0;
  for (size_t i = 0; arrays && i < arrays->size(); ++i) {
    uint64_t bytes = elementsOf(arrays->Get(i)->shape()) * byteSize(arrays->Get(i)->dtype());
    places.push_back({total, bytes});
    total += roundUp(bytes);
  }
  return total;
}

void GpuExecutor::lower(const bundle::Variant &variant, uint8_t *arena) {
  Buffers buffers{arena, states, constants};
  lowered.emplace_back(Program(bundle, variant, nullptr, buffers));
  Lowered &program = lowered.back();
  program.inputBytes = layOut(variant.inputs(), program.inputs);
  program.outputBytes = layOut(variant.outputs(), program.outputs);
  sortChecks(program, variant);
}

// Instructions and steps have one order: a program that communicates was refused.
void GpuExecutor::sortChecks(Lowered &program, const bundle::Variant &variant) {
  const std::vector<Step> &steps = program.program.steps(computeStream);
  for (size_t i = 0; i < steps.size(); ++i) {
    if (!std::holds_alternative<CheckCall>(steps[i].call))
      continue;
    const bundle::Operand &src = *variant.instructions()->Get(i)->action_as_CheckIndex()->src();
    // Without a kernel it is of a whole input: the verifier says so.
    if (std::get<CheckCall>(steps[i].call).kernel < 0)
      program.hostChecks.push_back({src.index(), &steps[i]});
    else
      program.deviceChecks.push_back(&steps[i]);
  }
}

uint64_t GpuExecutor::reportsOffset(const Lowered &program) const { return program.inputBytes + program.outputBytes; }

// The largest power of two up to `deviceAlignment` that divides an address.
static uint64_t alignmentOf(const void *address) {
  uint64_t bits = reinterpret_cast<uintptr_t>(address) | deviceAlignment;
  return bits & -bits;
}

// Binds the program to its arrays, which stay where they are, and chooses how its products are computed.
void GpuExecutor::prepare(Lowered &lowered) {
  std::vector<void *> inputs, outputs;
  for (const Array &input : lowered.inputs)
    inputs.push_back(deviceArrays + input.offset);
  for (const Array &output : lowered.outputs)
    outputs.push_back(deviceArrays + lowered.inputBytes + output.offset);
  lowered.program.bind(inputs.data(), outputs.data());
  for (const Step &step : lowered.program.steps(computeStream)) {
    if (const auto *copy = std::get_if<CopyCall>(&step.call))
      lowered.copiedBytes += copy->bytes;
    const auto *gemm = std::get_if<GemmCall>(&step.call);
    if (!gemm)
      continue;
    const GemmProblem &problem = gemm->problem;
    bool empty =
        problem.m == 0 || problem.n == 0 || problem.k == 0 || std::count(problem.batch.begin(), problem.batch.end(), 0);
    if (empty)
      throw Error("instruction '" + std::string(step.name) + "': a GPU does no matrix products without elements");
    void *const *at = lowered.program.operands(step);
    uint64_t alignment[3] = {alignmentOf(at[0]), alignmentOf(at[1]), alignmentOf(at[2])};
    try {
      lowered.gemms.push_back(gpu->prepareGemm(problem, alignment));
    } catch (const Error &error) {
      throw Error("instruction '" + std::string(step.name) + "': " + error.what());
    }
  }
}

void GpuExecutor::load(uint64_t seed, const std::string &weights) {
  std::unique_ptr<WeightArchive> archive;
  if (!weights.empty())
    archive = openWeights(weights);
  gpu->enter();
  std::vector<uint8_t> memory;
  loadParameters(bundle, static_cast<uint32_t>(rank()), seed, archive.get(),
                 [&](const ParameterPart &part, uint64_t bytes, const std::function<void(uint8_t *)> &fill) {
                   memory.resize(bytes);
                   fill(memory.data());
                   upload(states[part.state] + part.offset, memory.data(), bytes);
                 });
}

void GpuExecutor::readState(uint32_t state, uint64_t offset, void *dst, uint64_t bytes) {
  gpu->enter();
  download(static_cast<uint8_t *>(dst), states[state] + offset, bytes);
}

void GpuExecutor::writeState(uint32_t state, uint64_t offset, const void *src, uint64_t bytes) {
  gpu->enter();
  upload(states[state] + offset, static_cast<const uint8_t *>(src), bytes);
}

void GpuExecutor::run(size_t index, void *const *inputs, void *const *outputs) {
  Lowered &program = lowered[index];
  using Clock = std::chrono::steady_clock;
  Clock::time_point begin = Clock::now();
  gpu->enter();
  checkInputs(program, inputs);
  for (size_t i = 0; i < program.inputs.size(); ++i)
    std::memcpy(hostArrays + program.inputs[i].offset, inputs[i], program.inputs[i].bytes);
  submit(program);
  launched += std::chrono::duration<double>(Clock::now() - begin).count();
  try {
    gpu->synchronize();
  } catch (const Error &error) {
    throw Error("rank " + std::to_string(rank()) + ": " + error.what() +
                "; a run with tracing waits for each instruction and names the one that fails");
  }
  readReports(program);
  for (size_t i = 0; i < program.outputs.size(); ++i)
    std::memcpy(outputs[i], hostArrays + program.inputBytes + program.outputs[i].offset, program.outputs[i].bytes);
  ++program.runs;
  copied += program.copiedBytes;
}

void GpuExecutor::checkInputs(const Lowered &program, void *const *inputs) const {
  for (auto [input, step] : program.hostChecks) {
    const CheckCall &call = std::get<CheckCall>(step->call);
    if (std::optional<BadIndex> bad = findBadIndex(inputs[input], call.dtype, call.count, call.range))
      throw Error("rank " + std::to_string(rank()) + ", instruction '" + step->name +
                  "': " + describeBadIndex(call, *bad));
  }
}

// The first run loads what libraries load late, which must not be in a graph; the second becomes one.
void GpuExecutor::submit(Lowered &program) {
  if (program.graph)
    return gpu->launchGraph(*program.graph);
  if (program.runs == 0 || !traces.empty())
    return submitAll(program);
  gpu->beginGraph();
  submitAll(program);
  program.graph = gpu->endGraph();
  gpu->launchGraph(*program.graph);
}

void GpuExecutor::submitAll(Lowered &program) {
  gpu->copy(deviceArrays, hostArrays, program.inputBytes);
  uint64_t reports = reportsOffset(program), reportBytes = program.deviceChecks.size() * sizeof(uint64_t);
  gpu->fill(deviceArrays + reports, 0xff, reportBytes);
  size_t gemms = 0, checks = 0;
  for (const Step &step : program.program.steps(computeStream)) {
    Trace::Clock::time_point begin = Trace::Clock::now();
    try {
      execute(program, step, gemms, checks);
      if (traces.empty())
        continue;
      gpu->synchronize();
    } catch (const Error &error) {
      throw Error("rank " + std::to_string(rank()) + ", instruction '" + step.name + "': " + error.what());
    }
    const char *kind = kindOf(step);
    traces[0].add({*step.name ? step.name : kind, kind, computeStream, begin, Trace::Clock::now(), step.source});
  }
  gpu->copy(hostArrays + program.inputBytes, deviceArrays + program.inputBytes, program.outputBytes + reportBytes);
}

void GpuExecutor::execute(const Lowered &program, const Step &step, size_t &gemms, size_t &checks) {
  void *const *operands = program.program.operands(step);
  if (const auto *kernel = std::get_if<KernelCall>(&step.call)) {
    gpu->launch(kernel->kernel, operands);
  } else if (std::holds_alternative<GemmCall>(step.call)) {
    gpu->gemm(program.gemms[gemms++], operands[0], operands[1], operands[2]);
  } else if (const auto *copy = std::get_if<CopyCall>(&step.call)) {
    gpu->copy(operands[1], operands[0], copy->bytes);
  } else if (const auto *zero = std::get_if<ZeroCall>(&step.call)) {
    gpu->fill(operands[0], 0, zero->bytes);
  } else if (const auto *check = std::get_if<CheckCall>(&step.call)) {
    if (checks == program.deviceChecks.size() || program.deviceChecks[checks] != &step)
      return;
    void *pair[] = {operands[0], deviceArrays + reportsOffset(program) + checks++ * sizeof(uint64_t)};
    gpu->launch(static_cast<uint32_t>(check->kernel), pair);
  }
  // Records and waits: there is one stream, whose order is the program's.
}

void GpuExecutor::readReports(const Lowered &program) const {
  for (size_t i = 0; i < program.deviceChecks.size(); ++i) {
    uint64_t found;
    std::memcpy(&found, hostArrays + reportsOffset(program) + i * sizeof(found), sizeof(found));
    if (found == nothingFound)
      continue;
    BadIndex bad{found >> 32, static_cast<int32_t>(found)};
    const Step &step = *program.deviceChecks[i];
    throw Error("rank " + std::to_string(rank()) + ", instruction '" + step.name +
                "': " + describeBadIndex(std::get<CheckCall>(step.call), bad));
  }
}

} // namespace raddle::runtime
