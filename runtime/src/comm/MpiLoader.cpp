#include "raddle/runtime/Communicator.h"
#include "raddle/runtime/Error.h"

#include <climits>
#include <cstdlib>
#include <dlfcn.h>
#include <unistd.h>

namespace raddle::runtime {

bool startedByMpi() {
  for (const char *variable : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK"})
    if (std::getenv(variable))
      return true;
  return false;
}

// The folder of the program or library that holds this function.
static std::string ownFolder() {
  Dl_info info;
  if (!::dladdr(reinterpret_cast<void *>(&ownFolder), &info) || !info.dli_fname)
    return ".";
  char resolved[PATH_MAX];
  std::string path = ::realpath(info.dli_fname, resolved) ? resolved : info.dli_fname;
  // The main program's name has no folder when it was found through PATH.
  if (path.find('/') == std::string::npos && ::realpath("/proc/self/exe", resolved))
    path = resolved;
  size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}

std::shared_ptr<Communicator> connectMpi() {
  const std::string library = "libraddle_mpi.so", folder = ownFolder();
  std::string reasons;
  for (const std::string &path : {folder + "/" + library, folder + "/../lib/" + library}) {
    if (::access(path.c_str(), R_OK) != 0)
      continue;
    // MPI loads its own plugins, which look for its symbols among the global ones.
    void *handle = ::dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL);
    void *symbol = handle ? ::dlsym(handle, "raddleCreateMpiCommunicator") : nullptr;
    if (!symbol) {
      reasons += std::string("\n  ") + ::dlerror();
      continue;
    }
    return std::shared_ptr<Communicator>(reinterpret_cast<Communicator *(*)()>(symbol)());
  }
  throw Error("cannot load " + library + ", looked for it in '" + folder + "' and '" + folder + "/../lib'" + reasons);
}

} // namespace raddle::runtime
