// Products of 16-bit operands. A panel of each is widened into the cache, where the BLAS multiplies them in f32: every
// 16-bit number is an f32 number, so only sums round.
#include "GemmBlock.h"

#include "raddle/runtime/AlignedBuffer.h"
#include "raddle/runtime/Convert.h"

#include <algorithm>
#include <cblas.h>

namespace raddle::runtime {

static constexpr int64_t panel = narrowPanel;

namespace {

// A thread's scratch memory: panels of A, B and, where it is rounded at the end, C.
struct Panels {
  float *a, *b, *c;
};

// Extents of a product of panels.
struct Extents {
  int64_t rows, columns, depth;
};

} // namespace

static size_t panelBytes(int64_t rows, int64_t columns) {
  size_t bytes = static_cast<size_t>(std::min(rows, panel) * std::min(columns, panel)) * sizeof(float);
  return (bytes + bufferAlignment - 1) / bufferAlignment * bufferAlignment;
}

size_t narrowScratchBytes(const GemmProblem &p) {
  return panelBytes(p.m, p.k) + panelBytes(p.k, p.n) + (p.result == DType::F32 ? 0 : panelBytes(p.m, p.n));
}

static Panels panelsIn(void *scratch, const GemmProblem &p) {
  char *at = static_cast<char *>(scratch);
  char *b = at + panelBytes(p.m, p.k), *c = b + panelBytes(p.k, p.n);
  return {reinterpret_cast<float *>(at), reinterpret_cast<float *>(b), reinterpret_cast<float *>(c)};
}

// Copies a matrix, its rows side by side.
static void widen(const char *from, DType dtype, int64_t leading, int64_t rows, int64_t columns, float *to) {
  for (int64_t row = 0; row < rows; ++row)
    convertElements(from + row * leading * static_cast<int64_t>(byteSize(dtype)), dtype, to + row * columns, DType::F32,
                    static_cast<size_t>(columns));
}

static void round(const float *from, DType dtype, int64_t leading, int64_t rows, int64_t columns, char *to) {
  for (int64_t row = 0; row < rows; ++row)
    convertElements(from + row * columns, DType::F32, to + row * leading * static_cast<int64_t>(byteSize(dtype)), dtype,
                    static_cast<size_t>(columns));
}

static void widenA(const GemmProblem &p, const char *a, int64_t row, int64_t depth, const Extents &e, float *to) {
  int64_t width = static_cast<int64_t>(byteSize(p.dtype));
  if (p.transposeA)
    widen(a + (depth * p.lda + row) * width, p.dtype, p.lda, e.depth, e.rows, to);
  else
    widen(a + (row * p.lda + depth) * width, p.dtype, p.lda, e.rows, e.depth, to);
}

static void widenB(const GemmProblem &p, const char *b, int64_t depth, int64_t column, const Extents &e, float *to) {
  int64_t width = static_cast<int64_t>(byteSize(p.dtype));
  if (p.transposeB)
    widen(b + (column * p.ldb + depth) * width, p.dtype, p.ldb, e.columns, e.depth, to);
  else
    widen(b + (depth * p.ldb + column) * width, p.dtype, p.ldb, e.depth, e.columns, to);
}

static void multiply(const GemmProblem &p, const Panels &panels, const Extents &e, float beta, float *c,
                     int64_t leading) {
  auto extent = [](int64_t value) { return static_cast<blasint>(std::max<int64_t>(value, 1)); };
  cblas_sgemm(CblasRowMajor, p.transposeA ? CblasTrans : CblasNoTrans, p.transposeB ? CblasTrans : CblasNoTrans,
              static_cast<blasint>(e.rows), static_cast<blasint>(e.columns), static_cast<blasint>(e.depth),
              static_cast<float>(p.alpha), panels.a, extent(p.transposeA ? e.rows : e.depth), panels.b,
              extent(p.transposeB ? e.depth : e.columns), beta, c, static_cast<blasint>(leading));
}

// One panel of C. `widenedB`: the panel of B is there already, which must be all of its depth.
static void multiplyPanel(const GemmProblem &p, const GemmAddresses &at, int64_t row, int64_t column, Extents e,
                          const Panels &panels, bool widenedB) {
  char *result = at.c + (row * p.ldc + column) * static_cast<int64_t>(byteSize(p.result));
  bool rounds = p.result != DType::F32;
  float *sum = rounds ? panels.c : reinterpret_cast<float *>(result);
  float beta = static_cast<float>(p.beta);
  if (rounds && beta != 0)
    widen(result, p.result, p.ldc, e.rows, e.columns, sum);
  int64_t depth = 0;
  do {
    e.depth = std::min<int64_t>(panel, p.k - depth);
    widenA(p, at.a, row, depth, e, panels.a);
    if (!widenedB)
      widenB(p, at.b, depth, column, e, panels.b);
    multiply(p, panels, e, beta, sum, rounds ? e.columns : p.ldc);
    beta = 1;
    depth += e.depth;
  } while (depth < p.k);
  int64_t width = static_cast<int64_t>(byteSize(p.result));
  if (p.hasEpilogue())
    finishBlock(p,
                {nullptr, nullptr, result, moved(at.bias, column * width), moved(at.aux, (row * p.n + column) * width)},
                sum, rounds ? e.columns : p.ldc, e.rows, e.columns);
  if (rounds)
    round(sum, p.result, p.ldc, e.rows, e.columns, result);
}

void multiplyNarrow(const GemmProblem &p, const GemmAddresses &at, const GemmBlock &block, void *scratch) {
  Panels panels = panelsIn(scratch, p);
  bool keepsB = p.k <= panel;
  for (int64_t column = 0; column < block.columns; column += panel)
    for (int64_t row = 0; row < block.rows; row += panel) {
      Extents extents{std::min(panel, block.rows - row), std::min(panel, block.columns - column), 0};
      multiplyPanel(p, at, row, column, extents, panels, keepsB && row > 0);
    }
}

} // namespace raddle::runtime
