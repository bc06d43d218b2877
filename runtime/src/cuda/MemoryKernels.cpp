#include "MemoryKernels.h"

namespace raddle::runtime::cuda {

// Bytes and threads: a thread's are four words, as they go through memory fastest.
static constexpr uint64_t bytesOfThread = 16, threads = 256;

/// fill(dst, word, bytes): each thread stores four words, or where these are not aligned or not whole, words and bytes,
/// with `word` turned by as many bytes as went before: a word alone is stored at once.
/// copy(dst, src, bytes): each thread copies four words, or their bytes.
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
  shl.b64 %at, %at, 4;
  setp.ge.u64 %outside, %at, %bytes;
  @%outside ret;
  add.u64 %end, %at, 16;
  min.u64 %end, %end, %bytes;
  sub.u64 %low, %end, %at;
  setp.eq.u64 %whole, %low, 16;
  add.u64 %at, %at, %dst;
  add.u64 %end, %end, %dst;
  and.b64 %low, %at, 15;
  setp.eq.and.u64 %aligned, %low, 0, %whole;
  @!%aligned bra PARTS;
  st.global.v4.u32 [%at], {%word, %word, %word, %word};
  ret;
PARTS:
  sub.u64 %low, %end, %at;
  setp.ge.u64 %whole, %low, 4;
  and.b64 %low, %at, 3;
  setp.eq.and.u64 %aligned, %low, 0, %whole;
  @!%aligned bra BYTE;
  st.global.u32 [%at], %word;
  add.u64 %at, %at, 4;
  bra NEXT;
BYTE:
  st.global.u8 [%at], %word;
  shf.r.wrap.b32 %word, %word, %word, 8;
  add.u64 %at, %at, 1;
NEXT:
  setp.lt.u64 %outside, %at, %end;
  @%outside bra PARTS;
  ret;
}

.visible .entry copy(.param .u64 dst, .param .u64 src, .param .u64 bytes)
{
  .reg .pred %outside, %whole, %aligned;
  .reg .b32 %block, %size, %thread, %a, %b, %c, %d;
  .reg .b64 %dst, %src, %bytes, %at, %end, %low;
  ld.param.u64 %dst, [dst];
  ld.param.u64 %src, [src];
  ld.param.u64 %bytes, [bytes];
  cvta.to.global.u64 %dst, %dst;
  cvta.to.global.u64 %src, %src;
  mov.u32 %block, %ctaid.x;
  mov.u32 %size, %ntid.x;
  mov.u32 %thread, %tid.x;
  mul.wide.u32 %at, %block, %size;
  cvt.u64.u32 %low, %thread;
  add.u64 %at, %at, %low;
  shl.b64 %at, %at, 4;
  setp.ge.u64 %outside, %at, %bytes;
  @%outside ret;
  add.u64 %end, %at, 16;
  min.u64 %end, %end, %bytes;
  sub.u64 %low, %end, %at;
  setp.eq.u64 %whole, %low, 16;
  add.u64 %dst, %dst, %at;
  add.u64 %src, %src, %at;
  add.u64 %end, %dst, %low;
  or.b64 %low, %dst, %src;
  and.b64 %low, %low, 15;
  setp.eq.and.u64 %aligned, %low, 0, %whole;
  @!%aligned bra BYTES;
  ld.global.v4.u32 {%a, %b, %c, %d}, [%src];
  st.global.v4.u32 [%dst], {%a, %b, %c, %d};
  ret;
BYTES:
  ld.global.u8 %a, [%src];
  st.global.u8 [%dst], %a;
  add.u64 %src, %src, 1;
  add.u64 %dst, %dst, 1;
  setp.lt.u64 %outside, %dst, %end;
  @%outside bra BYTES;
  ret;
}
)";

MemoryKernels::MemoryKernels(const Driver &driver) : cu(driver) {
  cu.check(cu.moduleLoadData(&module, code), "cannot load the kernels that fill and copy memory");
  Result result = cu.moduleGetFunction(&filling, module, "fill");
  if (result == 0)
    result = cu.moduleGetFunction(&copying, module, "copy");
  if (result != 0)
    cu.moduleUnload(module);
  cu.check(result, "cannot find the kernels that fill and copy memory");
}

MemoryKernels::~MemoryKernels() { cu.moduleUnload(module); }

static unsigned blocksFor(uint64_t bytes) {
  constexpr uint64_t blockBytes = threads * bytesOfThread;
  return static_cast<unsigned>((bytes + blockBytes - 1) / blockBytes);
}

void MemoryKernels::fill(Address dst, uint8_t byte, uint64_t bytes, Stream stream) const {
  constexpr uint32_t each = 0x01010101;
  if (bytes != 0)
    launch(dst, byte * each, bytes, stream);
}

void MemoryKernels::store(Address dst, uint32_t value, Stream stream) const {
  launch(dst, value, sizeof(value), stream);
}

void MemoryKernels::launch(Address dst, uint32_t word, uint64_t bytes, Stream stream) const {
  void *parameters[] = {&dst, &word, &bytes};
  cu.check(cu.launchKernel(filling, blocksFor(bytes), 1, 1, threads, 1, 1, 0, stream, parameters, nullptr),
           "cannot fill memory");
}

static Result addNode(const Driver &cu, GraphNode &node, Graph graph, const std::vector<GraphNode> &dependencies,
                      Function function, unsigned blocks, void **parameters) {
  KernelNodeParameters kernel{function, {blocks, 1, 1}, {threads, 1, 1}, 0, parameters, nullptr, nullptr, nullptr};
  return cu.graphAddKernelNode(&node, graph, dependencies.data(), dependencies.size(), &kernel);
}

Result MemoryKernels::addFill(GraphNode &node, Graph graph, const std::vector<GraphNode> &dependencies, Address dst,
                              uint32_t word, uint64_t bytes) const {
  void *parameters[] = {&dst, &word, &bytes};
  return addNode(cu, node, graph, dependencies, filling, blocksFor(bytes), parameters);
}

Result MemoryKernels::addCopy(GraphNode &node, Graph graph, const std::vector<GraphNode> &dependencies, Address dst,
                              Address src, uint64_t bytes) const {
  void *parameters[] = {&dst, &src, &bytes};
  return addNode(cu, node, graph, dependencies, copying, blocksFor(bytes), parameters);
}

} // namespace raddle::runtime::cuda
