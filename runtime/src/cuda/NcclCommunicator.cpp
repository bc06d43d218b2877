#include "NcclCommunicator.h"

#include "../comm/Reduction.h"

#include "raddle/runtime/Error.h"

#include <algorithm>
#include <future>
#include <thread>

namespace raddle::runtime::cuda {

static int typeOf(DType dtype) {
  switch (dtype) {
  case DType::F32:
    return ncclFloat32;
  case DType::F64:
    return ncclFloat64;
  case DType::F16:
    return ncclFloat16;
  case DType::BF16:
    return ncclBfloat16;
  case DType::I64:
    return ncclInt64;
  case DType::I32:
    return ncclInt32;
  default:
    throw Error(std::string("NCCL does not reduce elements of ") + nameOf(dtype));
  }
}

static int operationOf(bundle::Reduction reduction) {
  switch (reduction) {
  case bundle::Reduction::Sum:
    return ncclSum;
  case bundle::Reduction::Mean:
    return ncclAvg;
  case bundle::Reduction::Max:
    return ncclMax;
  }
  throw Error("unknown reduction");
}

static Stream streamOf(StreamHandle stream) { return static_cast<Stream>(stream); }

NcclCommunicator::NcclCommunicator(NcclComm comm, int rank, int size, std::shared_ptr<Family> members)
    : library(nccl()), comm(comm), ownRank(rank), ranks(size), family(std::move(members)) {
  family->all.push_back(comm);
}

// NCCL waits for the other ranks as long as it takes, and nothing but their coming ends that: the call has a thread of
// its own, which is left behind when they do not come.
std::shared_ptr<NcclCommunicator> NcclCommunicator::connect(const NcclId &id, int rank, int size,
                                                            std::chrono::seconds patience,
                                                            const std::function<void()> &enterDevice) {
  auto connected = std::make_shared<std::promise<NcclComm>>();
  std::future<NcclComm> result = connected->get_future();
  nccl();
  std::thread([=] {
    try {
      enterDevice();
      NcclComm comm = nullptr;
      nccl().check(nccl().commInitRank(&comm, size, id, rank), "cannot connect ranks through NCCL");
      connected->set_value(comm);
    } catch (...) {
      connected->set_exception(std::current_exception());
    }
  }).detach();
  if (result.wait_for(patience) != std::future_status::ready)
    throw Error("cannot connect " + std::to_string(size) + " ranks through NCCL: rank " + std::to_string(rank) +
                " waited for " + std::to_string(patience.count()) + " seconds for the others");
  auto family = std::make_shared<Family>();
  return std::shared_ptr<NcclCommunicator>(new NcclCommunicator(result.get(), rank, size, family));
}

NcclCommunicator::~NcclCommunicator() {
  if (family->ended)
    return;
  family->all.erase(std::find(family->all.begin(), family->all.end(), comm));
  if (family->stopped)
    library.commAbort(comm);
  else
    library.commDestroy(comm);
}

void NcclCommunicator::begin(StreamHandle stream) const {
  if (!stream)
    throw Error("a collective between GPUs needs a stream");
  if (family->ended)
    throw Error("the ranks communicate no more since a collective failed");
}

// NCCL frees what it ends.
void NcclCommunicator::giveUp() {
  if (!family->ended)
    for (NcclComm each : family->all)
      library.commAbort(each);
  family->ended = true;
}

void NcclCommunicator::poll() {
  if (family->stopped)
    throw Aborted("stopped because another rank failed");
  if (family->ended)
    throw Error("the ranks communicate no more since a collective failed");
  NcclResult state = ncclSuccess;
  library.check(library.commGetAsyncError(comm, &state), "ncclCommGetAsyncError", comm);
  if (state != ncclInProgress)
    library.check(state, "a collective failed", comm);
}

void NcclCommunicator::allGather(const void *src, void *dst, size_t bytes, StreamHandle stream) {
  begin(stream);
  library.check(library.allGather(src, dst, bytes, ncclUint8, comm, streamOf(stream)), "ncclAllGather", comm);
  received += bytes * static_cast<size_t>(ranks - 1);
}

void NcclCommunicator::reduceScatter(const void *src, void *dst, size_t count, DType dtype, bundle::Reduction reduction,
                                     StreamHandle stream) {
  checkReduction(dtype, reduction);
  begin(stream);
  library.check(library.reduceScatter(src, dst, count, typeOf(dtype), operationOf(reduction), comm, streamOf(stream)),
                "ncclReduceScatter", comm);
  received += count * byteSize(dtype) * static_cast<size_t>(ranks - 1);
}

void NcclCommunicator::allReduce(const void *src, void *dst, size_t count, DType dtype, bundle::Reduction reduction,
                                 StreamHandle stream) {
  checkReduction(dtype, reduction);
  begin(stream);
  library.check(library.allReduce(src, dst, count, typeOf(dtype), operationOf(reduction), comm, streamOf(stream)),
                "ncclAllReduce", comm);
  // The other ranks' values of the own part, and the other parts of the result.
  size_t own = partBegin(count, ownRank + 1, ranks) - partBegin(count, ownRank, ranks);
  received += (own * static_cast<size_t>(ranks - 1) + count - own) * byteSize(dtype);
}

void NcclCommunicator::broadcast(void *buffer, size_t bytes, int root, StreamHandle stream) {
  begin(stream);
  library.check(library.broadcast(buffer, buffer, bytes, ncclUint8, root, comm, streamOf(stream)), "ncclBroadcast",
                comm);
  received += ownRank == root ? 0 : bytes;
}

// Calls between two ranks are matched in their order, which the list gives to both.
void NcclCommunicator::transfer(const void *src, void *dst, const std::vector<Transfer> &pieces, StreamHandle stream) {
  begin(stream);
  library.check(library.groupStart(), "ncclGroupStart", comm);
  NcclResult first = ncclSuccess;
  auto keep = [&](NcclResult result) { first = first == ncclSuccess ? result : first; };
  for (const Transfer &piece : pieces) {
    if (piece.bytes == 0)
      continue;
    if (piece.from == ownRank)
      keep(library.send(static_cast<const char *>(src) + piece.source, piece.bytes, ncclUint8, piece.to, comm,
                        streamOf(stream)));
    if (piece.to == ownRank) {
      keep(library.receive(static_cast<char *>(dst) + piece.target, piece.bytes, ncclUint8, piece.from, comm,
                           streamOf(stream)));
      received += piece.from == ownRank ? 0 : piece.bytes;
    }
  }
  // A group that was begun must be ended, whatever became of its calls.
  NcclResult ended = library.groupEnd();
  library.check(first, "ncclSend or ncclRecv", comm);
  library.check(ended, "ncclGroupEnd", comm);
}

void NcclCommunicator::barrier() { throw Error("a communicator of GPUs has no barrier for their hosts"); }

std::shared_ptr<Communicator> NcclCommunicator::split(int colour) {
  NcclComm part = nullptr;
  library.check(library.commSplit(comm, colour, ownRank, &part, nullptr), "ncclCommSplit", comm);
  int rank = 0, size = 0;
  library.check(library.commUserRank(part, &rank), "ncclCommUserRank", part);
  library.check(library.commCount(part, &size), "ncclCommCount", part);
  return std::shared_ptr<Communicator>(new NcclCommunicator(part, rank, size, family));
}

} // namespace raddle::runtime::cuda
