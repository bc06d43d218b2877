// The instructions that the CPU executes without generated code.
#pragma once

#include "raddle/runtime/DType.h"
#include "raddle/runtime/ThreadPool.h"

#include <optional>
#include <string>
#include <vector>

namespace raddle::runtime {

/// C[b] = alpha * op(A[b]) * op(B[b]) + beta * C[b], as bundle::Gemm describes it; extents and strides in elements.
struct GemmProblem {
  DType dtype = DType::F32;
  int32_t m = 0, n = 0, k = 0;
  int32_t lda = 1, ldb = 1, ldc = 1;
  bool transposeA = false, transposeB = false;
  double alpha = 1, beta = 0;
  std::vector<int64_t> batch, strideA, strideB, strideC;

  static GemmProblem from(const bundle::Gemm &gemm);
};

/// Computes the problem with the pool's threads. Batches that update the same part of C are done in order.
void runGemm(const GemmProblem &problem, const void *a, const void *b, void *c, ThreadPool &pool);

/// Bytes of packed panels that the BLAS holds for the problem, all threads together, as near as its blocking is known.
size_t gemmWorkspaceBytes(const GemmProblem &problem, size_t threads);

/// The processor family whose GEMM kernels are in use, as the BLAS calls it.
std::string blasKernels();

/// Copies bytes; the ranges may overlap.
void copyBytes(const void *src, void *dst, size_t bytes, ThreadPool &pool);

void zeroBytes(void *dst, size_t bytes, ThreadPool &pool);

/// An index outside of its range.
struct BadIndex {
  uint64_t position;
  int64_t value;
};

/// Indices that are allowed: those in [lowest, size), and one value that means "none".
struct IndexRange {
  int64_t lowest;
  int64_t size;
  std::optional<int64_t> ignored;
};

/// The first of `count` integers that is not allowed.
std::optional<BadIndex> findBadIndex(const void *src, DType dtype, uint64_t count, const IndexRange &range);

} // namespace raddle::runtime
