// The kernels of Kernel.c.
#pragma once

#include <fstream>
#include <iterator>
#include <string>

/// A shared object, as a bundle holds it.
inline std::string testKernels() {
  std::ifstream file(RADDLE_TEST_KERNEL, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}
