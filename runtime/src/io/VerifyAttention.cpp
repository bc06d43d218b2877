#include "Verifier.h"
#include "raddle/runtime/Attention.h"

#include <limits>

namespace raddle::runtime::verify {

using attention::Hiding;

static const char *nameOfOperand(size_t position, Hiding hiding) {
  bool isHiding = hiding != Hiding::Nothing;
  if (isHiding && position == attention::hidingPosition)
    return hiding == Hiding::Mask ? "mask" : "lengths";
  static const char *const names[] = {"query",         "key",          "value",          "out",
                                      "log-sum-exp",   "out gradient", "query gradient", "key gradient",
                                      "value gradient"};
  return names[position - (isHiding && position > attention::hidingPosition ? 1 : 0)];
}

// Vectors are of the query's type, the log-sum-exp is f32, a mask hides keys or is added, and lengths count.
static void verifyType(size_t position, DType found, DType vectors, Hiding hiding, const std::string &prefix,
                       Report &report) {
  bool isNarrow = found == DType::F16 || found == DType::BF16;
  if (position == attention::Query) {
    if (found != DType::F32 && !isNarrow)
      report.add(prefix + "expected f32, f16 or bf16, found " + nameOf(found));
    return;
  }
  if (hiding == Hiding::Lengths && position == attention::hidingPosition) {
    if (found != DType::I32 && found != DType::I64)
      report.add(prefix + "expected i32 or i64, found " + nameOf(found));
    return;
  }
  bool isLogSumExp = position == attention::positionOf(attention::LogSumExp, hiding);
  DType expected = isLogSumExp ? DType::F32 : vectors;
  bool isMask = hiding == Hiding::Mask && position == attention::hidingPosition;
  if (found != expected && !(isMask && (found == DType::Bool || found == DType::F32)))
    report.add(prefix + "expected " + nameOf(expected) + (isMask ? ", f32 or bool" : "") + ", found " + nameOf(found));
}

// The last element that the strides reach lies inside.
static void verifyReach(const Place &place, const attention::Shape &shape, const uint64_t *strides,
                        const std::string &prefix, Report &report) {
  uint64_t last = 0, step;
  bool overflow = false;
  for (size_t dim = 0; dim < shape.size(); ++dim)
    overflow = overflow || __builtin_mul_overflow(static_cast<uint64_t>(shape[dim] - 1), strides[dim], &step) ||
               __builtin_add_overflow(last, step, &last);
  if (overflow || last >= place.elements)
    report.add(prefix + "it reaches " + (overflow ? "beyond 2^64" : "element " + std::to_string(last)) + " of " +
               std::to_string(place.elements));
}

// Rows are contiguous, and a BLAS is told how far apart they are.
static void verifyRows(const attention::Shape &shape, const uint64_t *strides, const std::string &prefix,
                       Report &report) {
  constexpr uint64_t limit = std::numeric_limits<int32_t>::max();
  uint64_t width = static_cast<uint64_t>(shape[3]), stride = strides[2];
  if (strides[3] != 1)
    report.add(prefix + "expected elements of a vector side by side, their stride is " + std::to_string(strides[3]));
  else if (stride < width || stride > limit)
    report.add(prefix + "expected vectors from " + std::to_string(width) + " to " + std::to_string(limit) +
               " elements apart, their stride is " + std::to_string(stride));
}

// The numbers, where each of them can be one.
static bool readExtents(const bundle::Attention &attention, attention::Extents &extents, const std::string &where,
                        Report &report) {
  if (sizeOf(attention.extents()) != extents.size()) {
    report.add(where + ": an attention has " + std::to_string(extents.size()) + " extents, found " +
               std::to_string(sizeOf(attention.extents())));
    return false;
  }
  constexpr uint64_t limit = std::numeric_limits<int32_t>::max();
  for (size_t i = 0; i < extents.size(); ++i) {
    uint64_t extent = attention.extents()->Get(i);
    if (extent == 0 || extent > limit) {
      report.add(where + ": expected extents from 1 to " + std::to_string(limit) + ", found " + std::to_string(extent));
      return false;
    }
    extents[i] = static_cast<int64_t>(extent);
  }
  return true;
}

void verifyAttention(const bundle::Attention &attention, OperandChecker &operands, const std::string &where,
                     Report &report) {
  if (attention.has_mask() && attention.has_lengths()) {
    report.add(where + ": an attention has a mask or lengths, found both");
    return;
  }
  Hiding hiding = hidingOf(attention);
  attention::Extents extents;
  if (!readExtents(attention, extents, where, report))
    return;
  std::vector<attention::Shape> shapes = attention::shapesOf(extents, hiding, attention.backward());
  size_t inputs = attention::countInputs(hiding, attention.backward());
  if (sizeOf(attention.inputs()) != inputs || sizeOf(attention.outputs()) != shapes.size() - inputs) {
    report.add(where + ": an attention like this takes " + std::to_string(inputs) + " inputs and " +
               std::to_string(shapes.size() - inputs) + " outputs, found " +
               std::to_string(sizeOf(attention.inputs())) + " and " + std::to_string(sizeOf(attention.outputs())));
    return;
  }
  size_t rank = shapes.front().size();
  if (sizeOf(attention.strides()) != shapes.size() * rank) {
    report.add(where + ": expected " + std::to_string(shapes.size() * rank) + " strides, found " +
               std::to_string(sizeOf(attention.strides())));
    return;
  }
  DType vectors = DType::F32;
  for (size_t i = 0; i < shapes.size(); ++i) {
    bool isOutput = i >= inputs, isHiding = hiding != Hiding::Nothing && i == attention::hidingPosition;
    std::string name = nameOfOperand(i, hiding);
    const bundle::Operand *operand = isOutput
                                         ? attention.outputs()->Get(static_cast<flatbuffers::uoffset_t>(i - inputs))
                                         : attention.inputs()->Get(static_cast<flatbuffers::uoffset_t>(i));
    std::optional<Place> place = operands.check(operand, where, name, isOutput);
    if (!place)
      continue;
    std::string prefix = where + ": " + name + ": ";
    verifyType(i, place->dtype, vectors, hiding, prefix, report);
    if (i == attention::Query)
      vectors = place->dtype;
    uint64_t strides[4];
    for (size_t dim = 0; dim < rank; ++dim)
      strides[dim] = attention.strides()->Get(static_cast<flatbuffers::uoffset_t>(i * rank + dim));
    verifyReach(*place, shapes[i], strides, prefix, report);
    if (!isHiding && i != attention::positionOf(attention::LogSumExp, hiding))
      verifyRows(shapes[i], strides, prefix, report);
  }
}

} // namespace raddle::runtime::verify
