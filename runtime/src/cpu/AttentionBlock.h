// One block of an attention's scores: some queries of a head against some keys.
#pragma once

#include "SoftmaxRows.h"
#include "raddle/runtime/Attention.h"

namespace raddle::runtime {

/// Half open.
struct Span {
  int64_t begin, end;
  int64_t size() const { return end - begin; }
};

/// A matrix of f32 whose rows are contiguous.
struct Rows {
  float *data;
  int64_t stride; // elements between rows
  float *row(int64_t index) const { return data + index * stride; }
};

// Scores of a block, of both kinds backward, fit into a core's second cache beside the panels of keys and values.
// Blocks are the same for any number of threads.
constexpr int64_t mostScores = 1 << 16;
constexpr int64_t mostKeys = 512, mostQueries = 256;

/// How the queries and keys of a problem are cut.
struct Blocking {
  int64_t queries, keys;

  explicit Blocking(const AttentionProblem &problem);

  static int64_t count(int64_t extent, int64_t block) { return (extent + block - 1) / block; }
};

/// The scores of a block in memory that the caller has, rows of `stride` elements.
struct Scores {
  float *data;
  int64_t stride;
  float *row(int64_t index) const { return data + index * stride; }
};

/// Operands of a problem by name, at one batch and head.
class AttentionHead {
public:
  AttentionHead(const AttentionProblem &problem, void *const *operands, int64_t batch, int64_t head)
      : problem(problem), operands(operands), batch(batch), head(head) {}

  /// A matrix of vectors. Keys and values are those of the head's key head.
  Rows rows(attention::Operand operand) const;

  /// Log-sum-exp of a query.
  float &logSumExp(int64_t query) const;

  /// How many keys the lengths leave, all of them where there are none.
  int64_t length() const;

  /// The keys of `keys` that some query of `queries` may see, from the first to the last one.
  Span visible(const Span &queries, const Span &keys) const;

  /// scale * q kᵀ + mask, with −inf where a key is hidden and in the padding of rows.
  void score(const Span &queries, const Span &keys, const Scores &scores) const;

private:
  const AttentionProblem &problem;
  void *const *operands;
  int64_t batch, head;

  const attention::Shape &strides(attention::Operand operand) const {
    return problem.strides[attention::positionOf(operand, problem.hiding)];
  }
  template <typename T> const T *mask(int64_t query) const;
  template <typename T> Span visibleByMask(const Span &queries, Span keys) const;
  template <typename T> void applyMask(const Span &queries, const Span &keys, const Scores &scores) const;
};

/// C = alpha op(A) op(B) + beta C in row-major order on one thread, as a BLAS has it.
void multiply(bool transposeA, bool transposeB, int64_t m, int64_t n, int64_t k, float alpha, const float *a,
              int64_t lda, const float *b, int64_t ldb, float beta, float *c, int64_t ldc);

/// What `runAttention` does for a problem that is not, and that is, backward.
void runForward(const AttentionProblem &problem, void *const *operands, ThreadPool &pool);
void runBackward(const AttentionProblem &problem, void *const *operands, ThreadPool &pool);

/// Whether operands have 16 bits, and what `runAttention` does then.
bool isNarrow(const AttentionProblem &problem);
void runWidened(const AttentionProblem &problem, void *const *operands, ThreadPool &pool, void *scratch);

} // namespace raddle::runtime
