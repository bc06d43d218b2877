// NVIDIA's driver, loaded when a bundle needs it. Declared by hand, so that the runtime is built and runs without it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace raddle::runtime::cuda {

using Result = int;
using Device = int;
using Address = unsigned long long;
using Context = struct ContextHandle *;
using Stream = struct DriverStream *;
using Module = struct ModuleHandle *;
using Function = struct FunctionHandle *;
using Graph = struct GraphHandle *;
using GraphExec = struct GraphExecHandle *;
using GraphNode = struct GraphNodeHandle *;
using Event = struct EventHandle *;

// Numbers of cuda.h.
constexpr unsigned streamNonBlocking = 1, captureRelaxed = 2, eventDefault = 0, eventDisableTiming = 2;
constexpr Result notReady = 600;
constexpr int functionMaxDynamicShared = 8;
constexpr int attributeMemoryType = 2, attributeDevice = 9;
constexpr unsigned memoryOfDevice = 2, memoryUnified = 4;

/// CUgraphNodeType.
enum class NodeType : int { Kernel, Copy, Memset, Host, Child, Empty, WaitEvent, RecordEvent, Allocation = 10, Free };

/// CUgraphEdgeData: all zero where the one node waits for the end of the other.
struct EdgeData {
  uint8_t fromPort, toPort, type, reserved[5];
};

/// CUDA_MEMSET_NODE_PARAMS: rows of elements of 1, 2 or 4 bytes, whose beginnings are `pitch` bytes apart.
struct MemsetParameters {
  Address dst;
  size_t pitch;
  unsigned value, elementSize;
  size_t width, height;
};

/// One side of a copy in CUDA_MEMCPY3D.
struct CopySide {
  size_t xInBytes, y, z, level;
  unsigned memoryType;
  void *host;
  Address device;
  void *array, *reserved;
  size_t pitch, height;
};

/// CUDA_MEMCPY3D.
struct CopyParameters {
  CopySide src, dst;
  size_t widthInBytes, height, depth;
};

/// CUDA_KERNEL_NODE_PARAMS_v2.
struct KernelNodeParameters {
  Function function;
  unsigned grid[3], block[3], sharedBytes;
  void **parameters, **extra;
  void *kernel;
  Context context;
};

/// The functions of libcuda that are used, by their names in CUDA's manual.
struct Driver {
  Result (*init)(unsigned);
  Result (*deviceGetCount)(int *);
  Result (*deviceGet)(Device *, int);
  Result (*deviceGetName)(char *, int, Device);
  Result (*primaryCtxRetain)(Context *, Device);
  Result (*primaryCtxRelease)(Device);
  Result (*ctxSetCurrent)(Context);
  Result (*ctxGetStreamPriorityRange)(int *, int *);
  Result (*streamCreate)(Stream *, unsigned, int);
  Result (*streamDestroy)(Stream);
  Result (*streamSynchronize)(Stream);
  Result (*streamQuery)(Stream);
  Result (*streamWaitEvent)(Stream, Event, unsigned);
  Result (*streamBeginCapture)(Stream, unsigned);
  Result (*streamEndCapture)(Stream, Graph *);
  Result (*graphInstantiate)(GraphExec *, Graph, unsigned long long);
  Result (*graphLaunch)(GraphExec, Stream);
  Result (*graphDestroy)(Graph);
  Result (*graphExecDestroy)(GraphExec);
  Result (*eventCreate)(Event *, unsigned);
  Result (*eventDestroy)(Event);
  Result (*eventRecord)(Event, Stream);
  Result (*eventQuery)(Event);
  Result (*eventSynchronize)(Event);
  Result (*eventElapsedTime)(float *, Event, Event);
  Result (*memAlloc)(Address *, size_t);
  Result (*memFree)(Address);
  Result (*memHostAlloc)(void **, size_t, unsigned);
  Result (*memFreeHost)(void *);
  Result (*memcpyAsync)(Address, Address, size_t, Stream);
  Result (*moduleLoadData)(Module *, const void *);
  Result (*moduleUnload)(Module);
  Result (*moduleGetFunction)(Function *, Module, const char *);
  Result (*funcSetAttribute)(Function, int, int);
  Result (*launchKernel)(Function, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, Stream,
                         void **, void **);
  Result (*getErrorName)(Result, const char **);
  Result (*getErrorString)(Result, const char **);
  Result (*pointerGetAttribute)(void *, int, Address);
  // Of graphs that are looked at and edited before they are made executable. A null one, and then all of these, are
  // functions that the driver lacks.
  Result (*graphGetNodes)(Graph, GraphNode *, size_t *);
  Result (*graphGetEdges)(Graph, GraphNode *, GraphNode *, EdgeData *, size_t *);
  Result (*graphNodeGetType)(GraphNode, NodeType *);
  Result (*graphNodeGetDependencies)(GraphNode, GraphNode *, EdgeData *, size_t *);
  Result (*graphNodeGetDependentNodes)(GraphNode, GraphNode *, EdgeData *, size_t *);
  Result (*graphMemsetNodeGetParams)(GraphNode, MemsetParameters *);
  Result (*graphMemcpyNodeGetParams)(GraphNode, CopyParameters *);
  Result (*graphChildGraphNodeGetGraph)(GraphNode, Graph *);
  Result (*graphEventRecordNodeGetEvent)(GraphNode, Event *);
  Result (*graphEventWaitNodeGetEvent)(GraphNode, Event *);
  Result (*graphAddKernelNode)(GraphNode *, Graph, const GraphNode *, size_t, const KernelNodeParameters *);
  Result (*graphAddDependencies)(Graph, const GraphNode *, const GraphNode *, const EdgeData *, size_t);
  Result (*graphDestroyNode)(GraphNode);
  Result (*graphDebugDotPrint)(Graph, const char *, unsigned);

  bool editsGraphs() const { return graphGetNodes != nullptr; }

  /// "invalid argument (CUDA_ERROR_INVALID_VALUE)".
  std::string describe(Result result) const;

  /// Throws Error with what was tried and the driver's own words, unless the result says success.
  void check(Result result, const std::string &what) const;
};

/// Loads the driver, once for the process. Throws Error when it is not installed or too old.
const Driver &driver();

} // namespace raddle::runtime::cuda
