#include "SharedLibrary.h"

#include "raddle/runtime/Error.h"

#include <dlfcn.h>

namespace raddle::runtime::cuda {

SharedLibrary::SharedLibrary(std::initializer_list<const char *> names, const std::string &what) {
  std::string why;
  for (const char *name : names) {
    handle = ::dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (handle)
      return;
    why = ::dlerror();
  }
  throw Error(what + ": " + why);
}

void *SharedLibrary::lookUpOptional(const char *name) const { return ::dlsym(handle, name); }

void *SharedLibrary::lookUp(const char *name) {
  void *function = lookUpOptional(name);
  if (!function)
    missing += std::string(missing.empty() ? "" : ", ") + name;
  return function;
}

void SharedLibrary::check(const std::string &what) const {
  if (!missing.empty())
    throw Error(what + " lacks " + missing);
}

} // namespace raddle::runtime::cuda
