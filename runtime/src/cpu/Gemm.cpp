#include "GemmBlock.h"

#include <algorithm>
#include <cblas.h>

namespace raddle::runtime {

static std::vector<int64_t> toVector(const flatbuffers::Vector<uint64_t> *from) {
  return from ? std::vector<int64_t>(from->begin(), from->end()) : std::vector<int64_t>();
}

GemmProblem GemmProblem::from(const bundle::Gemm &gemm) {
  GemmProblem problem;
  problem.dtype = gemm.a()->dtype();
  problem.result = gemm.c()->dtype();
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
  problem.bias = gemm.bias();
  problem.aux = gemm.aux();
  problem.activation = gemm.activation();
  problem.sum = gemm.sum();
  return problem;
}

GemmOperands GemmOperands::from(const GemmProblem &problem, void *const *list) {
  GemmOperands operands{list[0], list[1], list[2]};
  size_t next = 3;
  if (problem.bias)
    operands.bias = list[next++];
  if (problem.aux)
    operands.aux = list[next++];
  if (problem.sum != bundle::GemmSum::None)
    operands.sums = list[next];
  return operands;
}

static bool isNarrow(const GemmProblem &problem) { return byteSize(problem.dtype) == sizeof(uint16_t); }

template <typename T> static const T *typed(const char *at) { return reinterpret_cast<const T *>(at); }

// A block from addresses at its first row and column.
static void multiply(const GemmProblem &p, const GemmAddresses &at, const GemmBlock &block, void *scratch) {
  CBLAS_TRANSPOSE a = p.transposeA ? CblasTrans : CblasNoTrans, b = p.transposeB ? CblasTrans : CblasNoTrans;
  blasint rows = static_cast<blasint>(block.rows), columns = static_cast<blasint>(block.columns);
  if (p.dtype == DType::F64)
    cblas_dgemm(CblasRowMajor, a, b, rows, columns, p.k, p.alpha, typed<double>(at.a), p.lda, typed<double>(at.b),
                p.ldb, p.beta, reinterpret_cast<double *>(at.c), p.ldc);
  else if (p.dtype == DType::F32)
    cblas_sgemm(CblasRowMajor, a, b, rows, columns, p.k, static_cast<float>(p.alpha), typed<float>(at.a), p.lda,
                typed<float>(at.b), p.ldb, static_cast<float>(p.beta), reinterpret_cast<float *>(at.c), p.ldc);
  else
    return multiplyNarrow(p, at, block, scratch);
  if (p.hasEpilogue())
    finishBlock(p, at, reinterpret_cast<float *>(at.c), p.ldc, block.rows, block.columns);
}

// One block of batch number `index`, the last batch dimension counting fastest.
static void runBlock(const GemmProblem &p, GemmAddresses at, int64_t index, const GemmBlock &block, void *scratch) {
  int64_t a = p.transposeA ? block.row : block.row * p.lda;
  int64_t b = p.transposeB ? block.column * p.ldb : block.column;
  int64_t c = block.row * p.ldc + block.column;
  for (size_t d = p.batch.size(); d-- > 0;) {
    int64_t i = index % p.batch[d];
    index /= p.batch[d];
    a += i * p.strideA[d];
    b += i * p.strideB[d];
    c += i * p.strideC[d];
  }
  int64_t width = static_cast<int64_t>(byteSize(p.dtype)), resultWidth = static_cast<int64_t>(byteSize(p.result));
  multiply(p,
           {at.a + a * width, at.b + b * width, at.c + c * resultWidth, moved(at.bias, block.column * resultWidth),
            moved(at.aux, (block.row * p.n + block.column) * resultWidth)},
           block, scratch);
}

// Calls body(begin, end, part) for parts of [0, range), one a thread at most; the first get one grain more.
template <typename Body> static void forEachPart(ThreadPool &pool, int64_t range, int64_t grain, Body &&body) {
  int64_t grains = (range + grain - 1) / grain, parts = std::min<int64_t>(pool.size(), grains);
  int64_t each = grains / parts, extra = grains % parts;
  pool.parallelFor(parts, 1, [&](int64_t first, int64_t last) {
    for (int64_t part = first; part < last; ++part) {
      int64_t begin = part * each + std::min(part, extra), end = begin + each + (part < extra ? 1 : 0);
      body(begin * grain, std::min(end * grain, range), part);
    }
  });
}

// Rows or columns that are worth a thread: below, its share is dominated by packing the other operand. It is also a
// multiple of the micro-kernels.
static constexpr int64_t partGrain = 32;

// Whether threads share out rows of the result, else columns. Where there are enough of both, OpenBLAS is faster on all
// columns and a part of the rows, by 2 to 8 % with AVX-512, until there are more than twice as many columns.
static bool dividesRows(const GemmProblem &p, size_t threads) {
  int64_t m = p.m, n = p.n;
  return m >= n || (n <= 2 * m && m >= static_cast<int64_t>(threads) * partGrain);
}

static void multiplyAll(const GemmProblem &p, const GemmAddresses &at, ThreadPool &pool, void *scratch) {
  int64_t batches = 1;
  bool independent = true;
  for (size_t d = 0; d < p.batch.size(); ++d) {
    batches *= p.batch[d];
    independent = independent && (p.strideC[d] != 0 || p.batch[d] <= 1);
  }
  if (batches == 0 || p.m == 0 || p.n == 0)
    return;
  size_t each = gemmScratchBytes(p, 1);
  auto scratchOf = [&](int64_t part) { return static_cast<char *>(scratch) + static_cast<size_t>(part) * each; };
  if (independent && batches >= pool.size()) {
    forEachPart(pool, batches, 1, [&](int64_t begin, int64_t end, int64_t part) {
      for (int64_t i = begin; i < end; ++i)
        runBlock(p, at, i, {0, p.m, 0, p.n}, scratchOf(part));
    });
    return;
  }
  bool byRows = dividesRows(p, pool.size());
  for (int64_t i = 0; i < batches; ++i)
    forEachPart(pool, byRows ? p.m : p.n, partGrain, [&](int64_t begin, int64_t end, int64_t part) {
      GemmBlock block = byRows ? GemmBlock{begin, end - begin, 0, p.n} : GemmBlock{0, p.m, begin, end - begin};
      runBlock(p, at, i, block, scratchOf(part));
    });
}

void runGemm(const GemmProblem &p, const GemmOperands &operands, ThreadPool &pool, void *scratch) {
  multiplyAll(p,
              {static_cast<const char *>(operands.a), static_cast<const char *>(operands.b),
               static_cast<char *>(operands.c), static_cast<const char *>(operands.bias),
               static_cast<char *>(operands.aux)},
              pool, scratch);
  if (p.sum != bundle::GemmSum::None)
    sumOperand(p, operands, pool);
}

size_t gemmScratchBytes(const GemmProblem &problem, size_t threads) {
  return isNarrow(problem) ? threads * narrowScratchBytes(problem) : 0;
}

size_t gemmPackedBytes(const GemmProblem &problem, size_t threads) {
  // OpenBLAS copies a block of B, and of A a panel as deep as the block: as long as the matrix where there are more
  // blocks to multiply it with, else a few rows at a time. The extents are those of its kernels for AVX-512.
  constexpr size_t blockColumns = 448, blockDepth = 448, fewRows = 48;
  size_t depth = std::min<size_t>(problem.k, blockDepth), rows = problem.m, columns = problem.n;
  if (isNarrow(problem)) // It gets widened panels.
    return threads * narrowPanel * (std::min(rows, narrowPanel) + std::min(columns, narrowPanel)) * sizeof(float);
  size_t &divided = dividesRows(problem, threads) ? rows : columns;
  divided = (divided + threads - 1) / threads;
  size_t panelRows = columns > blockColumns ? rows : std::min(rows, fewRows);
  return threads * depth * (panelRows + std::min(columns, blockColumns)) * byteSize(problem.dtype);
}

} // namespace raddle::runtime
