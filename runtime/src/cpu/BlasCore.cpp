// Which of OpenBLAS's kernels are used. OpenBLAS chooses by a table of processor models, and a processor that is newer
// than the library gets the slowest kernels. Here the features that the processor reports decide, before OpenBLAS does.

#include "raddle/runtime/CpuOperations.h"

#include <cstdlib>

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

// The earliest priority that programs may use: before the constructors of libraries.
__attribute__((constructor(101))) static void chooseBlasCore() {
  const char *variable = "OPENBLAS_CORETYPE";
  const char *core = coreByFeatures();
  if (!core || std::getenv(variable))
    return;
  // The variable is the library's only interface for this; it must not reach other libraries and child processes.
  ::setenv(variable, core, 1);
  gotoblas_init();
  ::unsetenv(variable);
}

std::string blasKernels() { return openblas_get_corename(); }

} // namespace raddle::runtime
