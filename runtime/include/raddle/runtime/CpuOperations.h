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
  DType dtype = DType::F32;  ///< of A and B
  DType result = DType::F32; ///< of C
  int32_t m = 0, n = 0, k = 0;
  int32_t lda = 1, ldb = 1, ldc = 1;
  bool transposeA = false, transposeB = false;
  double alpha = 1, beta = 0;
  std::vector<int64_t> batch, strideA, strideB, strideC;
  /// What is done with the result before it is stored, as bundle::Gemm says.
  bool bias = false, aux = false;
  bundle::Activation activation = bundle::Activation::None;
  bundle::GemmSum sum = bundle::GemmSum::None;

  static GemmProblem from(const bundle::Gemm &gemm);

  bool hasEpilogue() const { return bias || activation != bundle::Activation::None || sum != bundle::GemmSum::None; }
};

/// The addresses of a product's operands; null for those that it has not.
struct GemmOperands {
  const void *a, *b;
  void *c;
  const void *bias = nullptr;
  void *aux = nullptr, *sums = nullptr;

  /// From a list of those that it has, in this order.
  static GemmOperands from(const GemmProblem &problem, void *const *list);
};

/// Bytes of scratch memory that `runGemm` needs for the problem: none but for operands of 16 bits, which are widened.
size_t gemmScratchBytes(const GemmProblem &problem, size_t threads);

/// Computes the problem with the pool's threads. Batches that update the same part of C are done in order. Operands of
/// 16 bits are multiplied and summed in f32, and a result of 16 bits is rounded once, to nearest, ties to even.
/// `scratch` has `gemmScratchBytes` for the pool, aligned to `bufferAlignment`.
void runGemm(const GemmProblem &problem, const GemmOperands &operands, ThreadPool &pool, void *scratch = nullptr);

/// Bytes of packed panels that the BLAS holds for the problem, all threads together, as near as its blocking is known.
size_t gemmPackedBytes(const GemmProblem &problem, size_t threads);

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
