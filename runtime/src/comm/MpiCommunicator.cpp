// Ranks that are processes, through MPI. This file is a library of its own, loaded when a program runs under MPI.

#include "Reduction.h"

#include "raddle/runtime/Communicator.h"
#include "raddle/runtime/Error.h"

#include <algorithm>
#include <chrono>
#include <climits>
#include <cstring>
#include <mpi.h>
#include <thread>

namespace raddle::runtime {

namespace {

void check(int code, const char *call) {
  if (code == MPI_SUCCESS)
    return;
  char text[MPI_MAX_ERROR_STRING];
  int length = 0;
  MPI_Error_string(code, text, &length);
  throw Error(std::string(call) + " failed: " + std::string(text, length));
}

// A block of bytes as MPI counts it, in ints: of bytes where they suffice, of larger units beyond.
class ByteBlock {
public:
  explicit ByteBlock(size_t bytes) {
    // The alignment of bucket slices, so that they can be counted in this unit.
    constexpr size_t unit = 128;
    if (bytes <= INT_MAX) {
      count = static_cast<int>(bytes);
      return;
    }
    if (bytes % unit != 0 || bytes / unit > INT_MAX)
      throw Error("MPI cannot transfer " + std::to_string(bytes) + " bytes in one call");
    check(MPI_Type_contiguous(unit, MPI_BYTE, &type), "MPI_Type_contiguous");
    check(MPI_Type_commit(&type), "MPI_Type_commit");
    count = static_cast<int>(bytes / unit);
  }
  ~ByteBlock() {
    if (type != MPI_BYTE)
      MPI_Type_free(&type);
  }
  ByteBlock(const ByteBlock &) = delete;
  ByteBlock &operator=(const ByteBlock &) = delete;

  MPI_Datatype type = MPI_BYTE;
  int count = 0;
};

// Calls that are under way. Waiting does not keep a processor from the thread that computes.
class Requests {
public:
  /// Room for one more call.
  MPI_Request *add() {
    requests.push_back(MPI_REQUEST_NULL);
    return &requests.back();
  }

  void wait() {
    // At once where the other ranks are ready, else as often as a large message needs to be moved on.
    constexpr int tries = 64;
    constexpr std::chrono::microseconds pause(20);
    for (int attempt = 0;; ++attempt) {
      int done = 0;
      check(MPI_Testall(static_cast<int>(requests.size()), requests.data(), &done, MPI_STATUSES_IGNORE), "MPI_Testall");
      if (done)
        break;
      if (attempt >= tries)
        std::this_thread::sleep_for(pause);
    }
    requests.clear();
  }

private:
  std::vector<MPI_Request> requests;
};

class MpiCommunicator : public Communicator {
public:
  MpiCommunicator() {
    int initialized = 0;
    check(MPI_Initialized(&initialized), "MPI_Initialized");
    if (!initialized) {
      int provided = 0;
      check(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &provided), "MPI_Init_thread");
      if (provided < MPI_THREAD_SERIALIZED)
        throw Error("this MPI library cannot be called from more than one thread");
    }
    ownsMpi = !initialized;
    check(MPI_Comm_dup(MPI_COMM_WORLD, &world), "MPI_Comm_dup");
    check(MPI_Comm_set_errhandler(world, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
    check(MPI_Comm_rank(world, &ownRank), "MPI_Comm_rank");
    check(MPI_Comm_size(world, &ranks), "MPI_Comm_size");
  }

  explicit MpiCommunicator(MPI_Comm part) : world(part) {
    check(MPI_Comm_set_errhandler(world, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
    check(MPI_Comm_rank(world, &ownRank), "MPI_Comm_rank");
    check(MPI_Comm_size(world, &ranks), "MPI_Comm_size");
  }

  ~MpiCommunicator() override {
    MPI_Comm_free(&world);
    if (ownsMpi)
      MPI_Finalize();
  }

  int rank() const override { return ownRank; }
  int size() const override { return ranks; }

  void allGather(const void *src, void *dst, size_t bytes, StreamHandle) override {
    ByteBlock block(bytes);
    bool inPlace = src == static_cast<char *>(dst) + ownRank * bytes;
    check(MPI_Iallgather(inPlace ? MPI_IN_PLACE : src, block.count, block.type, dst, block.count, block.type, world,
                         calls.add()),
          "MPI_Iallgather");
    calls.wait();
    received += bytes * (ranks - 1);
  }

  void reduceScatter(const void *src, void *dst, size_t count, DType dtype, bundle::Reduction reduction,
                     StreamHandle) override {
    checkReduction(dtype, reduction);
    reduceParts(static_cast<const char *>(src), static_cast<char *>(dst), count * ranks, dtype, reduction);
  }

  void allReduce(const void *src, void *dst, size_t count, DType dtype, bundle::Reduction reduction,
                 StreamHandle) override {
    checkReduction(dtype, reduction);
    size_t width = byteSize(dtype);
    char *to = static_cast<char *>(dst);
    auto begin = [&](int r) { return partBegin(count, r, ranks) * width; };
    reduceParts(static_cast<const char *>(src), to + begin(ownRank), count, dtype, reduction);
    for (int distance = 1; distance < ranks; ++distance) {
      int other = (ownRank + distance) % ranks;
      receive(to + begin(other), begin(other + 1) - begin(other), other);
      send(to + begin(ownRank), begin(ownRank + 1) - begin(ownRank), other);
    }
    calls.wait();
  }

  void broadcast(void *buffer, size_t bytes, int root, StreamHandle) override {
    for (size_t at = 0; at < bytes; at += INT_MAX)
      check(MPI_Ibcast(static_cast<char *>(buffer) + at, static_cast<int>(std::min<size_t>(bytes - at, INT_MAX)),
                       MPI_BYTE, root, world, calls.add()),
            "MPI_Ibcast");
    calls.wait();
    received += ownRank == root ? 0 : bytes;
  }

  void transfer(const void *src, void *dst, const std::vector<Transfer> &pieces, StreamHandle) override {
    // Messages between two ranks arrive in the order of the list, which both share.
    for (const Transfer &piece : pieces) {
      const char *from = static_cast<const char *>(src) + piece.source;
      char *to = static_cast<char *>(dst) + piece.target;
      if (piece.from == ownRank && piece.to == ownRank)
        std::memcpy(to, from, piece.bytes);
      else if (piece.from == ownRank)
        send(from, piece.bytes, piece.to);
      else if (piece.to == ownRank)
        receive(to, piece.bytes, piece.from);
    }
    calls.wait();
  }

  std::shared_ptr<Communicator> split(int colour) override {
    MPI_Comm part;
    check(MPI_Comm_split(world, colour, ownRank, &part), "MPI_Comm_split");
    return std::make_shared<MpiCommunicator>(part);
  }

  size_t workspaceBytes() const override { return ranks > 1 ? stagingBytes : 0; }

  void barrier() override { check(MPI_Barrier(world), "MPI_Barrier"); }

  void abort() override { MPI_Abort(world, 1); }

private:
  // Parts of the other ranks that are received while those before are added.
  static constexpr size_t stagingBytes = 1 << 20;

  MPI_Comm world = MPI_COMM_NULL;
  int ownRank = 0, ranks = 1;
  bool ownsMpi = false;
  Requests calls;
  std::vector<char> staging;

  void send(const char *from, size_t bytes, int other) {
    for (size_t at = 0; at < bytes; at += INT_MAX)
      check(MPI_Isend(from + at, static_cast<int>(std::min<size_t>(bytes - at, INT_MAX)), MPI_BYTE, other, 0, world,
                      calls.add()),
            "MPI_Isend");
  }

  void receive(char *to, size_t bytes, int other) { receive(to, bytes, other, calls); }

  void receive(char *to, size_t bytes, int other, Requests &requests) {
    for (size_t at = 0; at < bytes; at += INT_MAX)
      check(MPI_Irecv(to + at, static_cast<int>(std::min<size_t>(bytes - at, INT_MAX)), MPI_BYTE, other, 0, world,
                      requests.add()),
            "MPI_Irecv");
    received += bytes;
  }

  // Of `count` elements, this rank's part, reduced, goes to `dst`. MPI's own reductions hold a copy of everything, and
  // their order of additions depends on sizes: here a part comes in pieces, and sums are those of the local ranks.
  void reduceParts(const char *src, char *dst, size_t count, DType dtype, bundle::Reduction reduction) {
    size_t width = byteSize(dtype);
    auto begin = [&](int r) { return partBegin(count, r, ranks) * width; };
    size_t others = static_cast<size_t>(std::max(ranks - 1, 1)), piece = stagingBytes / 2 / others / width * width;
    piece = std::max(piece, width);
    staging.resize(std::max(stagingBytes, 2 * others * piece));
    for (int distance = 1; distance < ranks; ++distance) {
      int other = (ownRank + distance) % ranks;
      for (size_t at = begin(other); at < begin(other + 1); at += piece)
        send(src + at, std::min(piece, begin(other + 1) - at), other);
    }
    size_t first = begin(ownRank), end = begin(ownRank + 1);
    Requests halves[2];
    auto stage = [&](size_t index, size_t slot) { return staging.data() + (index % 2 * others + slot) * piece; };
    auto fetch = [&](size_t index) {
      size_t at = first + index * piece, slot = 0;
      for (int other = 0; at < end && other < ranks; ++other)
        if (other != ownRank)
          receive(stage(index, slot++), std::min(piece, end - at), other, halves[index % 2]);
    };
    fetch(0);
    std::vector<const void *> sources(ranks);
    for (size_t index = 0, at = first; at < end; ++index, at += piece) {
      fetch(index + 1);
      halves[index % 2].wait();
      size_t slot = 0;
      for (int other = 0; other < ranks; ++other)
        sources[other] = other == ownRank ? src + at : stage(index, slot++);
      reduceElements(sources, 0, std::min(piece, end - at) / width, dst + at - first, dtype, reduction);
    }
    calls.wait();
  }
};

} // namespace

} // namespace raddle::runtime

extern "C" __attribute__((visibility("default"))) raddle::runtime::Communicator *raddleCreateMpiCommunicator() {
  return new raddle::runtime::MpiCommunicator();
}
