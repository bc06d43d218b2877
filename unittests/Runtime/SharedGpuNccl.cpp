// NCCL for ranks that share one GPU, which NVIDIA's own refuses: threads of one process whose memory is in one context.
// Everything is done on the given streams, so that it can be captured as a graph. Streams wait for each other in a
// kernel, as in NCCL; the host adds, in the order of ranks. Streams must not share queues
// (CUDA_DEVICE_MAX_CONNECTIONS=32), or one that waits keeps others from working.
#include "TestNccl.h"

#include "cuda/Driver.h"
#include "cuda/SharedLibrary.h"

#include <cstring>
#include <deque>

using namespace raddle::runtime;
using namespace raddle::runtime::cuda;

namespace raddle::test {

namespace {

/// meet(flags, own, ranks, peers): `flags` has a word for each pair of ranks, set by the first when it has come, and
/// cleared by the second when it has seen that, and one behind them that ends all waiting. `peers` is a set of bits.
constexpr const char *code = R"(
.version 7.0
.target sm_70
.address_size 64

.visible .entry meet(.param .u64 flags, .param .u32 own, .param .u32 ranks, .param .u64 peers)
{
  .reg .pred %p<4>;
  .reg .b32 %own, %ranks, %peer, %word, %stop, %pair;
  .reg .b64 %flags, %peers, %bit, %address, %end;
  ld.param.u64 %flags, [flags];
  ld.param.u32 %own, [own];
  ld.param.u32 %ranks, [ranks];
  ld.param.u64 %peers, [peers];
  cvta.to.global.u64 %flags, %flags;
  mul.lo.u32 %pair, %ranks, %ranks;
  mad.wide.u32 %end, %pair, 4, %flags;
  membar.sys;

  mov.u32 %peer, 0;
TELL:
  setp.ge.u32 %p0, %peer, %ranks;
  @%p0 bra TOLD;
  shr.u64 %bit, %peers, %peer;
  and.b64 %bit, %bit, 1;
  setp.eq.u64 %p1, %bit, 0;
  @%p1 bra NEXT_TELL;
  mad.lo.u32 %pair, %own, %ranks, %peer;
  mad.wide.u32 %address, %pair, 4, %flags;
WAIT_CLEARED:
  ld.acquire.sys.global.u32 %stop, [%end];
  setp.ne.u32 %p2, %stop, 0;
  @%p2 bra DONE;
  ld.acquire.sys.global.u32 %word, [%address];
  setp.ne.u32 %p3, %word, 0;
  @%p3 bra WAIT_CLEARED;
  st.release.sys.global.u32 [%address], 1;
NEXT_TELL:
  add.u32 %peer, %peer, 1;
  bra TELL;

TOLD:
  mov.u32 %peer, 0;
HEAR:
  setp.ge.u32 %p0, %peer, %ranks;
  @%p0 bra DONE;
  shr.u64 %bit, %peers, %peer;
  and.b64 %bit, %bit, 1;
  setp.eq.u64 %p1, %bit, 0;
  @%p1 bra NEXT_HEAR;
  mad.lo.u32 %pair, %peer, %ranks, %own;
  mad.wide.u32 %address, %pair, 4, %flags;
WAIT_SET:
  ld.acquire.sys.global.u32 %stop, [%end];
  setp.ne.u32 %p2, %stop, 0;
  @%p2 bra DONE;
  ld.acquire.sys.global.u32 %word, [%address];
  setp.eq.u32 %p3, %word, 0;
  @%p3 bra WAIT_SET;
  st.release.sys.global.u32 [%address], 0;
NEXT_HEAR:
  add.u32 %peer, %peer, 1;
  bra HEAR;

DONE:
  membar.sys;
  ret;
}
)";

using HostFunction = void (*)(void *);

Result launchHostFunction(Stream stream, HostFunction function, void *argument) {
  static Result (*const launch)(Stream, HostFunction, void *) = [] {
    Result (*found)(Stream, HostFunction, void *);
    SharedLibrary library({"libcuda.so.1"}, "NVIDIA's driver cannot be loaded");
    library.find(found, "cuLaunchHostFunc");
    library.check("NVIDIA's driver");
    return found;
  }();
  return launch(stream, function, argument);
}

/// Memory of the host that the device reads and writes.
class Pinned {
public:
  explicit Pinned(size_t bytes) : bytes(bytes) {
    void *memory = nullptr;
    driver().check(driver().memHostAlloc(&memory, bytes, 0), "cannot allocate memory that the GPU can copy");
    data = static_cast<uint8_t *>(memory);
    std::memset(data, 0, bytes);
  }
  ~Pinned() { driver().memFreeHost(data); }
  Pinned(const Pinned &) = delete;
  Pinned &operator=(const Pinned &) = delete;

  const size_t bytes;
  uint8_t *data = nullptr;
};

class SharedGpuRank : public NcclRank {
public:
  explicit SharedGpuRank(Communicator &hosts)
      : own(static_cast<uint32_t>(hosts.rank())), ranks(static_cast<uint32_t>(hosts.size())),
        flags(shareFirst(hosts, std::make_shared<Pinned>((ranks * ranks + 1) * sizeof(uint32_t)))) {
    driver().check(driver().moduleLoadData(&module, code), "cannot load the kernel in which streams wait");
    driver().check(driver().moduleGetFunction(&kernel, module, "meet"), "cannot find the kernel");
    // It is loaded when it is first launched, for which the device must not be waiting in it.
    launch(0, nullptr);
    driver().check(driver().streamSynchronize(nullptr), "the GPU failed");
    hosts.barrier();
  }

  ~SharedGpuRank() override { driver().moduleUnload(module); }

  void meet(const std::vector<int> &peers, void *stream) override {
    if (peers.empty())
      return;
    uint64_t set = 0;
    for (int peer : peers)
      set |= uint64_t(1) << peer;
    launch(set, static_cast<Stream>(stream));
  }

  void copy(void *dst, const void *src, size_t bytes, void *stream) override {
    if (bytes != 0)
      driver().check(driver().memcpyAsync(reinterpret_cast<Address>(dst), reinterpret_cast<Address>(src), bytes,
                                          static_cast<Stream>(stream)),
                     "cannot copy between ranks");
  }

  // A graph does it again: the function stays.
  void compute(std::function<void()> work, void *stream) override {
    functions.push_back(std::move(work));
    auto call = [](void *function) { (*static_cast<std::function<void()> *>(function))(); };
    driver().check(launchHostFunction(static_cast<Stream>(stream), call, &functions.back()), "cannot let the host add");
  }

  // A graph has the places of earlier ones.
  uint8_t *staging(size_t bytes) override {
    if (memory.empty() || memory.back()->bytes < bytes)
      memory.push_back(std::make_unique<Pinned>(bytes));
    return memory.back()->data;
  }

  void abort() override {
    uint32_t stop = 1;
    std::memcpy(flags->data + ranks * ranks * sizeof(stop), &stop, sizeof(stop));
  }

private:
  uint32_t own, ranks;
  std::shared_ptr<Pinned> flags;
  Module module = nullptr;
  Function kernel = nullptr;
  std::deque<std::function<void()>> functions;
  std::vector<std::unique_ptr<Pinned>> memory;

  void launch(uint64_t peers, Stream stream) {
    void *parameters[] = {&flags->data, &own, &ranks, &peers};
    driver().check(driver().launchKernel(kernel, 1, 1, 1, 1, 1, 1, 0, stream, parameters, nullptr),
                   "cannot let a stream wait");
  }
};

} // namespace

std::unique_ptr<NcclRank> makeNcclRank(Communicator &hosts) { return std::make_unique<SharedGpuRank>(hosts); }

} // namespace raddle::test
