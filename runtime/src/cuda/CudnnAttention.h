// Attention through cuDNN, loaded when a bundle needs it.
#pragma once

#include "Driver.h"

#include "raddle/runtime/Attention.h"

#include <memory>

namespace raddle::runtime::cuda {

/// cuDNN on one stream. It takes what raddle/Bundle/GpuAttention.h says; gradients are the same in every run.
class CudnnAttention {
public:
  explicit CudnnAttention(Stream stream);
  ~CudnnAttention();
  CudnnAttention(const CudnnAttention &) = delete;
  CudnnAttention &operator=(const CudnnAttention &) = delete;

  /// As those of Gpu. Throw Error; what this version of cuDNN does not support is named with the version.
  size_t prepare(const AttentionProblem &problem);
  void run(size_t prepared, void *const *operands);

  /// Scratch memory that the calls share.
  uint64_t workspaceBytes() const;

private:
  struct Implementation;
  std::unique_ptr<Implementation> impl;
};

} // namespace raddle::runtime::cuda
