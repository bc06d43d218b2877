// Filling memory of the device.
#pragma once

#include "Driver.h"

namespace raddle::runtime::cuda {

/// As cuMemsetD8Async and cuMemsetD32Async, by a kernel: a graph of kernels alone is launched at once, whereas each
/// memset or copy in it costs the host as much time as a launch. The context must be the calling thread's.
class FillKernel {
public:
  /// Throws Error.
  explicit FillKernel(const Driver &driver);
  ~FillKernel();
  FillKernel(const FillKernel &) = delete;
  FillKernel &operator=(const FillKernel &) = delete;

  /// `bytes` bytes get the value of `byte`, or one word that of `value`. Throw Error.
  void fill(Address dst, uint8_t byte, uint64_t bytes, Stream stream) const;
  void store(Address dst, uint32_t value, Stream stream) const;

private:
  const Driver &cu;
  Module module = nullptr;
  Function kernel = nullptr;

  void launch(Address dst, uint32_t word, uint64_t bytes, Stream stream) const;
};

} // namespace raddle::runtime::cuda
