// How the processes of a job find each other without MPI.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace raddle::runtime {

/// What torchrun tells each process that it starts.
struct Launch {
  int rank, ranks;
  int localRank;       ///< among the ranks of its machine: which GPU is its own
  std::string address; ///< of the machine of rank 0
  int port;            ///< of torchrun's own store there
  std::string job;
};

/// The environment variables RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR, MASTER_PORT and TORCHELASTIC_RUN_ID. None where
/// neither the last nor all others are set. Throws InvalidArgument naming all that are missing or make no sense.
std::optional<Launch> launchedByTorchrun();

/// Rank 0's `bytes` come to all others, who find it at one of the 16 ports behind `launch.port` of its machine: that
/// one itself is torchrun's. Every process of the job calls this once, with as many bytes. Throws Error after
/// `patience`, rank 0 naming the ranks that did not come.
void shareBytes(const Launch &launch, std::vector<uint8_t> &bytes, std::chrono::seconds patience);

} // namespace raddle::runtime
