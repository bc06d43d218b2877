// The windows of convolutions and pooling.
#ifndef RADDLE_DIALECT_NN_IR_WINDOWS_H
#define RADDLE_DIALECT_NN_IR_WINDOWS_H

#include "llvm/ADT/SmallVector.h"
#include <cstdint>

namespace raddle::nn {

/// Windows over spatial dimensions: one number a dimension in each list. Element k of window o stands at
/// o * stride + k * dilation − padding.
struct Windows {
  llvm::SmallVector<int64_t> kernel, stride, padding, dilation;
  /// Extents of what the windows read, and the number of windows.
  llvm::SmallVector<int64_t> input, output;

  int64_t rank() const { return kernel.size(); }
  /// Extent that the windows reach over, from the first element of padding on; at least padding and input.
  int64_t paddedExtent(int64_t dim) const;
  bool isPadded(int64_t dim) const { return paddedExtent(dim) != input[dim]; }
  /// Whether window o is element o of the input.
  bool isPointwise() const;
  int64_t kernelSize() const;
  int64_t outputSize() const;
};

} // namespace raddle::nn

#endif // RADDLE_DIALECT_NN_IR_WINDOWS_H
