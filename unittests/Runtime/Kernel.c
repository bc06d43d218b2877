// Kernels as the compiler makes them, for the tests of what loads and runs them.
#include <stdint.h>

// y[i] = 2 * x[i] + bias.
void scale_and_shift(void *const *args, int64_t begin, int64_t end) {
  const float *x = args[0];
  const float *bias = args[1];
  float *y = args[2];
  for (int64_t i = begin; i < end; ++i)
    y[i] = 2 * x[i] + *bias;
}

// Says in flags[0] that it runs, and goes on when flags[1] is set, or has waited for minutes in vain.
void meet(void *const *args, int64_t begin, int64_t end) {
  int32_t *flags = args[0];
  __atomic_store_n(&flags[0], 1, __ATOMIC_SEQ_CST);
  for (int64_t i = 0; i < INT64_C(1) << 31 && !__atomic_load_n(&flags[1], __ATOMIC_SEQ_CST); ++i)
    __builtin_ia32_pause();
}
