// What a build without cuDNN's headers says instead.
#include "CudnnAttention.h"

#include "raddle/runtime/Error.h"

namespace raddle::runtime::cuda {

struct CudnnAttention::Implementation {};

CudnnAttention::CudnnAttention(Stream) {
  throw Error("the bundle has attention for a GPU, and this runtime was built without cuDNN (RADDLE_ENABLE_CUDNN=OFF); "
              "--gpu-attention=decompose does without");
}

CudnnAttention::~CudnnAttention() = default;
size_t CudnnAttention::prepare(const AttentionProblem &) { return 0; }
void CudnnAttention::run(size_t, void *const *) {}
uint64_t CudnnAttention::workspaceBytes() const { return 0; }

} // namespace raddle::runtime::cuda
