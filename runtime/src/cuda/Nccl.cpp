#include "Nccl.h"

#include "SharedLibrary.h"

#include "raddle/runtime/Error.h"

namespace raddle::runtime::cuda {

// The first that splits communicators.
static constexpr int oldestVersion = 21800;

// From 2.9 on two digits a part.
std::string ncclVersionText(int version) {
  int major = version < 10000 ? version / 1000 : version / 10000;
  int minor = version < 10000 ? version / 100 % 10 : version / 100 % 100;
  return std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(version % 100);
}

void Nccl::check(NcclResult result, const char *what, NcclComm comm) const {
  if (result == ncclSuccess)
    return;
  std::string text = std::string(what) + ": " + getErrorString(result);
  if (const char *last = getLastError(comm); last && *last)
    text += std::string(" (") + last + ")";
  throw Error(text);
}

static Nccl loadNccl() {
  SharedLibrary library({"libnccl.so.2"}, "ranks on GPUs communicate through NCCL, which cannot be loaded");
  Nccl nccl;
  NcclResult (*getVersion)(int *);
  library.find(getVersion, "ncclGetVersion");
  library.find(nccl.getErrorString, "ncclGetErrorString");
  library.check("libnccl.so.2");
  nccl.version = 0;
  if (getVersion(&nccl.version) != ncclSuccess || nccl.version < oldestVersion)
    throw Error("NCCL " + ncclVersionText(oldestVersion) + " or newer is needed, found " +
                ncclVersionText(nccl.version));
  library.find(nccl.getUniqueId, "ncclGetUniqueId");
  library.find(nccl.commInitRank, "ncclCommInitRank");
  library.find(nccl.commSplit, "ncclCommSplit");
  library.find(nccl.commUserRank, "ncclCommUserRank");
  library.find(nccl.commCount, "ncclCommCount");
  library.find(nccl.commDestroy, "ncclCommDestroy");
  library.find(nccl.commAbort, "ncclCommAbort");
  library.find(nccl.commGetAsyncError, "ncclCommGetAsyncError");
  library.find(nccl.getLastError, "ncclGetLastError");
  library.find(nccl.allGather, "ncclAllGather");
  library.find(nccl.reduceScatter, "ncclReduceScatter");
  library.find(nccl.allReduce, "ncclAllReduce");
  library.find(nccl.broadcast, "ncclBroadcast");
  library.find(nccl.send, "ncclSend");
  library.find(nccl.receive, "ncclRecv");
  library.find(nccl.groupStart, "ncclGroupStart");
  library.find(nccl.groupEnd, "ncclGroupEnd");
  library.check("NCCL " + ncclVersionText(nccl.version));
  return nccl;
}

const Nccl &nccl() {
  static const Nccl loaded = loadNccl();
  return loaded;
}

} // namespace raddle::runtime::cuda
