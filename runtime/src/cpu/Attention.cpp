// Attention forward: a block of queries meets the keys block by block, with the largest score and the sum of
// exponentials so far (Dao et al., "FlashAttention", arXiv 2205.14135; Milakov and Gimelshein, arXiv 1805.02867).
#include "AttentionBlock.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace raddle::runtime {

AttentionProblem AttentionProblem::from(const bundle::Attention &attention) {
  AttentionProblem problem;
  std::copy(attention.extents()->begin(), attention.extents()->end(), problem.extents.begin());
  for (size_t i = 0; i < attention.strides()->size(); i += problem.strides.back().size()) {
    problem.strides.emplace_back();
    for (size_t dim = 0; dim < problem.strides.back().size(); ++dim)
      problem.strides.back()[dim] = static_cast<int64_t>(attention.strides()->Get(i + dim));
  }
  problem.scale = static_cast<float>(attention.scale());
  problem.causal = attention.causal();
  problem.hiding = hidingOf(attention);
  problem.backward = attention.backward();
  problem.unordered = attention.unordered();
  problem.dtype = attention.inputs()->Get(attention::Query)->dtype();
  if (problem.hiding != attention::Hiding::Nothing)
    problem.hidingType = attention.inputs()->Get(attention::hidingPosition)->dtype();
  return problem;
}

namespace {

class ForwardBlock {
public:
  ForwardBlock(const AttentionProblem &problem, const AttentionHead &head, Span queries)
      : problem(problem), head(head), queries(queries), out(head.rows(attention::Out)) {
    std::fill_n(largest, queries.size(), -std::numeric_limits<float>::infinity());
    std::fill_n(sum, queries.size(), 0.0f);
  }

  void add(const Span &keys) {
    Scores scores{memory, roundUpToRow(keys.size())};
    head.score(queries, keys, scores);
    for (int64_t i = 0; i < queries.size(); ++i)
      addRow(i, scores.row(i), scores.stride);
    Rows value = head.rows(attention::Value);
    multiply(false, false, queries.size(), problem.extent(attention::ValueWidth), keys.size(), 1, scores.data,
             scores.stride, value.row(keys.begin), value.stride, isFirst ? 0 : 1, out.row(queries.begin), out.stride);
    isFirst = false;
  }

  void finish() {
    int64_t width = problem.extent(attention::ValueWidth);
    for (int64_t i = 0; i < queries.size(); ++i) {
      float *row = out.row(queries.begin + i);
      // Nothing is visible: the scores are −inf, and there is no probability to share out.
      bool empty = sum[i] == 0.0f;
      if (isFirst || empty)
        std::fill_n(row, width, 0.0f);
      else
        scaleRow(row, width, 1.0f / sum[i]);
      head.logSumExp(queries.begin + i) =
          empty ? std::numeric_limits<float>::infinity() : largest[i] + std::log(sum[i]);
    }
  }

private:
  /// Makes weights of the scores, and brings what was summed before to the same base.
  void addRow(int64_t i, float *row, int64_t count) {
    float base = std::max(largest[i], largestOfRow(row, count));
    // −inf − −inf is not a number.
    float finite = std::isinf(base) && base < 0 ? 0.0f : base;
    if (!isFirst && base != largest[i]) {
      float correction = std::exp(largest[i] - finite);
      sum[i] *= correction;
      scaleRow(out.row(queries.begin + i), problem.extent(attention::ValueWidth), correction);
    }
    sum[i] += exponentiateRow(row, count, finite);
    largest[i] = base;
  }

  const AttentionProblem &problem;
  const AttentionHead &head;
  Span queries;
  Rows out;
  bool isFirst = true;
  float largest[mostQueries], sum[mostQueries];
  alignas(64) float memory[mostScores];
};

} // namespace

void runForward(const AttentionProblem &problem, void *const *operands, ThreadPool &pool) {
  Blocking blocking(problem);
  int64_t queries = problem.extent(attention::Queries), keys = problem.extent(attention::Keys);
  int64_t blocks = Blocking::count(queries, blocking.queries);
  int64_t heads = problem.extent(attention::KeyHeads) * problem.extent(attention::Repeat);
  pool.parallelFor(problem.extent(attention::Batch) * heads * blocks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      AttentionHead head(problem, operands, i / blocks / heads, i / blocks % heads);
      int64_t first = i % blocks * blocking.queries;
      Span mine{first, std::min(first + blocking.queries, queries)};
      ForwardBlock block(problem, head, mine);
      for (int64_t key = 0; key < keys; key += blocking.keys) {
        Span seen = head.visible(mine, {key, std::min(key + blocking.keys, keys)});
        if (seen.begin < seen.end)
          block.add(seen);
      }
      block.finish();
    }
  });
}

void runAttention(const AttentionProblem &problem, void *const *operands, ThreadPool &pool, void *scratch) {
  if (isNarrow(problem))
    runWidened(problem, operands, pool, scratch);
  else if (problem.backward)
    runBackward(problem, operands, pool);
  else
    runForward(problem, operands, pool);
}

} // namespace raddle::runtime
