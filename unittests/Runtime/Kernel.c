// y[i] = 2 * x[i] + bias, for the tests of code loading.
#include <stdint.h>

void scale_and_shift(void *const *args, int64_t begin, int64_t end) {
  const float *x = args[0];
  const float *bias = args[1];
  float *y = args[2];
  for (int64_t i = begin; i < end; ++i)
    y[i] = 2 * x[i] + *bias;
}
