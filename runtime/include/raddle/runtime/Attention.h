// Attention of the CPU, forward and backward, without the scores of all pairs in memory.
#pragma once

#include "raddle/Bundle/Attention.h"
#include "raddle/runtime/DType.h"
#include "raddle/runtime/ThreadPool.h"

#include <array>
#include <vector>

namespace raddle::runtime {

/// What bundle::Attention describes; strides count elements, those of all inputs and then of all outputs.
struct AttentionProblem {
  attention::Extents extents;
  std::vector<attention::Shape> strides;
  float scale = 1;
  bool causal = false, hasMask = false, backward = false;
  DType maskType = DType::Bool;

  static AttentionProblem from(const bundle::Attention &attention);

  int64_t extent(attention::Extent which) const { return extents[which]; }
};

/// Computes the problem on f32 with the pool's threads. The result is the same for any number of threads.
void runAttention(const AttentionProblem &problem, void *const *operands, ThreadPool &pool);

} // namespace raddle::runtime
