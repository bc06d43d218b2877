// Which of OpenBLAS's kernels are used. OpenBLAS chooses by a table of processor models, and a processor that is newer
// than the library gets the slowest kernels. Here the features that the processor reports decide, before OpenBLAS does.

#include "raddle/runtime/CpuOperations.h"

#include <cstdlib>
#include <optional>
#include <string>

// OpenBLAS's own initialisation: a constructor of the library that does nothing when it has run already.
extern "C" void gotoblas_init(void);
extern "C" char *openblas_get_corename(void);

namespace raddle::runtime {

#if defined(__x86_64__)

static const char *coreByFeatures() {
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512cd"))
    return "SkylakeX";
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    return "Haswell";
  return nullptr;
}

#else

static const char *coreByFeatures() { return nullptr; }

#endif

namespace {

// Sets an environment variable and puts the old value back at the end of its life. OpenBLAS has no other interface for
// what it decides when it starts; other libraries and child processes must not see it.
class ScopedVariable {
public:
  ScopedVariable(const char *name, const char *value) : name(name) {
    if (const char *old = std::getenv(name))
      previous = old;
    ::setenv(name, value, 1);
  }
  ~ScopedVariable() {
    if (previous)
      ::setenv(name, previous->c_str(), 1);
    else
      ::unsetenv(name);
  }

private:
  const char *name;
  std::optional<std::string> previous;
};

} // namespace

// The earliest priority that programs may use: before the constructors of libraries.
__attribute__((constructor(101))) static void startBlas() {
  // Ranks and the pool are the threads. The library is still the one built for threads: in Debian's serial one, calls
  // from several threads share a buffer and give wrong results.
  ScopedVariable threads("OPENBLAS_NUM_THREADS", "1");
  const char *variable = "OPENBLAS_CORETYPE";
  std::optional<ScopedVariable> kernels;
  if (const char *core = coreByFeatures(); core && !std::getenv(variable))
    kernels.emplace(variable, core);
  gotoblas_init();
}

std::string blasKernels() { return openblas_get_corename(); }

} // namespace raddle::runtime
