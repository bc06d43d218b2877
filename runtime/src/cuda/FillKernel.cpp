#include "FillKernel.h"

namespace raddle::runtime::cuda {

// Bytes of a thread, which are those of `word`, and threads of a block.
static constexpr uint64_t wordBytes = sizeof(uint32_t), threads = 256;

/// fill(dst, word, bytes): each thread stores a word, or its bytes where that is not aligned or not whole.
static constexpr const char *code = R"(
.version 7.0
.target sm_70
.address_size 64

.visible .entry fill(.param .u64 dst, .param .u32 word, .param .u64 bytes)
{
  .reg .pred %outside, %whole, %aligned;
  .reg .b32 %word, %block, %size, %thread;
  .reg .b64 %dst, %bytes, %at, %end, %low;
  ld.param.u64 %dst, [dst];
  ld.param.u32 %word, [word];
  ld.param.u64 %bytes, [bytes];
  cvta.to.global.u64 %dst, %dst;
  mov.u32 %block, %ctaid.x;
  mov.u32 %size, %ntid.x;
  mov.u32 %thread, %tid.x;
  mul.wide.u32 %at, %block, %size;
  cvt.u64.u32 %low, %thread;
  add.u64 %at, %at, %low;
  shl.b64 %at, %at, 2;
  setp.ge.u64 %outside, %at, %bytes;
  @%outside ret;
  add.u64 %end, %at, 4;
  min.u64 %end, %end, %bytes;
  sub.u64 %low, %end, %at;
  setp.eq.u64 %whole, %low, 4;
  add.u64 %at, %at, %dst;
  add.u64 %end, %end, %dst;
  and.b64 %low, %at, 3;
  setp.eq.and.u64 %aligned, %low, 0, %whole;
  @!%aligned bra BYTES;
  st.global.u32 [%at], %word;
  ret;
BYTES:
  st.global.u8 [%at], %word;
  add.u64 %at, %at, 1;
  setp.lt.u64 %outside, %at, %end;
  @%outside bra BYTES;
  ret;
}
)";

FillKernel::FillKernel(const Driver &driver) : cu(driver) {
  cu.check(cu.moduleLoadData(&module, code), "cannot load the kernel that fills memory");
  Result result = cu.moduleGetFunction(&kernel, module, "fill");
  if (result != 0)
    cu.moduleUnload(module);
  cu.check(result, "cannot find the kernel that fills memory");
}

FillKernel::~FillKernel() { cu.moduleUnload(module); }

void FillKernel::fill(Address dst, uint8_t byte, uint64_t bytes, Stream stream) const {
  constexpr uint32_t each = 0x01010101;
  if (bytes != 0)
    launch(dst, byte * each, bytes, stream);
}

void FillKernel::store(Address dst, uint32_t value, Stream stream) const { launch(dst, value, wordBytes, stream); }

void FillKernel::launch(Address dst, uint32_t word, uint64_t bytes, Stream stream) const {
  constexpr uint64_t blockBytes = threads * wordBytes;
  void *parameters[] = {&dst, &word, &bytes};
  cu.check(cu.launchKernel(kernel, static_cast<unsigned>((bytes + blockBytes - 1) / blockBytes), 1, 1, threads, 1, 1, 0,
                           stream, parameters, nullptr),
           "cannot fill memory");
}

} // namespace raddle::runtime::cuda
