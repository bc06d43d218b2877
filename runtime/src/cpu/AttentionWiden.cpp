// Attention of 16-bit numbers: operands are widened, and what is computed of them in f32 is rounded once.
#include "AttentionBlock.h"

#include "raddle/runtime/Convert.h"

#include <optional>

namespace raddle::runtime {

namespace {

/// An operand of 16 bits and its copy in f32, without gaps and repetitions.
class WideOperand {
public:
  WideOperand(const attention::Shape &shape, const attention::Shape &strides, DType dtype)
      : extents(shape), narrowStrides(strides), dtype(dtype) {
    int64_t dense = 1;
    for (size_t dim = extents.size(); dim-- > 0;) {
      // A mask repeats what it has.
      if (narrowStrides[dim] == 0)
        extents[dim] = 1;
      wideStrides[dim] = narrowStrides[dim] == 0 ? 0 : dense;
      dense *= extents[dim];
    }
    elements = dense;
  }

  const attention::Shape &strides() const { return wideStrides; }
  uint64_t bytes() const { return static_cast<uint64_t>(elements) * sizeof(float); }

  void widen(const void *narrow, float *wide, ThreadPool &pool) const {
    // Vectors are contiguous; the keys of a mask need not be.
    int64_t width = extents[3], run = narrowStrides[3] <= 1 ? width : 1;
    forEachRow(pool, [&](int64_t from, int64_t to) {
      for (int64_t i = 0; i < width; i += run)
        convertElements(at(narrow, from + i * narrowStrides[3]), dtype, wide + to + i, DType::F32,
                        static_cast<size_t>(run));
    });
  }

  void round(const float *wide, void *narrow, ThreadPool &pool) const {
    forEachRow(pool, [&](int64_t to, int64_t from) {
      convertElements(wide + from, DType::F32, const_cast<void *>(at(narrow, to)), dtype,
                      static_cast<size_t>(extents[3]));
    });
  }

private:
  const void *at(const void *base, int64_t element) const {
    return static_cast<const uint8_t *>(base) + element * static_cast<int64_t>(byteSize(dtype));
  }

  /// Calls `body` with the first element of each row, of the operand and of its copy.
  template <typename Body> void forEachRow(ThreadPool &pool, Body &&body) const {
    int64_t heads = extents[1], positions = extents[2];
    pool.parallelFor(extents[0] * heads * positions, 64, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        int64_t index[] = {i / positions / heads, i / positions % heads, i % positions}, from = 0;
        for (size_t dim = 0; dim < std::size(index); ++dim)
          from += index[dim] * narrowStrides[dim];
        body(from, i * extents[3]);
      }
    });
  }

  attention::Shape extents, narrowStrides, wideStrides;
  DType dtype;
  int64_t elements;
};

bool isNarrow(DType dtype) { return dtype == DType::F16 || dtype == DType::BF16; }

/// The operands of a problem that have 16 bits, by position.
std::vector<std::optional<WideOperand>> wideOperands(const AttentionProblem &problem) {
  std::vector<std::optional<WideOperand>> wide(problem.strides.size());
  std::vector<attention::Shape> shapes = attention::shapesOf(problem.extents, problem.hiding, problem.backward);
  for (size_t i = 0; i < wide.size(); ++i) {
    bool isHiding = problem.hiding != attention::Hiding::Nothing && i == attention::hidingPosition;
    DType dtype = isHiding ? problem.hidingType : problem.dtype;
    if (i != attention::positionOf(attention::LogSumExp, problem.hiding) && isNarrow(dtype))
      wide[i].emplace(shapes[i], problem.strides[i], dtype);
  }
  return wide;
}

} // namespace

bool isNarrow(const AttentionProblem &problem) {
  return isNarrow(problem.dtype) || (problem.hasMask() && isNarrow(problem.hidingType));
}

uint64_t attentionScratchBytes(const AttentionProblem &problem) {
  uint64_t bytes = 0;
  for (const std::optional<WideOperand> &operand : wideOperands(problem))
    bytes += operand ? operand->bytes() : 0;
  return bytes;
}

void runWidened(const AttentionProblem &problem, void *const *operands, ThreadPool &pool, void *scratch) {
  std::vector<std::optional<WideOperand>> wide = wideOperands(problem);
  AttentionProblem inner = problem;
  inner.dtype = DType::F32;
  if (problem.hasMask() && isNarrow(problem.hidingType))
    inner.hidingType = DType::F32;
  std::vector<void *> addresses(operands, operands + wide.size());
  float *next = static_cast<float *>(scratch);
  size_t inputs = attention::countInputs(problem.hiding, problem.backward);
  for (size_t i = 0; i < wide.size(); ++i) {
    if (!wide[i])
      continue;
    inner.strides[i] = wide[i]->strides();
    addresses[i] = next;
    if (i < inputs)
      wide[i]->widen(operands[i], next, pool);
    next += wide[i]->bytes() / sizeof(float);
  }
  runAttention(inner, addresses.data(), pool);
  for (size_t i = inputs; i < wide.size(); ++i)
    if (wide[i])
      wide[i]->round(static_cast<const float *>(addresses[i]), operands[i], pool);
}

} // namespace raddle::runtime
