// NCCL, loaded when ranks on GPUs communicate. Declared by hand, so that the runtime is built and runs without it.
#pragma once

#include "Driver.h"

namespace raddle::runtime::cuda {

using NcclResult = int;
using NcclComm = struct ncclComm *;

/// What the ranks of a communicator have in common before they are connected.
struct NcclId {
  char bytes[128];
};

// Numbers of nccl.h.
constexpr NcclResult ncclSuccess = 0, ncclInProgress = 7;
constexpr int ncclUint8 = 1, ncclInt32 = 2, ncclInt64 = 4, ncclFloat16 = 6, ncclFloat32 = 7, ncclFloat64 = 8,
              ncclBfloat16 = 9;
constexpr int ncclSum = 0, ncclMax = 2, ncclAvg = 4;

/// The functions of libnccl that are used, by their names in NCCL's manual.
struct Nccl {
  int version; ///< 22809 is 2.28.9

  NcclResult (*getUniqueId)(NcclId *);
  NcclResult (*commInitRank)(NcclComm *, int, NcclId, int);
  NcclResult (*commSplit)(NcclComm, int, int, NcclComm *, void *);
  NcclResult (*commUserRank)(NcclComm, int *);
  NcclResult (*commCount)(NcclComm, int *);
  NcclResult (*commDestroy)(NcclComm);
  NcclResult (*commAbort)(NcclComm);
  NcclResult (*commGetAsyncError)(NcclComm, NcclResult *);
  const char *(*getErrorString)(NcclResult);
  const char *(*getLastError)(NcclComm);
  NcclResult (*allGather)(const void *, void *, size_t, int, NcclComm, Stream);
  NcclResult (*reduceScatter)(const void *, void *, size_t, int, int, NcclComm, Stream);
  NcclResult (*allReduce)(const void *, void *, size_t, int, int, NcclComm, Stream);
  NcclResult (*broadcast)(const void *, void *, size_t, int, int, NcclComm, Stream);
  NcclResult (*send)(const void *, size_t, int, int, NcclComm, Stream);
  NcclResult (*receive)(void *, size_t, int, int, NcclComm, Stream);
  NcclResult (*groupStart)();
  NcclResult (*groupEnd)();

  /// Throws Error with what was tried and NCCL's own words, unless the result says success.
  void check(NcclResult result, const char *what, NcclComm comm = nullptr) const;
};

/// Loads NCCL (libnccl.so.2, which LD_LIBRARY_PATH finds), once for the process. Throws Error when it is not installed,
/// or older than 2.18.
const Nccl &nccl();

/// "2.28.9" for 22809.
std::string ncclVersionText(int version);

} // namespace raddle::runtime::cuda
