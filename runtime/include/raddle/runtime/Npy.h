// NumPy's file format for one array.
#pragma once

#include "raddle/runtime/DType.h"

#include <string>
#include <vector>

namespace raddle::runtime {

/// An array in row-major order.
struct NpyArray {
  DType dtype = DType::F32;
  std::vector<uint64_t> shape;
  std::vector<uint8_t> data;
};

/// Reads a `.npy` file, version 1, 2 or 3, little-endian, C order. Throws Error for anything else, naming the file.
NpyArray readNpy(const std::string &path);

/// Writes a `.npy` file (version 1). bf16, which NumPy lacks, is written as f32. Throws Error when that fails.
void writeNpy(const std::string &path, DType dtype, const std::vector<uint64_t> &shape, const void *data,
              bool isComplex = false);

} // namespace raddle::runtime
