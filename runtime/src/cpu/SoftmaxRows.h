// The elementwise parts of attention, on rows of a block of scores. They are compiled for several instruction sets, of
// which the processor's best is taken when the program starts.
#pragma once

#include <cstdint>

namespace raddle::runtime {

/// Rows of scores are padded to a multiple of this many elements, which are computed and ignored.
constexpr int64_t rowMultiple = 16;

inline int64_t roundUpToRow(int64_t count) { return (count + rowMultiple - 1) / rowMultiple * rowMultiple; }

/// The largest of `count` elements, a multiple of `rowMultiple`. NaN are ignored.
float largestOfRow(const float *row, int64_t count);

/// row[i] = exp(row[i] - base) for `count` elements, a multiple of `rowMultiple`; their sum. The relative error is at
/// most 2e-7; what is below 1.2e-38 becomes zero. NaN stays, and no difference may exceed 88.
float exponentiateRow(float *row, int64_t count, float base);

/// gradient[i] = probability[i] * (gradient[i] - delta), the gradient of a softmax for its arguments.
void differentiateRow(const float *probability, float *gradient, int64_t count, float delta);

/// row[i] *= factor; of any count.
void scaleRow(float *row, int64_t count, float factor);

/// Σ a[i] * b[i]; of any count.
float dotRows(const float *a, const float *b, int64_t count);

} // namespace raddle::runtime
