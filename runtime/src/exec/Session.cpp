#include "SessionImplementation.h"

#include "Executor.h"

#include "raddle/Bundle/Mesh.h"
#include "raddle/runtime/BundleFile.h"
#include "raddle/runtime/Error.h"
#include "raddle/runtime/ResidentMemory.h"
#include "raddle/runtime/Weights.h"

#include <algorithm>
#include <cstdlib>

namespace raddle::runtime {

Session::Session(const std::string &path, const SessionOptions &options) : impl(std::make_unique<Implementation>()) {
  impl->open(path, options);
}

Session::~Session() = default;

void Session::Implementation::open(const std::string &path, const SessionOptions &options) {
  residentBefore = residentBytes() - residentFileBytes();
  if (std::optional<std::string> problem = readBundleFile(path, file))
    throw Error(*problem);
  bundle = bundle::GetBundle(file.data());
  world = options.world;
  std::optional<int> started;
  if (world || options.launch)
    started = world ? world->size() : options.launch->ranks;
  if (started && static_cast<uint32_t>(*started) != bundle->ranks())
    throw InvalidArgument("'" + path + "' is for " + std::to_string(bundle->ranks()) + " ranks, the launcher started " +
                          std::to_string(*started));
  describeEntries();
  describeParameters();
  std::string weights = findWeights(*bundle, path, options.weights);
  if (!weights.empty())
    checkWeights(*bundle, *openWeights(weights), weights);
  // The verifier knows two kinds of targets.
  if (bundle->target()->str().rfind("cpu", 0) == 0)
    code = std::make_unique<LoadedCode>(*bundle);
  makeRanks(options);
  makeTables();
  uint64_t seed = options.seed.value_or(bundle->seed());
  given.seed = static_cast<int64_t>(seed);
  given.calls.assign(entries.size(), 0);
  for (const std::unique_ptr<RankExecutor> &executor : executors)
    given.ranks.push_back(executor->rank());
  onRanks([&](size_t i) { executors[i]->load(seed, weights); });
}

// Ranks of this process or, under MPI, of this machine.
static unsigned ranksHere(const bundle::Bundle &bundle, const Communicator *world) {
  if (!world)
    return bundle.ranks();
  const char *local = std::getenv("OMPI_COMM_WORLD_LOCAL_SIZE");
  int count = local ? std::atoi(local) : world->size();
  return static_cast<unsigned>(std::max(count, 1));
}

Communicator &Session::Implementation::communicator(size_t executor) {
  return world ? *world : group->member(static_cast<int>(executor));
}

void Session::Implementation::makeGroups(size_t executor) {
  Communicator &all = communicator(executor);
  int shards = static_cast<int>(bundle::shardRanks(*bundle));
  shardGroups[executor] = all.split(all.rank() / shards);
  replicaGroups[executor] = all.split(all.rank() % shards);
}

void Session::Implementation::makeRanks(const SessionOptions &options) {
  bool isProcess = world || options.launch;
  // A rank is a thread with a state of its own: more than any machine has processors is a mistake in the file.
  constexpr uint32_t maxLocalRanks = 4096;
  if (!isProcess && bundle->ranks() > maxLocalRanks)
    throw Error("the bundle is for " + std::to_string(bundle->ranks()) + " ranks, one process runs at most " +
                std::to_string(maxLocalRanks));
  size_t count = isProcess ? 1 : bundle->ranks();
  if (!isProcess)
    group = std::make_unique<LocalGroup>(static_cast<int>(count));
  threads = std::make_unique<RankThreads>(count);
  ranksOfMachine = ranksHere(*bundle, world.get());
  threadsOfRank = options.threads ? options.threads : std::thread::hardware_concurrency() / ranksOfMachine;
  threadsOfRank = std::max(threadsOfRank, 1u);
  if (code)
    makeCpuRanks(options, count);
  else
    makeGpuRanks(options, count);
}

void Session::Implementation::makeCpuRanks(const SessionOptions &options, size_t count) {
  if (options.launch)
    throw InvalidArgument("torchrun starts ranks on GPUs, the bundle is for '" + bundle->target()->str() +
                          "'; mpirun starts ranks on CPUs");
  if (!options.graphFile.empty())
    throw InvalidArgument("cannot write a graph to '" + options.graphFile + "': programs become graphs on GPUs, the " +
                          "bundle is for '" + bundle->target()->str() + "'");
  measureLimits = options.measureLimits;
  shardGroups.resize(count);
  replicaGroups.resize(count);
  onRanks([&](size_t i) { makeGroups(i); });
  for (size_t i = 0; i < count; ++i) {
    Groups groups{communicator(i), *shardGroups[i], *replicaGroups[i]};
    executors.push_back(std::make_unique<Executor>(*bundle, *code, groups, threadsOfRank, options.trace));
  }
}

void Session::Implementation::makeTables() {
  size_t mostInputs = 0, mostOutputs = 0;
  uint64_t discardedBytes = 0;
  for (const std::vector<BoundVariant> &variants : bound)
    for (const BoundVariant &variant : variants) {
      mostInputs = std::max(mostInputs, variant.inputs.size());
      mostOutputs = std::max(mostOutputs, variant.outputs.size());
      uint64_t whole = 0;
      for (const Binding &output : variant.outputs)
        if (output.rankStride == 0)
          whole += (output.rankBytes + bufferAlignment - 1) / bufferAlignment * bufferAlignment;
      discardedBytes = std::max(discardedBytes, whole);
    }
  discarded.resize(executors.size());
  for (size_t i = 0; i < executors.size(); ++i) {
    inputPointers.emplace_back(mostInputs);
    outputPointers.emplace_back(mostOutputs);
    if (i != 0 && !discarded[i].allocate(discardedBytes))
      throw Error("cannot allocate " + std::to_string(discardedBytes) + " bytes for the outputs of rank " +
                  std::to_string(i));
  }
}

void Session::Implementation::onRanks(const std::function<void(size_t)> &body) {
  if (group)
    group->reset();
  try {
    threads->run(body, [this] { abortRanks(); });
  } catch (...) {
    // A rank alone runs on this thread, and others may wait for it in their processes.
    abortRanks();
    throw;
  }
}

void Session::Implementation::abortRanks() {
  if (group)
    group->member(0).abort();
  for (const std::unique_ptr<RankExecutor> &executor : executors)
    if (executor)
      executor->abort();
}

void Session::Implementation::combine(uint64_t &value, bundle::Reduction reduction) const {
  int64_t number = static_cast<int64_t>(value);
  world->allReduce(&number, &number, 1, DType::I64, reduction);
  value = static_cast<uint64_t>(number);
}

const bundle::Bundle &Session::bundle() const { return *impl->bundle; }

int Session::firstRank() const { return impl->executors[0]->rank(); }

uint32_t Session::ranks() const { return impl->bundle->ranks(); }

Statistics Session::statistics() const {
  impl->finishAll();
  Statistics result;
  const RankExecutor &first = *impl->executors[0];
  uint64_t ranksHere = impl->executors.size();
  result.stateBytes = first.stateBytes();
  result.arenaBytes = first.arenaBytes();
  result.workspaceBytes = first.workspaceBytes();
  uint64_t shared = impl->file.size() + (impl->code ? impl->code->bytes() : 0);
  result.plannedBytes = result.stateBytes + result.arenaBytes + result.workspaceBytes + shared / ranksHere;
  result.peakResidentBytes = peakResidentBytes();
  result.residentGrowthBytes = (result.peakResidentBytes - residentFileBytes() - impl->residentBefore) / ranksHere;
  for (const std::unique_ptr<RankExecutor> &executor : impl->executors) {
    result.bytesCommunicated += executor->bytesCommunicated();
    result.bytesCopied += executor->bytesCopied();
  }
  if (impl->world) {
    impl->combine(result.bytesCommunicated, bundle::Reduction::Sum);
    impl->combine(result.bytesCopied, bundle::Reduction::Sum);
    impl->combine(result.residentGrowthBytes, bundle::Reduction::Max);
  }
  result.bytesCommunicated /= ranks();
  result.bytesCopied /= ranks();
  result.runs = impl->runs;
  result.blas = blasKernels();
  result.device = deviceCalls();
  result.graphs = first.graphs();
  return result;
}

DeviceCalls Session::deviceCalls() const { return impl->executors[0]->deviceCalls(); }

std::vector<const Trace *> Session::Implementation::traces() const {
  std::vector<const Trace *> traces;
  for (const std::unique_ptr<RankExecutor> &executor : executors)
    for (const Trace &trace : executor->recorded())
      traces.push_back(&trace);
  if (traces.empty())
    throw Error("there is no trace: the session was made without tracing");
  return traces;
}

// One process measures: others at the same time would be in its way.
std::optional<MachineLimits> Session::Implementation::limitsOfRank() const {
  if (!code)
    return std::nullopt;
  if (limits)
    return limits;
  MachineLimits whole;
  if (!world || world->rank() == 0)
    whole = machineLimits(std::min(threadsOfRank * ranksOfMachine, std::thread::hardware_concurrency()), measureLimits);
  if (world)
    world->broadcast(&whole, sizeof(whole), 0);
  return limits = whole.shareOf(ranksOfMachine);
}

Measurements Session::measurements() const {
  impl->finishAll();
  Measurements result;
  for (const Trace *trace : impl->traces())
    trace->addTo(result);
  result.limits = impl->limitsOfRank();
  result.graphs = impl->executors[0]->graphs();
  return result;
}

void Session::writeTrace(const std::string &path) const {
  impl->finishAll();
  std::vector<const Trace *> traces = impl->traces();
  runtime::writeTrace(path, traces, impl->start, *impl->bundle, impl->limitsOfRank());
}

} // namespace raddle::runtime
