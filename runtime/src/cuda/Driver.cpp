#include "Driver.h"

#include "raddle/runtime/Error.h"

#include <dlfcn.h>
#include <iterator>
#include <type_traits>

namespace raddle::runtime::cuda {

void *openLibrary(const char *const *names, size_t count, std::string &why) {
  for (size_t i = 0; i < count; ++i) {
    if (void *handle = ::dlopen(names[i], RTLD_NOW | RTLD_LOCAL))
      return handle;
    why = ::dlerror();
  }
  return nullptr;
}

void Driver::check(Result result, const std::string &what) const {
  if (result == 0)
    return;
  const char *name = nullptr, *text = nullptr;
  getErrorName(result, &name);
  getErrorString(result, &text);
  throw Error(what + ": " + (text ? text : "unknown error") + " (" + (name ? name : std::to_string(result)) + ")");
}

static Driver loadDriver() {
  static constexpr const char *names[] = {"libcuda.so.1"};
  std::string why;
  void *library = openLibrary(names, std::size(names), why);
  if (!library)
    throw Error("the bundle is for a GPU, but NVIDIA's driver cannot be loaded: " + why);
  Driver driver;
  std::string missing;
  auto find = [&](auto &function, const char *name) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(::dlsym(library, name));
    if (!function)
      missing += std::string(missing.empty() ? "" : ", ") + name;
  };
  find(driver.init, "cuInit");
  find(driver.deviceGetCount, "cuDeviceGetCount");
  find(driver.deviceGet, "cuDeviceGet");
  find(driver.deviceGetName, "cuDeviceGetName");
  find(driver.primaryCtxRetain, "cuDevicePrimaryCtxRetain");
  find(driver.primaryCtxRelease, "cuDevicePrimaryCtxRelease_v2");
  find(driver.ctxSetCurrent, "cuCtxSetCurrent");
  find(driver.ctxGetStreamPriorityRange, "cuCtxGetStreamPriorityRange");
  find(driver.streamCreate, "cuStreamCreateWithPriority");
  find(driver.streamDestroy, "cuStreamDestroy_v2");
  find(driver.streamSynchronize, "cuStreamSynchronize");
  find(driver.streamQuery, "cuStreamQuery");
  find(driver.streamWaitEvent, "cuStreamWaitEvent");
  find(driver.streamBeginCapture, "cuStreamBeginCapture_v2");
  find(driver.streamEndCapture, "cuStreamEndCapture");
  find(driver.graphInstantiate, "cuGraphInstantiateWithFlags");
  find(driver.graphLaunch, "cuGraphLaunch");
  find(driver.graphDestroy, "cuGraphDestroy");
  find(driver.graphExecDestroy, "cuGraphExecDestroy");
  find(driver.eventCreate, "cuEventCreate");
  find(driver.eventDestroy, "cuEventDestroy_v2");
  find(driver.eventRecord, "cuEventRecord");
  find(driver.eventQuery, "cuEventQuery");
  find(driver.eventSynchronize, "cuEventSynchronize");
  find(driver.memAlloc, "cuMemAlloc_v2");
  find(driver.memFree, "cuMemFree_v2");
  find(driver.memHostAlloc, "cuMemHostAlloc");
  find(driver.memFreeHost, "cuMemFreeHost");
  find(driver.memcpyAsync, "cuMemcpyAsync");
  find(driver.memsetAsync, "cuMemsetD8Async");
  find(driver.memset32Async, "cuMemsetD32Async");
  find(driver.moduleLoadData, "cuModuleLoadData");
  find(driver.moduleUnload, "cuModuleUnload");
  find(driver.moduleGetFunction, "cuModuleGetFunction");
  find(driver.funcSetAttribute, "cuFuncSetAttribute");
  find(driver.launchKernel, "cuLaunchKernel");
  find(driver.getErrorName, "cuGetErrorName");
  find(driver.getErrorString, "cuGetErrorString");
  if (!missing.empty())
    throw Error("NVIDIA's driver is too old, it lacks " + missing);
  driver.check(driver.init(0), "cannot start NVIDIA's driver");
  return driver;
}

const Driver &driver() {
  static const Driver loaded = loadDriver();
  return loaded;
}

} // namespace raddle::runtime::cuda
