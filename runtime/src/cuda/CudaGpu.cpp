#include "BlasLt.h"
#include "CudnnAttention.h"
#include "DeviceStreams.h"
#include "Driver.h"
#include "Gpu.h"
#include "GraphNodes.h"

#include "raddle/runtime/Error.h"

#include <algorithm>
#include <cstdlib>
#include <vector>

namespace raddle::runtime {

namespace {

using namespace cuda;

constexpr unsigned warpThreads = 32;

class CudaGpu : public Gpu {
public:
  explicit CudaGpu(int ordinal) : cu(driver()) {
    if (int count = cudaGpuCount(); ordinal >= count)
      throw Error("cannot open GPU " + std::to_string(ordinal) + ": this process sees " + std::to_string(count) +
                  " GPUs, numbered from 0 (CUDA_VISIBLE_DEVICES limits them)");
    cu.check(cu.deviceGet(&device, ordinal), "cannot open GPU " + std::to_string(ordinal));
    cu.check(cu.primaryCtxRetain(&context, device), "cannot open GPU " + std::to_string(ordinal));
    try {
      enter();
      streams = std::make_unique<DeviceStreams>(cu);
    } catch (...) {
      cu.primaryCtxRelease(device);
      throw;
    }
  }

  ~CudaGpu() override {
    cu.ctxSetCurrent(context);
    cu.streamSynchronize(streams->compute());
    blas.reset();
    // Graphs run code that cuDNN's plans hold.
    dropGraphs();
    cudnn.reset();
    for (Module module : modules)
      cu.moduleUnload(module);
    for (Address memory : deviceMemory)
      cu.memFree(memory);
    for (void *memory : hostMemory)
      cu.memFreeHost(memory);
    streams.reset();
    cu.primaryCtxRelease(device);
  }

  std::string name() const override {
    char text[256] = "";
    cu.deviceGetName(text, sizeof(text), device);
    return text;
  }

  void enter() override { cu.check(cu.ctxSetCurrent(context), "cannot use the GPU on this thread"); }

  uint8_t *allocate(uint64_t bytes) override {
    Address address = 0;
    cu.check(cu.memAlloc(&address, std::max<uint64_t>(bytes, 1)),
             "cannot allocate " + std::to_string(bytes) + " bytes on " + name());
    deviceMemory.push_back(address);
    ++allocated;
    return reinterpret_cast<uint8_t *>(address);
  }

  uint8_t *allocateHost(uint64_t bytes) override {
    void *memory = nullptr;
    cu.check(cu.memHostAlloc(&memory, std::max<uint64_t>(bytes, 1), 0),
             "cannot allocate " + std::to_string(bytes) + " bytes that the GPU can copy");
    hostMemory.push_back(memory);
    ++allocated;
    return static_cast<uint8_t *>(memory);
  }

  void load(const bundle::Bundle &bundle) override;
  void launch(uint32_t kernel, void *const *operands) override;

  void rememberGemms(const std::string &file) override { rememberedGemms = file; }

  size_t prepareGemm(const GemmProblem &problem, const GemmOperands &operands) override {
    if (!blas) {
      blas = std::make_unique<BlasLt>(streams->compute(), name(), rememberedGemms);
      ++allocated;
    }
    return blas->prepare(problem, operands);
  }

  void gemm(size_t prepared, const GemmOperands &operands) override { blas->run(prepared, operands); }
  size_t unmeasuredGemms() override { return blas ? blas->unmeasured() : 0; }
  void measureGemms(const std::function<void(size_t, size_t)> &progress) override { blas->measure(progress); }

  size_t prepareAttention(const AttentionProblem &problem) override {
    if (!cudnn)
      cudnn = std::make_unique<CudnnAttention>(streams->compute());
    uint64_t before = cudnn->workspaceBytes();
    size_t prepared = cudnn->prepare(problem);
    allocated += cudnn->workspaceBytes() != before;
    return prepared;
  }

  void attention(size_t prepared, void *const *operands) override { cudnn->run(prepared, operands); }

  void copy(void *dst, const void *src, uint64_t bytes) override {
    if (bytes != 0)
      cu.check(cu.memcpyAsync(addressOf(dst), addressOf(src), bytes, streams->compute()), "cannot copy");
  }

  void fill(void *dst, uint8_t byte, uint64_t bytes) override { streams->fill(addressOf(dst), byte, bytes); }

  StreamHandle communicationStream() override { return streams->communication(); }
  void makeEvents(size_t count) override { streams->makeEvents(count); }
  void record(size_t event, uint32_t stream) override { streams->record(event, stream); }
  void wait(size_t event, uint32_t stream) override { streams->wait(event, stream); }
  bool reached(size_t event) override { return streams->reached(event); }
  void await(size_t event) override { streams->await(event); }
  void makeStamps(size_t count) override { streams->makeStamps(count); }
  void stamp(size_t stamp, uint32_t stream) override { streams->stamp(stamp, stream); }
  double secondsBetween(size_t first, size_t second) override { return streams->secondsBetween(first, second); }
  void mark(uint32_t number) override { streams->mark(number); }
  uint32_t marked() override { return streams->marked(); }

  void beginGraph() override {
    cu.check(cu.streamBeginCapture(streams->compute(), captureRelaxed), "cannot begin a graph");
  }

  size_t endGraph() override {
    Graph graph = nullptr;
    cu.check(cu.streamEndCapture(streams->compute(), &graph), "cannot end a graph");
    GraphCensus census = lightenGraph(cu, streams->memoryKernels(), device, graph);
    if (!drawing.empty())
      census.drawingError =
          drawGraph(cu, graph, graphs.empty() ? drawing : drawing + "." + std::to_string(graphs.size()));
    GraphExec executable = nullptr;
    Result result = cu.graphInstantiate(&executable, graph, 0);
    cu.graphDestroy(graph);
    cu.check(result, "cannot make a graph executable");
    graphs.push_back(executable);
    censuses.push_back(std::move(census));
    return graphs.size() - 1;
  }

  const GraphCensus &census(size_t graph) const override { return censuses[graph]; }
  void drawGraphs(const std::string &path) override { drawing = path; }

  void launchGraph(size_t graph) override {
    cu.check(cu.graphLaunch(graphs[graph], streams->compute()), "cannot launch a graph");
  }

  void dropGraphs() override {
    for (GraphExec graph : graphs)
      cu.graphExecDestroy(graph);
    graphs.clear();
    censuses.clear();
  }

  uint64_t workspaceBytes() const override {
    return scratchBytes + (blas ? BlasLt::workspaceBytes : 0) + (cudnn ? cudnn->workspaceBytes() : 0);
  }
  uint64_t allocations() const override { return allocated; }

  bool finished() override { return streams->finished(); }
  void synchronize() override { streams->synchronize(); }

private:
  /// How a kernel is launched.
  struct Loaded {
    Function function;
    unsigned grid[3];
    unsigned threads, sharedBytes, pointers, trailing;
  };

  const Driver &cu;
  Device device = 0;
  Context context = nullptr;
  std::unique_ptr<DeviceStreams> streams;
  std::vector<Address> deviceMemory;
  std::vector<void *> hostMemory;
  std::vector<Module> modules;
  std::vector<Loaded> kernels;
  std::vector<GraphExec> graphs;
  std::vector<GraphCensus> censuses; // of each graph
  std::string drawing;
  std::vector<void *> parameters;
  void *scratch = nullptr;
  uint64_t scratchBytes = 0, allocated = 0;
  void *nothing = nullptr;
  std::string rememberedGemms;
  std::unique_ptr<BlasLt> blas;
  std::unique_ptr<CudnnAttention> cudnn;

  static Address addressOf(const void *pointer) { return reinterpret_cast<Address>(pointer); }

  void loadCode(const bundle::CodeObject &code, size_t index);
  Loaded describe(const bundle::Kernel &kernel, Function function);
};

void CudaGpu::loadCode(const bundle::CodeObject &code, size_t index) {
  Module module = nullptr;
  cu.check(cu.moduleLoadData(&module, code.data()->data()), "cannot load code object " + std::to_string(index) +
                                                                " made for '" + code.target()->str() + "' on " +
                                                                name());
  modules.push_back(module);
}

CudaGpu::Loaded CudaGpu::describe(const bundle::Kernel &kernel, Function function) {
  Loaded loaded{function,
                {1, 1, 1},
                warpThreads * kernel.num_warps(),
                kernel.shared_bytes(),
                kernel.num_args(),
                kernel.trailing_pointers()};
  for (unsigned i = 0; i < kernel.grid()->size(); ++i)
    loaded.grid[i] = kernel.grid()->Get(i);
  // More than this a kernel gets only when it says so before.
  constexpr unsigned usualShared = 48u << 10;
  if (loaded.sharedBytes > usualShared)
    cu.check(cu.funcSetAttribute(function, functionMaxDynamicShared, static_cast<int>(loaded.sharedBytes)),
             "kernel '" + kernel.name()->str() + "': cannot have " + std::to_string(loaded.sharedBytes) +
                 " bytes of shared memory");
  return loaded;
}

void CudaGpu::load(const bundle::Bundle &bundle) {
  for (unsigned i = 0; bundle.code() && i < bundle.code()->size(); ++i)
    loadCode(*bundle.code()->Get(i), i);
  std::string missing;
  size_t mostParameters = 0;
  for (unsigned i = 0; bundle.kernels() && i < bundle.kernels()->size(); ++i) {
    const bundle::Kernel &kernel = *bundle.kernels()->Get(i);
    Function function = nullptr;
    if (cu.moduleGetFunction(&function, modules[kernel.code()], kernel.symbol()->c_str()) != 0) {
      missing += (missing.empty() ? "" : ", ") + kernel.symbol()->str();
      continue;
    }
    kernels.push_back(describe(kernel, function));
    const Loaded &loaded = kernels.back();
    uint64_t blocks = uint64_t(loaded.grid[0]) * loaded.grid[1] * loaded.grid[2];
    scratchBytes = std::max(scratchBytes, blocks * kernel.global_scratch_bytes());
    mostParameters = std::max<size_t>(mostParameters, loaded.pointers + loaded.trailing);
  }
  if (!missing.empty())
    throw Error("the bundle's code lacks these kernels: " + missing);
  if (scratchBytes != 0) {
    scratch = allocate(scratchBytes);
    fill(scratch, 0, scratchBytes);
  }
  parameters.resize(mostParameters);
}

void CudaGpu::launch(uint32_t index, void *const *operands) {
  const Loaded &kernel = kernels[index];
  // The driver takes the address of each parameter, and copies it.
  for (unsigned i = 0; i < kernel.pointers; ++i)
    parameters[i] = const_cast<void **>(&operands[i]);
  // Triton's kernels take scratch memory, and then memory for profiles, which is not asked for.
  for (unsigned i = 0; i < kernel.trailing; ++i)
    parameters[kernel.pointers + i] = i == 0 ? &scratch : &nothing;
  cu.check(cu.launchKernel(kernel.function, kernel.grid[0], kernel.grid[1], kernel.grid[2], kernel.threads, 1, 1,
                           kernel.sharedBytes, streams->compute(), parameters.data(), nullptr),
           "cannot launch the kernel");
}

} // namespace

int cudaGpuCount() {
  int count = 0;
  driver().check(driver().deviceGetCount(&count), "cannot count GPUs");
  return count;
}

std::unique_ptr<Gpu> openCudaGpu(int ordinal) { return std::make_unique<CudaGpu>(ordinal); }

} // namespace raddle::runtime
