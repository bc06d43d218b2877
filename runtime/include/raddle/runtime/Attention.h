// Attention of the CPU, forward and backward, without the scores of all pairs in memory.
#pragma once

#include "raddle/Bundle/Attention.h"
#include "raddle/runtime/DType.h"
#include "raddle/runtime/ThreadPool.h"

#include <array>
#include <tuple>
#include <vector>

namespace raddle::runtime {

/// What bundle::Attention describes; strides count elements, those of all inputs and then of all outputs.
struct AttentionProblem {
  attention::Extents extents;
  std::vector<attention::Shape> strides;
  float scale = 1;
  bool causal = false, hasMask = false, backward = false, unordered = false;
  DType dtype = DType::F32; // of the vectors: F32, F16 or BF16; the log-sum-exp is always F32
  DType maskType = DType::Bool;

  static AttentionProblem from(const bundle::Attention &attention);

  bool operator==(const AttentionProblem &other) const {
    auto all = [](const AttentionProblem &p) {
      return std::tie(p.extents, p.strides, p.scale, p.causal, p.hasMask, p.backward, p.unordered, p.dtype, p.maskType);
    };
    return all(*this) == all(other);
  }

  int64_t extent(attention::Extent which) const { return extents[which]; }
};

/// Computes the problem in f32 with the pool's threads; results of 16 bits are rounded once. The result is the same for
/// any number of threads.
/// `scratch` has the bytes that `attentionScratchBytes` says.
void runAttention(const AttentionProblem &problem, void *const *operands, ThreadPool &pool, void *scratch = nullptr);

/// Bytes of scratch memory that `runAttention` needs for the problem: none but for operands of 16 bits, which are
/// widened.
uint64_t attentionScratchBytes(const AttentionProblem &problem);

} // namespace raddle::runtime
