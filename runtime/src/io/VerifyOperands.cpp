#include "Verifier.h"

#include <limits>

namespace raddle::runtime::verify {

std::optional<uint64_t> OperandChecker::bufferBytes(bundle::Space space, uint32_t index, const std::string &prefix) {
  auto absent = [&](const char *table, size_t count) {
    report.add(prefix + table + " " + std::to_string(index) + " does not exist, there are " + std::to_string(count));
    return std::nullopt;
  };
  switch (space) {
  case bundle::Space::Arena:
    return variant.arena_bytes();
  case bundle::Space::State: {
    if (index >= sizeOf(bundle.states()))
      return absent("state", sizeOf(bundle.states()));
    const bundle::State &state = *bundle.states()->Get(index);
    return state.elements() * byteSize(state.dtype());
  }
  case bundle::Space::Input: {
    if (index >= sizeOf(variant.inputs()))
      return absent("input", sizeOf(variant.inputs()));
    const bundle::Input &input = *variant.inputs()->Get(index);
    return *countElements(input.shape(), input.dtype()) * byteSize(input.dtype());
  }
  case bundle::Space::Output: {
    if (index >= sizeOf(variant.outputs()))
      return absent("output", sizeOf(variant.outputs()));
    const bundle::Output &output = *variant.outputs()->Get(index);
    return *countElements(output.shape(), output.dtype()) * byteSize(output.dtype());
  }
  case bundle::Space::Constant:
    if (index >= sizeOf(bundle.constants()))
      return absent("constant", sizeOf(bundle.constants()));
    return sizeOf(bundle.constants()->Get(index)->data());
  }
  report.add(prefix + "unknown space " + std::to_string(static_cast<int>(space)));
  return std::nullopt;
}

// A rank's part of a caller's array is aligned to its elements and to no more.
uint64_t OperandChecker::elementBytes(bundle::Space space, uint32_t index) const {
  if (space == bundle::Space::Input)
    return byteSize(variant.inputs()->Get(index)->dtype());
  if (space == bundle::Space::Output)
    return byteSize(variant.outputs()->Get(index)->dtype());
  return sizeof(uint64_t);
}

std::optional<Place> OperandChecker::check(const bundle::Operand *operand, const std::string &where,
                                           const std::string &what, bool written) {
  std::string prefix = where + ": " + what + ": ";
  if (!operand) {
    report.add(prefix + "it is missing");
    return std::nullopt;
  }
  if (!isKnown(operand->dtype())) {
    report.add(prefix + "unknown element type " + std::to_string(static_cast<int>(operand->dtype())));
    return std::nullopt;
  }
  std::optional<uint64_t> elements = countElements(operand->shape(), operand->dtype());
  if (!elements) {
    report.add(prefix + "the size of its shape overflows");
    return std::nullopt;
  }
  std::optional<uint64_t> available = bufferBytes(operand->space(), operand->index(), prefix);
  if (!available)
    return std::nullopt;
  const char *space = bundle::EnumNameSpace(operand->space());
  uint64_t width = byteSize(operand->dtype()), bytes = *elements * width, end;
  if (__builtin_add_overflow(operand->offset(), bytes, &end) || end > *available) {
    report.add(prefix + std::to_string(bytes) + " bytes from byte " + std::to_string(operand->offset()) +
               " exceed the " + std::to_string(*available) + " bytes of " + space + " " +
               std::to_string(operand->index()));
    return std::nullopt;
  }
  if (operand->offset() % width != 0) {
    report.add(prefix + "offset " + std::to_string(operand->offset()) + " is not a multiple of the " +
               std::to_string(width) + " bytes of " + nameOf(operand->dtype()));
    return std::nullopt;
  }
  if (width > elementBytes(operand->space(), operand->index())) {
    report.add(prefix + "its elements of " + nameOf(operand->dtype()) + " are wider than those of " + space + " " +
               std::to_string(operand->index()));
    return std::nullopt;
  }
  if (written && (operand->space() == bundle::Space::Input || operand->space() == bundle::Space::Constant)) {
    report.add(prefix + "it is written, but space " + space + " is read only");
    return std::nullopt;
  }
  uint32_t index = operand->space() == bundle::Space::Arena ? 0 : operand->index();
  return Place{operand->space(), index, operand->offset(), end, *elements, operand->dtype()};
}

// A matrix operand: the last element that its rows, columns and batch strides reach lies inside.
static void verifyMatrix(const Place &place, uint64_t rows, uint64_t columns, uint64_t leading,
                         const bundle::Gemm &gemm, const flatbuffers::Vector<uint64_t> *strides,
                         const std::string &prefix, Report &report) {
  if (leading < columns || leading == 0) {
    report.add(prefix + "leading dimension " + std::to_string(leading) + " is below its " + std::to_string(columns) +
               " columns");
    return;
  }
  if (sizeOf(strides) != sizeOf(gemm.batch())) {
    report.add(prefix + std::to_string(sizeOf(strides)) + " batch strides for " + std::to_string(sizeOf(gemm.batch())) +
               " batch dimensions");
    return;
  }
  bool empty = rows == 0 || columns == 0;
  uint64_t last = 0, step;
  bool overflow =
      !empty && (__builtin_mul_overflow(rows - 1, leading, &last) || __builtin_add_overflow(last, columns - 1, &last));
  for (size_t i = 0; i < sizeOf(strides); ++i) {
    uint64_t extent = gemm.batch()->Get(i);
    if (extent == 0)
      return;
    else
      overflow = overflow || __builtin_mul_overflow(extent - 1, strides->Get(i), &step) ||
                 __builtin_add_overflow(last, step, &last);
  }
  // A matrix without elements begins inside or at the end, so that its address can be computed.
  if (overflow || last > place.elements || (!empty && last == place.elements))
    report.add(prefix + "it reaches " + (overflow ? "beyond 2^64" : "element " + std::to_string(last)) + " of " +
               std::to_string(place.elements));
}

void verifyGemm(const bundle::Gemm &gemm, OperandChecker &operands, const std::string &where, Report &report) {
  std::optional<Place> a = operands.check(gemm.a(), where, "operand a", false);
  std::optional<Place> b = operands.check(gemm.b(), where, "operand b", false);
  std::optional<Place> c = operands.check(gemm.c(), where, "operand c", true);
  if (!a || !b || !c)
    return;
  bool sameResult = c->dtype == a->dtype || (byteSize(a->dtype) == 2 && c->dtype == DType::F32);
  if (!isFloat(a->dtype) || a->dtype != b->dtype || !sameResult)
    report.add(where +
               ": a gemm takes f32, f64, f16 or bf16 operands of one type and gives that or, of 16 bits, f32; "
               "found " +
               nameOf(a->dtype) + ", " + nameOf(b->dtype) + " and " + nameOf(c->dtype));
  // BLAS libraries count in 32 bits.
  constexpr uint64_t limit = std::numeric_limits<int32_t>::max();
  for (uint64_t extent : {gemm.m(), gemm.n(), gemm.k(), gemm.lda(), gemm.ldb(), gemm.ldc()})
    if (extent > limit) {
      report.add(where + ": extent " + std::to_string(extent) + " exceeds the limit of " + std::to_string(limit));
      return;
    }
  uint64_t batches = 1;
  for (size_t i = 0; i < sizeOf(gemm.batch()); ++i)
    if (__builtin_mul_overflow(batches, gemm.batch()->Get(i), &batches)) {
      report.add(where + ": the number of its batches overflows");
      return;
    }
  verifyMatrix(*a, gemm.transpose_a() ? gemm.k() : gemm.m(), gemm.transpose_a() ? gemm.m() : gemm.k(), gemm.lda(), gemm,
               gemm.stride_a(), where + ": operand a: ", report);
  verifyMatrix(*b, gemm.transpose_b() ? gemm.n() : gemm.k(), gemm.transpose_b() ? gemm.k() : gemm.n(), gemm.ldb(), gemm,
               gemm.stride_b(), where + ": operand b: ", report);
  verifyMatrix(*c, gemm.m(), gemm.n(), gemm.ldc(), gemm, gemm.stride_c(), where + ": operand c: ", report);
}

} // namespace raddle::runtime::verify
