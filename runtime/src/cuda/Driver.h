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
using Event = struct EventHandle *;

// Numbers of cuda.h.
constexpr unsigned streamNonBlocking = 1, captureRelaxed = 2, eventDefault = 0, eventDisableTiming = 2;
constexpr Result notReady = 600;
constexpr int functionMaxDynamicShared = 8;

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

  /// Throws Error with what was tried and the driver's own words, unless the result says success.
  void check(Result result, const std::string &what) const;
};

/// Loads the driver, once for the process. Throws Error when it is not installed or too old.
const Driver &driver();

} // namespace raddle::runtime::cuda
