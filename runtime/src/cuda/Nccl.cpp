#include "Nccl.h"

#include "raddle/runtime/Error.h"

#include <dlfcn.h>
#include <iterator>
#include <type_traits>

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
  static constexpr const char *names[] = {"libnccl.so.2"};
  std::string why;
  void *library = openLibrary(names, std::size(names), why);
  if (!library)
    throw Error("ranks on GPUs communicate through NCCL, which cannot be loaded: " + why);
  Nccl nccl;
  std::string missing;
  auto find = [&](auto &function, const char *name) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(::dlsym(library, name));
    if (!function)
      missing += std::string(missing.empty() ? "" : ", ") + name;
  };
  NcclResult (*getVersion)(int *);
  find(getVersion, "ncclGetVersion");
  find(nccl.getErrorString, "ncclGetErrorString");
  if (!missing.empty())
    throw Error("libnccl.so.2 lacks " + missing);
  nccl.version = 0;
  if (getVersion(&nccl.version) != ncclSuccess || nccl.version < oldestVersion)
    throw Error("NCCL " + ncclVersionText(oldestVersion) + " or newer is needed, found " +
                ncclVersionText(nccl.version));
  find(nccl.getUniqueId, "ncclGetUniqueId");
  find(nccl.commInitRank, "ncclCommInitRank");
  find(nccl.commSplit, "ncclCommSplit");
  find(nccl.commUserRank, "ncclCommUserRank");
  find(nccl.commCount, "ncclCommCount");
  find(nccl.commDestroy, "ncclCommDestroy");
  find(nccl.commAbort, "ncclCommAbort");
  find(nccl.commGetAsyncError, "ncclCommGetAsyncError");
  find(nccl.getLastError, "ncclGetLastError");
  find(nccl.allGather, "ncclAllGather");
  find(nccl.reduceScatter, "ncclReduceScatter");
  find(nccl.allReduce, "ncclAllReduce");
  find(nccl.broadcast, "ncclBroadcast");
  find(nccl.send, "ncclSend");
  find(nccl.receive, "ncclRecv");
  find(nccl.groupStart, "ncclGroupStart");
  find(nccl.groupEnd, "ncclGroupEnd");
  if (!missing.empty())
    throw Error("NCCL " + ncclVersionText(nccl.version) + " lacks " + missing);
  return nccl;
}

const Nccl &nccl() {
  static const Nccl loaded = loadNccl();
  return loaded;
}

} // namespace raddle::runtime::cuda
