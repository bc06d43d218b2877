// Ranks on GPUs: which GPU is whose, and how they are connected.
#include "SessionImplementation.h"

#include "../cuda/NcclCommunicator.h"
#include "../cuda/StagedCommunicator.h"
#include "CacheFile.h"

#include "raddle/Bundle/Mesh.h"
#include "raddle/runtime/Error.h"

#include <climits>
#include <cstdlib>
#include <cstring>
#include <unistd.h>

namespace raddle::runtime {

using cuda::NcclCommunicator;
using cuda::NcclId;

// Graphs, communicators and GPUs end on the threads of their ranks, all at the same time: the last collective of a
// communicator is its end.
Session::Implementation::~Implementation() {
  if (!threads)
    return;
  // It may go through a GPU.
  world.reset();
  try {
    threads->run(
        [this](size_t i) {
          if (i < executors.size())
            executors[i].reset();
        },
        [] {});
  } catch (...) {
    // Nobody is left to tell.
  }
}

static bool usesGroup(const bundle::Bundle &bundle, std::optional<bundle::Group> group) {
  for (const bundle::EntryPoint *entry : *bundle.entries())
    for (const bundle::Variant *variant : *entry->variants())
      for (size_t i = 0; variant->instructions() && i < variant->instructions()->size(); ++i)
        if (const auto *collective = variant->instructions()->Get(i)->action_as_Collective())
          if (!group || collective->group() == *group)
            return true;
  return false;
}

static std::string machineName() {
  char name[HOST_NAME_MAX + 1] = "";
  ::gethostname(name, HOST_NAME_MAX);
  return name;
}

// Among the processes of this machine, by the order of ranks.
static int rankOnMachine(Communicator &world) {
  constexpr size_t length = HOST_NAME_MAX + 1;
  std::vector<char> names(length * static_cast<size_t>(world.size()));
  std::string own = machineName();
  own.resize(length);
  world.allGather(own.data(), names.data(), length);
  int before = 0;
  for (int r = 0; r < world.rank(); ++r)
    before += std::memcmp(names.data() + static_cast<size_t>(r) * length, own.data(), length) == 0;
  return before;
}

// The first rank makes it, and all others get it over what connects their hosts.
static NcclId shareId(const SessionOptions &options, Communicator *hosts) {
  std::vector<uint8_t> bytes(sizeof(NcclId));
  NcclId id{};
  int rank = hosts ? hosts->rank() : options.launch->rank;
  if (rank == 0) {
    cuda::nccl().check(cuda::nccl().getUniqueId(&id), "cannot make an id for NCCL");
    std::memcpy(bytes.data(), &id, sizeof(id));
  }
  if (hosts)
    hosts->broadcast(bytes.data(), bytes.size(), 0);
  else
    shareBytes(*options.launch, bytes, options.patience);
  std::memcpy(&id, bytes.data(), sizeof(id));
  return id;
}

GpuGroups Session::Implementation::connectGpu(const SessionOptions &options, size_t executor, Gpu &gpu) {
  Communicator *hosts = options.launch ? nullptr : &communicator(executor);
  if (hosts && !usesGroup(*bundle, std::nullopt)) {
    // Nothing to connect: the host's own communicator says which rank this is.
    std::shared_ptr<Communicator> all(std::shared_ptr<void>(), hosts);
    return {all, all, all};
  }
  int rank = hosts ? hosts->rank() : options.launch->rank, size = static_cast<int>(bundle->ranks());
  NcclId id = shareId(options, hosts);
  GpuGroups groups;
  groups.all = NcclCommunicator::connect(id, rank, size, options.patience, [&gpu] { gpu.enter(); });
  int shards = static_cast<int>(bundle::shardRanks(*bundle));
  auto part = [&](bundle::Group group, int colour) {
    bool isAll = static_cast<int>(bundle::groupSize(*bundle, group)) == size;
    return isAll || !usesGroup(*bundle, group) ? groups.all : groups.all->split(colour);
  };
  groups.shards = part(bundle::Group::Shards, rank / shards);
  groups.replicas = part(bundle::Group::Replicas, rank % shards);
  return groups;
}

// NCCL refuses two ranks on a GPU of a host, and identifies hosts by the text in NCCL_HOSTID where it is set. Processes
// that come to a GPU for the second time are another host's, so that the network connects them to the others. Hosts of
// threads are their process's.
static void becomeOtherHost(int number) {
  setenv("NCCL_HOSTID", (machineName() + "-" + std::to_string(number)).c_str(), 0);
}

void Session::Implementation::makeGpuRanks(const SessionOptions &options, size_t count) {
  int first = options.launch ? options.launch->localRank : world ? rankOnMachine(*world) : 0;
  int needed = first + static_cast<int>(count), found = cudaGpuCount();
  if (needed > found && !(options.shareGpus && found > 0))
    throw Error(count > 1
                    ? "the bundle is for " + std::to_string(count) + " ranks, each of which needs a GPU, and this " +
                          "machine has " + std::to_string(found) + "; mpirun and torchrun start ranks on several"
                    : "rank " + std::to_string(first) + " of this machine needs a GPU of its own, and this process " +
                          "sees " + std::to_string(found) + " (CUDA_VISIBLE_DEVICES must be the same in all)");
  if (count == 1 && first >= found)
    becomeOtherHost(first / found);
  std::vector<std::unique_ptr<Gpu>> gpus(count);
  std::vector<GpuGroups> groups(count);
  // Each of these ends on all ranks before the next begins, so that a failure finds none of them waiting for another.
  onRanks([&](size_t i) { gpus[i] = openCudaGpu((first + static_cast<int>(i)) % found); });
  if (!options.graphFile.empty() && (options.launch ? options.launch->rank : world ? world->rank() : 0) == 0)
    gpus[0]->drawGraphs(options.graphFile);
  onRanks([&](size_t i) { groups[i] = connectGpu(options, i, *gpus[i]); });
  if (options.launch)
    world = std::make_shared<StagedCommunicator>(groups[0].all, *gpus[0], options.patience);
  auto measuring = [&](size_t i) {
    return GemmMeasuring{options.tune ? cacheFile("gemms.txt") : "", i == 0 ? options.tuning : nullptr};
  };
  std::vector<std::unique_ptr<GpuExecutor>> made(count);
  onRanks([&](size_t i) {
    made[i] = std::make_unique<GpuExecutor>(*bundle, std::move(gpus[i]), std::move(groups[i]), options.trace,
                                            options.patience, threadsOfRank, measuring(i));
  });
  onRanks([&](size_t i) { made[i]->rehearse(); });
  for (std::unique_ptr<GpuExecutor> &executor : made)
    executors.push_back(std::move(executor));
}

} // namespace raddle::runtime
