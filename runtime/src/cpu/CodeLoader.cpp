#include "raddle/runtime/CodeLoader.h"

#include "raddle/runtime/Error.h"

#include <cerrno>
#include <cstring>
#include <dlfcn.h>
#include <string>
#include <sys/mman.h>
#include <unistd.h>

namespace raddle::runtime {

// Puts the object into anonymous memory, so that nothing of it stays on a disk, and loads it from there. The file stays
// open as long as the code is loaded: the loader knows libraries by their path, and a second one of the same descriptor
// number would be taken for the first.
static LoadedCode::Library loadShared(const bundle::CodeObject &code, const std::string &name) {
  int file = ::memfd_create(name.c_str(), MFD_CLOEXEC);
  if (file < 0)
    throw Error("cannot create memory for " + name + ": " + std::strerror(errno));
  const uint8_t *data = code.data()->data();
  size_t left = code.data()->size();
  while (left != 0) {
    ssize_t written = ::write(file, data, left);
    if (written <= 0) {
      std::string reason = std::strerror(errno);
      ::close(file);
      throw Error("cannot write " + name + " to memory: " + reason);
    }
    data += written;
    left -= static_cast<size_t>(written);
  }
  std::string path = "/proc/self/fd/" + std::to_string(file);
  void *handle = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  std::string reason = handle ? "" : ::dlerror();
  if (!handle) {
    ::close(file);
    throw Error("cannot load " + name + " made for '" + code.target()->str() + "': " + reason);
  }
  return {handle, file};
}

#if defined(__x86_64__)
// The level of the ABI that this processor has.
static int processorLevel() {
  __builtin_cpu_init();
  if (__builtin_cpu_supports("x86-64-v4"))
    return 4;
  if (__builtin_cpu_supports("x86-64-v3"))
    return 3;
  return __builtin_cpu_supports("x86-64-v2") ? 2 : 1;
}

// Refuses code that would end in an illegal instruction here. The target ends in the level that the code needs; one
// that names none needs nothing beyond the first.
static void checkProcessor(const std::string &target) {
  static const std::string prefix = ":x86-64-v";
  size_t at = target.rfind(prefix);
  if (at == std::string::npos)
    return;
  std::string level = target.substr(at + prefix.size());
  int here = processorLevel();
  if (level.size() != 1 || level[0] < '2' || level[0] > '0' + here)
    throw Error("the bundle's kernels need a processor of level x86-64-v" + level + ", this machine's has x86-64-v" +
                std::to_string(here) + ": compile with --cpu=native on this machine, or with --cpu=x86-64-v" +
                std::to_string(here));
}
#else
static void checkProcessor(const std::string &) {}
#endif

LoadedCode::LoadedCode(const bundle::Bundle &bundle) {
  try {
    for (size_t i = 0; bundle.code() && i < bundle.code()->size(); ++i) {
      const bundle::CodeObject &code = *bundle.code()->Get(i);
      if (code.format() != bundle::CodeFormat::ElfShared)
        throw Error(std::string("the bundle has code of format ") + bundle::EnumNameCodeFormat(code.format()) +
                    " for target '" + code.target()->str() + "', this runtime executes ElfShared only");
      checkProcessor(code.target()->str());
      libraries.push_back(loadShared(code, "code object " + std::to_string(i)));
      size += code.data()->size();
    }
    std::string missing;
    for (size_t i = 0; bundle.kernels() && i < bundle.kernels()->size(); ++i) {
      const bundle::Kernel &kernel = *bundle.kernels()->Get(i);
      void *symbol = ::dlsym(libraries[kernel.code()].handle, kernel.symbol()->c_str());
      if (!symbol)
        missing += (missing.empty() ? "" : ", ") + kernel.symbol()->str();
      functions.push_back(reinterpret_cast<KernelFunction>(symbol));
    }
    if (!missing.empty())
      throw Error("the bundle's code lacks these kernels: " + missing);
  } catch (...) {
    unload();
    throw;
  }
}

LoadedCode::~LoadedCode() { unload(); }

void LoadedCode::unload() {
  for (const Library &library : libraries) {
    ::dlclose(library.handle);
    ::close(library.file);
  }
}

} // namespace raddle::runtime
