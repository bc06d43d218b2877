#include "GpuExecutor.h"

#include "raddle/runtime/AlignedBuffer.h"
#include "raddle/runtime/Error.h"
#include "raddle/runtime/Parameters.h"
#include "raddle/runtime/Weights.h"

#include <algorithm>
#include <cstring>
#include <random>

namespace raddle::runtime {

static uint64_t roundUp(uint64_t bytes) { return (bytes + deviceAlignment - 1) / deviceAlignment * deviceAlignment; }

GpuExecutor::GpuExecutor(const bundle::Bundle &bundle, std::unique_ptr<Gpu> device, GpuGroups given, bool traced,
                         std::chrono::seconds patience, unsigned threads, const GemmMeasuring &measuring)
    : bundle(bundle), layout(bundle), gpu(std::move(device)), kept(std::move(given)),
      groups{*kept.all, *kept.shards, *kept.replicas}, patience(patience), threads(threads) {
  refuseUnsupported();
  for (Communicator *each : {&groups.all, &groups.shards, &groups.replicas})
    if (std::find(communicators.begin(), communicators.end(), each) == communicators.end())
      communicators.push_back(each);
  gpu->enter();
  gpu->load(bundle);
  stateMemory = gpu->allocate(layout.bytes);
  gpu->fill(stateMemory, 0, layout.bytes);
  staging = gpu->allocateHost(stagingBytes);
  for (uint64_t offset : layout.offsets)
    states.push_back(stateMemory + offset);
  uploadConstants();
  arenaBytesOfAll = largestArena(bundle);
  arena = gpu->allocate(arenaBytesOfAll);
  size_t variants = 0;
  for (const bundle::EntryPoint *entry : *bundle.entries())
    variants += entry->variants()->size();
  // Steps are pointed at from here on: the programs must stay where they are.
  lowered.reserve(variants);
  for (const bundle::EntryPoint *entry : *bundle.entries())
    for (const bundle::Variant *variant : *entry->variants())
      lower(*entry, *variant);
  allocateArrays();
  gpu->rememberGemms(measuring.file);
  for (Lowered &program : lowered)
    prepare(program);
  if (gpu->unmeasuredGemms() != 0)
    measureGemms(measuring);
  if (traced)
    startTracing();
  synchronize();
}

void GpuExecutor::startTracing() {
  traces.assign(numStreams, Trace(rank()));
  size_t most = 0;
  for (const Lowered &program : lowered)
    most =
        std::max(most, program.program.steps(computeStream).size() + program.program.steps(communicationStream).size());
  times.emplace(*gpu, most);
}

void GpuExecutor::synchronize() {
  ++calls.synchronisations;
  gpu->synchronize();
}

// The operands are where they will be. Nothing has been loaded: what products write over is set to zero again.
void GpuExecutor::measureGemms(const GemmMeasuring &measuring) {
  // A GPU computes faster with zeros, as it takes less power. Two bytes each are a number near one or two in f32, bf16
  // and f16.
  std::minstd_rand random;
  for (uint64_t i = 0; i < stagingBytes; i += sizeof(uint16_t)) {
    uint16_t number = static_cast<uint16_t>(0x3e80 | (random() >> 8 & 0x817f));
    std::memcpy(staging + i, &number, sizeof(number));
  }
  fillRepeatedly(stateMemory, layout.bytes);
  fillRepeatedly(arena, arenaBytesOfAll);
  fillRepeatedly(deviceArrays, deviceArrayBytes);
  gpu->measureGemms(measuring.progress);
  gpu->fill(stateMemory, 0, layout.bytes);
  gpu->fill(deviceArrays, 0, deviceArrayBytes);
}

// With what lies in the staging memory: first once, then with what is there already.
void GpuExecutor::fillRepeatedly(uint8_t *memory, uint64_t bytes) {
  uint64_t filled = std::min(bytes, stagingBytes);
  gpu->copy(memory, staging, filled);
  for (uint64_t next; filled < bytes; filled += next) {
    next = std::min(filled, bytes - filled);
    gpu->copy(memory + filled, memory, next);
  }
}

DeviceCalls GpuExecutor::deviceCalls() const {
  DeviceCalls result = calls;
  result.allocations = gpu->allocations();
  return result;
}

std::vector<GraphCensus> GpuExecutor::graphs() const {
  std::vector<GraphCensus> result;
  for (const Lowered &program : lowered)
    if (program.graph) {
      result.push_back(gpu->census(*program.graph));
      result.back().entry = program.entry;
    }
  return result;
}

void GpuExecutor::allocateArrays() {
  uint64_t most = 0;
  size_t events = 0, outputs = 0;
  for (const Lowered &program : lowered) {
    most = std::max(most, reportsOffset(program) + program.deviceChecks.size() * sizeof(uint64_t));
    // Beside the program's own: where the stream of collectives begins and ends.
    events = std::max<size_t>(events, program.program.events() + 2);
    outputs = std::max(outputs, program.outputs.size());
  }
  deviceArrayBytes = most;
  deviceArrays = gpu->allocate(most);
  // Gaps between arrays are copied as well.
  gpu->fill(deviceArrays, 0, most);
  for (Started &one : started) {
    one.arrays = gpu->allocateHost(most);
    std::memset(one.arrays, 0, most);
    one.outputs.resize(outputs);
    one.event = events++;
  }
  gpu->makeEvents(events);
}

GpuExecutor::~GpuExecutor() {
  // NCCL waits for the graphs that have its collectives.
  gpu->dropGraphs();
}

void GpuExecutor::abort() { groups.all.abort(); }

// Names all instructions that a GPU cannot do, each name once.
void GpuExecutor::refuseUnsupported() const {
  std::string refused;
  for (const bundle::EntryPoint *entry : *bundle.entries())
    for (const bundle::Variant *variant : *entry->variants())
      for (size_t i = 0; variant->instructions() && i < variant->instructions()->size(); ++i) {
        const bundle::Instruction &instruction = *variant->instructions()->Get(i);
        bundle::Action action = instruction.action_type();
        bool orders = action == bundle::Action::Record || action == bundle::Action::Wait;
        uint32_t stream = action == bundle::Action::Collective ? communicationStream : computeStream;
        if (!orders && instruction.stream() != stream)
          refused += "\n  entry '" + entry->name()->str() + "', instruction " + std::to_string(i) + ": " +
                     bundle::EnumNameAction(action) + " on stream " + std::to_string(instruction.stream());
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
    synchronize();
  }
}

void GpuExecutor::download(uint8_t *dst, const uint8_t *src, uint64_t bytes) {
  for (uint64_t at = 0; at < bytes; at += stagingBytes) {
    uint64_t piece = std::min(stagingBytes, bytes - at);
    gpu->copy(staging, src + at, piece);
    synchronize();
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

void GpuExecutor::lower(const bundle::EntryPoint &entry, const bundle::Variant &variant) {
  Buffers buffers{arena, states, constants};
  lowered.emplace_back(entry.name()->str(), Program(bundle, variant, nullptr, buffers));
  Lowered &program = lowered.back();
  program.inputBytes = layOut(variant.inputs(), program.inputs);
  program.outputBytes = layOut(variant.outputs(), program.outputs);
  sortSteps(program, variant);
}

// Instructions and steps have one order.
void GpuExecutor::sortSteps(Lowered &program, const bundle::Variant &variant) {
  uint32_t index = 0;
  program.program.forEach([&](const Step &step) {
    const bundle::Instruction &instruction = *variant.instructions()->Get(index++);
    if (std::holds_alternative<CollectiveCall>(step.call))
      program.collectives.push_back(&step);
    if (!std::holds_alternative<CheckCall>(step.call))
      return;
    // Without a kernel it is of a whole input: the verifier says so.
    if (std::get<CheckCall>(step.call).kernel < 0)
      program.hostChecks.push_back({instruction.action_as_CheckIndex()->src()->index(), &step});
    else
      program.deviceChecks.push_back(&step);
  });
}

uint64_t GpuExecutor::reportsOffset(const Lowered &program) const { return program.inputBytes + program.outputBytes; }

size_t GpuExecutor::prepareGemm(const GemmProblem &problem, void *const *at) {
  bool empty =
      problem.m == 0 || problem.n == 0 || problem.k == 0 || std::count(problem.batch.begin(), problem.batch.end(), 0);
  if (empty)
    throw Error("a GPU does no matrix products without elements");
  return gpu->prepareGemm(problem, GemmOperands::from(problem, at));
}

// Binds the program to its arrays, which stay where they are, and chooses how libraries compute what they are called
// for.
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
    try {
      if (const auto *gemm = std::get_if<GemmCall>(&step.call))
        lowered.gemms.push_back(prepareGemm(gemm->problem, lowered.program.operands(step)));
      else if (const auto *attention = std::get_if<AttentionCall>(&step.call))
        lowered.attentions.push_back(gpu->prepareAttention(attention->problem));
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
  ThreadPool pool(threads);
  std::vector<uint8_t> memory;
  loadParameters(bundle, static_cast<uint32_t>(rank()), seed, archive.get(), pool,
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

} // namespace raddle::runtime
