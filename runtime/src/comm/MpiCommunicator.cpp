// Ranks that are processes, through MPI. This file is a library of its own, loaded when a program runs under MPI.

#include "Reduction.h"
#include "raddle/runtime/Communicator.h"
#include "raddle/runtime/Error.h"

#include <algorithm>
#include <climits>
#include <mpi.h>

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

MPI_Datatype elementType(DType dtype) {
  switch (dtype) {
  case DType::F32:
    return MPI_FLOAT;
  case DType::F64:
    return MPI_DOUBLE;
  case DType::I64:
    return MPI_INT64_T;
  default:
    return MPI_INT32_T;
  }
}

bool isNarrow(DType dtype) { return dtype == DType::F16 || dtype == DType::BF16; }

// A number of bytes as MPI counts it.
int bytesOf(size_t bytes) {
  if (bytes > INT_MAX)
    throw Error("MPI cannot reduce " + std::to_string(bytes) + " bytes of 16-bit elements in one call");
  return static_cast<int>(bytes);
}

MPI_Op operation(bundle::Reduction reduction) { return reduction == bundle::Reduction::Max ? MPI_MAX : MPI_SUM; }

// MPI has no mean.
void divide(void *data, size_t count, DType dtype, int divisor) {
  if (dtype == DType::F32)
    for (size_t i = 0; i < count; ++i)
      static_cast<float *>(data)[i] /= static_cast<float>(divisor);
  else
    for (size_t i = 0; i < count; ++i)
      static_cast<double *>(data)[i] /= divisor;
}

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
    check(MPI_Allgather(inPlace ? MPI_IN_PLACE : src, block.count, block.type, dst, block.count, block.type, world),
          "MPI_Allgather");
  }

  void reduceScatter(const void *src, void *dst, size_t count, DType dtype, bundle::Reduction reduction,
                     StreamHandle) override {
    checkReduction(dtype, reduction);
    if (isNarrow(dtype))
      return reduceScatterNarrow(src, dst, std::vector<size_t>(ranks, count), dtype, reduction);
    if (count > INT_MAX)
      throw Error("MPI cannot reduce " + std::to_string(count) + " elements a rank in one call");
    check(MPI_Reduce_scatter_block(src, dst, static_cast<int>(count), elementType(dtype), operation(reduction), world),
          "MPI_Reduce_scatter_block");
    if (reduction == bundle::Reduction::Mean)
      divide(dst, count, dtype, ranks);
  }

  void allReduce(const void *src, void *dst, size_t count, DType dtype, bundle::Reduction reduction,
                 StreamHandle) override {
    checkReduction(dtype, reduction);
    if (isNarrow(dtype))
      return allReduceNarrow(src, dst, count, dtype, reduction);
    for (size_t at = 0; at < count; at += INT_MAX) {
      char *part = static_cast<char *>(dst) + at * byteSize(dtype);
      const char *from = static_cast<const char *>(src) + at * byteSize(dtype);
      int length = static_cast<int>(std::min<size_t>(count - at, INT_MAX));
      check(MPI_Allreduce(src == dst ? MPI_IN_PLACE : from, part, length, elementType(dtype), operation(reduction),
                          world),
            "MPI_Allreduce");
    }
    if (reduction == bundle::Reduction::Mean)
      divide(dst, count, dtype, ranks);
  }

  void broadcast(void *buffer, size_t bytes, int root, StreamHandle) override {
    for (size_t at = 0; at < bytes; at += INT_MAX)
      check(MPI_Bcast(static_cast<char *>(buffer) + at, static_cast<int>(std::min<size_t>(bytes - at, INT_MAX)),
                      MPI_BYTE, root, world),
            "MPI_Bcast");
  }

  void transfer(const void *src, void *dst, const std::vector<Transfer> &pieces, StreamHandle) override {
    std::vector<MPI_Request> requests;
    // Messages between two ranks arrive in the order of the list, which both share.
    auto post = [&](auto call, const char *name, auto *data, size_t bytes, int other) {
      for (size_t at = 0; at < bytes; at += INT_MAX) {
        requests.emplace_back();
        check(call(data + at, static_cast<int>(std::min<size_t>(bytes - at, INT_MAX)), MPI_BYTE, other, 0, world,
                   &requests.back()),
              name);
      }
    };
    for (const Transfer &piece : pieces) {
      const char *from = static_cast<const char *>(src) + piece.source;
      char *to = static_cast<char *>(dst) + piece.target;
      if (piece.from == ownRank && piece.to == ownRank)
        std::copy(from, from + piece.bytes, to);
      else if (piece.from == ownRank)
        post(MPI_Isend, "MPI_Isend", from, piece.bytes, piece.to);
      else if (piece.to == ownRank)
        post(MPI_Irecv, "MPI_Irecv", to, piece.bytes, piece.from);
    }
    check(MPI_Waitall(static_cast<int>(requests.size()), requests.data(), MPI_STATUSES_IGNORE), "MPI_Waitall");
  }

  std::shared_ptr<Communicator> split(int colour) override {
    MPI_Comm part;
    check(MPI_Comm_split(world, colour, ownRank, &part), "MPI_Comm_split");
    return std::make_shared<MpiCommunicator>(part);
  }

  void barrier() override { check(MPI_Barrier(world), "MPI_Barrier"); }

  void abort() override { MPI_Abort(world, 1); }

private:
  // MPI adds no 16-bit floating-point numbers: every rank gets all ranks' elements of its part and reduces them itself,
  // which moves as many bytes as a reduction. Rank r's part is the next counts[r] elements of `src`.
  void reduceScatterNarrow(const void *src, void *dst, const std::vector<size_t> &counts, DType dtype,
                           bundle::Reduction reduction) {
    size_t width = byteSize(dtype), own = counts[ownRank];
    std::vector<int> sent, sentFrom, received(ranks, bytesOf(own * width)), receivedAt;
    size_t begin = 0;
    for (int r = 0; r < ranks; ++r) {
      sent.push_back(bytesOf(counts[r] * width));
      sentFrom.push_back(bytesOf(begin * width));
      receivedAt.push_back(bytesOf(r * own * width));
      begin += counts[r];
    }
    parts.resize(std::max<size_t>(ranks * own * width, 1));
    check(MPI_Alltoallv(src, sent.data(), sentFrom.data(), MPI_BYTE, parts.data(), received.data(), receivedAt.data(),
                        MPI_BYTE, world),
          "MPI_Alltoallv");
    std::vector<const void *> sources;
    for (int r = 0; r < ranks; ++r)
      sources.push_back(parts.data() + r * own * width);
    reduceElements(sources, 0, own, dst, dtype, reduction);
  }

  void allReduceNarrow(const void *src, void *dst, size_t count, DType dtype, bundle::Reduction reduction) {
    size_t width = byteSize(dtype);
    std::vector<size_t> counts;
    std::vector<int> lengths, begins;
    for (int r = 0; r < ranks; ++r) {
      size_t begin = count * r / ranks;
      counts.push_back(count * (r + 1) / ranks - begin);
      lengths.push_back(bytesOf(counts[r] * width));
      begins.push_back(bytesOf(begin * width));
    }
    reduceScatterNarrow(src, static_cast<char *>(dst) + begins[ownRank], counts, dtype, reduction);
    check(MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, dst, lengths.data(), begins.data(), MPI_BYTE, world),
          "MPI_Allgatherv");
  }

  MPI_Comm world = MPI_COMM_NULL;
  int ownRank = 0, ranks = 1;
  bool ownsMpi = false;
  std::vector<char> parts; // of 16-bit reductions; kept, so that a step allocates it once
};

} // namespace

} // namespace raddle::runtime

extern "C" __attribute__((visibility("default"))) raddle::runtime::Communicator *raddleCreateMpiCommunicator() {
  return new raddle::runtime::MpiCommunicator();
}
