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

LoadedCode::LoadedCode(const bundle::Bundle &bundle) {
  try {
    for (size_t i = 0; bundle.code() && i < bundle.code()->size(); ++i) {
      const bundle::CodeObject &code = *bundle.code()->Get(i);
      if (code.format() != bundle::CodeFormat::ElfShared)
        throw Error(std::string("the bundle has code of format ") + bundle::EnumNameCodeFormat(code.format()) +
                    " for target '" + code.target()->str() + "', this runtime executes ElfShared only");
      libraries.push_back(loadShared(code, "code object " + std::to_string(i)));
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
