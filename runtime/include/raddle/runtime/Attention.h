// Attention of the CPU, forward and backward, without the scores of all pairs in memory.
#pragma once

#include "raddle/Bundle/Attention.h"
#include "raddle/runtime/DType.h"
#include "raddle/runtime/ThreadPool.h"

#include <array>
#include <tuple>
#include <vector>

namespace raddle::runtime {

/// What hides keys of a call: a mask, or lengths, one of which at most a bundle may say.
inline attention::Hiding hidingOf(const bundle::Attention &attention) {
  using attention::Hiding;
  return attention.has_mask() ? Hiding::Mask : attention.has_lengths() ? Hiding::Lengths : Hiding::Nothing;
}

/// What bundle::Attention describes; strides count elements, those of all inputs and then of all outputs.
struct AttentionProblem {
  attention::Extents extents;
  std::vector<attention::Shape> strides;
  float scale = 1;
  bool causal = false, backward = false, unordered = false;
  attention::Hiding hiding = attention::Hiding::Nothing;
  DType dtype = DType::F32;       // of the vectors: F32, F16 or BF16; the log-sum-exp is always F32
  DType hidingType = DType::Bool; // of a mask, Bool, F32 or that of the vectors; of lengths, I32 or I64

  static AttentionProblem from(const bundle::Attention &attention);

  bool operator==(const AttentionProblem &other) const {
    auto all = [](const AttentionProblem &p) {
      return std::tie(p.extents, p.strides, p.scale, p.causal, p.hiding, p.backward, p.unordered, p.dtype,
                      p.hidingType);
    };
    return all(*this) == all(other);
  }

  int64_t extent(attention::Extent which) const { return extents[which]; }
  bool hasMask() const { return hiding == attention::Hiding::Mask; }
};

/// Computes the problem in f32 with the pool's threads; results of 16 bits are rounded once. The result is the same for
/// any number of threads.
/// `scratch` has the bytes that `attentionScratchBytes` says.
void runAttention(const AttentionProblem &problem, void *const *operands, ThreadPool &pool, void *scratch = nullptr);

/// Bytes of scratch memory that `runAttention` needs for the problem: none but for operands of 16 bits, which are
/// widened.
uint64_t attentionScratchBytes(const AttentionProblem &problem);

} // namespace raddle::runtime
