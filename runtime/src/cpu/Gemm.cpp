#include "raddle/runtime/CpuOperations.h"

#include <algorithm>
#include <cblas.h>

namespace raddle::runtime {

static std::vector<int64_t> toVector(const flatbuffers::Vector<uint64_t> *from) {
  return from ? std::vector<int64_t>(from->begin(), from->end()) : std::vector<int64_t>();
}

GemmProblem GemmProblem::from(const bundle::Gemm &gemm) {
  GemmProblem problem;
  problem.dtype = gemm.c()->dtype();
  problem.m = static_cast<int32_t>(gemm.m());
  problem.n = static_cast<int32_t>(gemm.n());
  problem.k = static_cast<int32_t>(gemm.k());
  problem.lda = static_cast<int32_t>(gemm.lda());
  problem.ldb = static_cast<int32_t>(gemm.ldb());
  problem.ldc = static_cast<int32_t>(gemm.ldc());
  problem.transposeA = gemm.transpose_a();
  problem.transposeB = gemm.transpose_b();
  problem.alpha = gemm.alpha();
  problem.beta = gemm.beta();
  problem.batch = toVector(gemm.batch());
  problem.strideA = toVector(gemm.stride_a());
  problem.strideB = toVector(gemm.stride_b());
  problem.strideC = toVector(gemm.stride_c());
  return problem;
}

namespace {

// A block of C: rows [row, row + rows), columns likewise, of one batch.
struct Block {
  int64_t row, rows, column, columns;
};

template <typename T> struct Operands {
  const T *a;
  const T *b;
  T *c;
};

} // namespace

static void callBlas(const GemmProblem &p, const Operands<float> &at, const Block &block) {
  cblas_sgemm(CblasRowMajor, p.transposeA ? CblasTrans : CblasNoTrans, p.transposeB ? CblasTrans : CblasNoTrans,
              static_cast<blasint>(block.rows), static_cast<blasint>(block.columns), p.k, static_cast<float>(p.alpha),
              at.a, p.lda, at.b, p.ldb, static_cast<float>(p.beta), at.c, p.ldc);
}

static void callBlas(const GemmProblem &p, const Operands<double> &at, const Block &block) {
  cblas_dgemm(CblasRowMajor, p.transposeA ? CblasTrans : CblasNoTrans, p.transposeB ? CblasTrans : CblasNoTrans,
              static_cast<blasint>(block.rows), static_cast<blasint>(block.columns), p.k, p.alpha, at.a, p.lda, at.b,
              p.ldb, p.beta, at.c, p.ldc);
}

// One block of batch number `index`, the last batch dimension counting fastest.
template <typename T> static void runBlock(const GemmProblem &p, Operands<T> at, int64_t index, const Block &block) {
  for (size_t d = p.batch.size(); d-- > 0;) {
    int64_t i = index % p.batch[d];
    index /= p.batch[d];
    at.a += i * p.strideA[d];
    at.b += i * p.strideB[d];
    at.c += i * p.strideC[d];
  }
  at.a += p.transposeA ? block.row : block.row * p.lda;
  at.b += p.transposeB ? block.column * p.ldb : block.column;
  at.c += block.row * p.ldc + block.column;
  callBlas(p, at, block);
}

template <typename T> static void runTyped(const GemmProblem &p, const Operands<T> &at, ThreadPool &pool) {
  int64_t batches = 1;
  bool independent = true;
  for (size_t d = 0; d < p.batch.size(); ++d) {
    batches *= p.batch[d];
    independent = independent && (p.strideC[d] != 0 || p.batch[d] <= 1);
  }
  if (batches == 0 || p.m == 0 || p.n == 0)
    return;
  if (independent && batches >= pool.size()) {
    pool.parallelFor(batches, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)
        runBlock(p, at, i, {0, p.m, 0, p.n});
    });
    return;
  }
  // Below this a thread's share is dominated by packing the other operand; it is also a multiple of the micro-kernels.
  constexpr int64_t grain = 32;
  for (int64_t i = 0; i < batches; ++i) {
    if (p.m >= p.n)
      pool.parallelFor(p.m, grain,
                       [&](int64_t begin, int64_t end) { runBlock(p, at, i, {begin, end - begin, 0, p.n}); });
    else
      pool.parallelFor(p.n, grain,
                       [&](int64_t begin, int64_t end) { runBlock(p, at, i, {0, p.m, begin, end - begin}); });
  }
}

size_t gemmWorkspaceBytes(const GemmProblem &problem, size_t threads) {
  // OpenBLAS copies a block of B, and of A a panel as deep as the block: as long as the matrix where there are more
  // blocks to multiply it with, else a few rows at a time. The extents are those of its kernels for AVX-512.
  constexpr size_t blockColumns = 448, blockDepth = 448, fewRows = 48;
  size_t depth = std::min<size_t>(problem.k, blockDepth), rows = problem.m, columns = problem.n;
  size_t &divided = rows >= columns ? rows : columns;
  divided = (divided + threads - 1) / threads;
  size_t panelRows = columns > blockColumns ? rows : std::min(rows, fewRows);
  return threads * depth * (panelRows + std::min(columns, blockColumns)) * byteSize(problem.dtype);
}

void runGemm(const GemmProblem &problem, const void *a, const void *b, void *c, ThreadPool &pool) {
  if (problem.dtype == DType::F64)
    runTyped<double>(problem,
                     {static_cast<const double *>(a), static_cast<const double *>(b), static_cast<double *>(c)}, pool);
  else
    runTyped<float>(problem, {static_cast<const float *>(a), static_cast<const float *>(b), static_cast<float *>(c)},
                    pool);
}

} // namespace raddle::runtime
