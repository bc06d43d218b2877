#include "Driver.h"

#include "SharedLibrary.h"

#include "raddle/runtime/Error.h"

namespace raddle::runtime::cuda {

std::string Driver::describe(Result result) const {
  const char *name = nullptr, *text = nullptr;
  getErrorName(result, &name);
  getErrorString(result, &text);
  return std::string(text ? text : "unknown error") + " (" + (name ? name : std::to_string(result)) + ")";
}

void Driver::check(Result result, const std::string &what) const {
  if (result != 0)
    throw Error(what + ": " + describe(result));
}

// Drivers before CUDA 12.3 lack those of the second version: such a driver's graphs stay as they are captured.
static void findGraphFunctions(SharedLibrary &library, Driver &driver) {
  bool found = true;
  auto find = [&](auto *&function, const char *name) { found &= library.findOptional(function, name); };
  find(driver.graphGetNodes, "cuGraphGetNodes");
  find(driver.graphGetEdges, "cuGraphGetEdges_v2");
  find(driver.graphNodeGetType, "cuGraphNodeGetType");
  find(driver.graphNodeGetDependencies, "cuGraphNodeGetDependencies_v2");
  find(driver.graphNodeGetDependentNodes, "cuGraphNodeGetDependentNodes_v2");
  find(driver.graphMemsetNodeGetParams, "cuGraphMemsetNodeGetParams");
  find(driver.graphMemcpyNodeGetParams, "cuGraphMemcpyNodeGetParams");
  find(driver.graphChildGraphNodeGetGraph, "cuGraphChildGraphNodeGetGraph");
  find(driver.graphEventRecordNodeGetEvent, "cuGraphEventRecordNodeGetEvent");
  find(driver.graphEventWaitNodeGetEvent, "cuGraphEventWaitNodeGetEvent");
  find(driver.graphAddKernelNode, "cuGraphAddKernelNode_v2");
  find(driver.graphAddDependencies, "cuGraphAddDependencies_v2");
  find(driver.graphDestroyNode, "cuGraphDestroyNode");
  find(driver.graphDebugDotPrint, "cuGraphDebugDotPrint");
  if (!found)
    driver.graphGetNodes = nullptr;
}

static Driver loadDriver() {
  SharedLibrary library({"libcuda.so.1"}, "the bundle is for a GPU, but NVIDIA's driver cannot be loaded");
  Driver driver{};
  library.find(driver.init, "cuInit");
  library.find(driver.deviceGetCount, "cuDeviceGetCount");
  library.find(driver.deviceGet, "cuDeviceGet");
  library.find(driver.deviceGetName, "cuDeviceGetName");
  library.find(driver.primaryCtxRetain, "cuDevicePrimaryCtxRetain");
  library.find(driver.primaryCtxRelease, "cuDevicePrimaryCtxRelease_v2");
  library.find(driver.ctxSetCurrent, "cuCtxSetCurrent");
  library.find(driver.ctxGetStreamPriorityRange, "cuCtxGetStreamPriorityRange");
  library.find(driver.streamCreate, "cuStreamCreateWithPriority");
  library.find(driver.streamDestroy, "cuStreamDestroy_v2");
  library.find(driver.streamSynchronize, "cuStreamSynchronize");
  library.find(driver.streamQuery, "cuStreamQuery");
  library.find(driver.streamWaitEvent, "cuStreamWaitEvent");
  library.find(driver.streamBeginCapture, "cuStreamBeginCapture_v2");
  library.find(driver.streamEndCapture, "cuStreamEndCapture");
  library.find(driver.graphInstantiate, "cuGraphInstantiateWithFlags");
  library.find(driver.graphLaunch, "cuGraphLaunch");
  library.find(driver.graphDestroy, "cuGraphDestroy");
  library.find(driver.graphExecDestroy, "cuGraphExecDestroy");
  library.find(driver.eventCreate, "cuEventCreate");
  library.find(driver.eventDestroy, "cuEventDestroy_v2");
  library.find(driver.eventRecord, "cuEventRecord");
  library.find(driver.eventQuery, "cuEventQuery");
  library.find(driver.eventSynchronize, "cuEventSynchronize");
  library.find(driver.eventElapsedTime, "cuEventElapsedTime");
  library.find(driver.memAlloc, "cuMemAlloc_v2");
  library.find(driver.memFree, "cuMemFree_v2");
  library.find(driver.memHostAlloc, "cuMemHostAlloc");
  library.find(driver.memFreeHost, "cuMemFreeHost");
  library.find(driver.memcpyAsync, "cuMemcpyAsync");
  library.find(driver.moduleLoadData, "cuModuleLoadData");
  library.find(driver.moduleUnload, "cuModuleUnload");
  library.find(driver.moduleGetFunction, "cuModuleGetFunction");
  library.find(driver.funcSetAttribute, "cuFuncSetAttribute");
  library.find(driver.launchKernel, "cuLaunchKernel");
  library.find(driver.getErrorName, "cuGetErrorName");
  library.find(driver.getErrorString, "cuGetErrorString");
  library.find(driver.pointerGetAttribute, "cuPointerGetAttribute");
  findGraphFunctions(library, driver);
  library.check("NVIDIA's driver is too old, it");
  driver.check(driver.init(0), "cannot start NVIDIA's driver");
  return driver;
}

const Driver &driver() {
  static const Driver loaded = loadDriver();
  return loaded;
}

} // namespace raddle::runtime::cuda
