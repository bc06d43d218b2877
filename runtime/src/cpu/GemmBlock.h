// What one thread computes of a matrix product at a time.
#pragma once

#include "raddle/runtime/CpuOperations.h"

namespace raddle::runtime {

/// A block of C: rows [row, row + rows), columns likewise, of one batch.
struct GemmBlock {
  int64_t row, rows, column, columns;
};

/// Where a product's operands begin.
struct GemmAddresses {
  const char *a;
  const char *b;
  char *c;
  const char *bias = nullptr;
  char *aux = nullptr;
};

/// The address of an operand that a problem may lack, `bytes` further: null stays null.
template <typename T> T *moved(T *pointer, int64_t bytes) { return pointer ? pointer + bytes : nullptr; }

/// Rows, columns and depth of the panels that are widened. Three of them fit a core's cache, and each element is used
/// as often, so that widening costs little beside.
constexpr size_t narrowPanel = 384;

/// Bytes that `multiplyNarrow` needs.
size_t narrowScratchBytes(const GemmProblem &problem);

/// The block of a product whose operands have 16 bits, from addresses at its first row and column.
void multiplyNarrow(const GemmProblem &problem, const GemmAddresses &at, const GemmBlock &block, void *scratch);

/// Bias and activation of rows of f32, `leading` apart, from addresses of their first element.
void finishBlock(const GemmProblem &problem, const GemmAddresses &at, float *values, int64_t leading, int64_t rows,
                 int64_t columns);

/// What is summed beside a product that is done.
void sumOperand(const GemmProblem &problem, const GemmOperands &operands, ThreadPool &pool);

} // namespace raddle::runtime
