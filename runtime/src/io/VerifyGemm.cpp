#include "Verifier.h"

#include <cmath>
#include <limits>

namespace raddle::runtime::verify {

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

// An operand of C's type with so many elements, if it must be there, and otherwise none.
static void verifyExtra(const bundle::Operand *operand, bool expected, uint64_t elements, DType dtype, bool written,
                        OperandChecker &operands, const std::string &where, const std::string &what, Report &report) {
  if (!expected) {
    if (operand)
      report.add(where + ": " + what + ": nothing uses it");
    return;
  }
  std::optional<Place> place = operands.check(operand, where, what, written);
  if (place && (place->elements != elements || place->dtype != dtype))
    report.add(where + ": " + what + ": expected " + std::to_string(elements) + " elements of " + nameOf(dtype) +
               ", found " + std::to_string(place->elements) + " of " + nameOf(place->dtype));
}

// What is done with the result: only what the schema says. Extents are within 32 bits.
static void verifyEpilogue(const bundle::Gemm &gemm, DType dtype, uint64_t batches, OperandChecker &operands,
                           const std::string &where, Report &report) {
  using bundle::Activation, bundle::GemmSum;
  if (gemm.activation() > Activation::MAX || gemm.sum() > GemmSum::MAX) {
    report.add(where + ": unknown activation " + std::to_string(static_cast<int>(gemm.activation())) + " or sum " +
               std::to_string(static_cast<int>(gemm.sum())));
    return;
  }
  bool gradient = gemm.activation() == Activation::GeluGradient, gelu = gemm.activation() == Activation::Gelu;
  bool sumsOperand = gemm.sum() == GemmSum::A || gemm.sum() == GemmSum::B, sumsResult = gemm.sum() == GemmSum::Result;
  bool known = !(gradient && gemm.bias()) && !(sumsResult && !gradient) &&
               !(sumsOperand && (gemm.bias() || gemm.activation() != Activation::None));
  if (!known)
    report.add(where + ": a gemm does not combine " + (gemm.bias() ? "a bias, " : "") + "activation " +
               bundle::EnumNameActivation(gemm.activation()) + " and sum " + bundle::EnumNameGemmSum(gemm.sum()));
  bool any = gemm.bias() || gelu || gradient || gemm.sum() != GemmSum::None;
  if (any && (sizeOf(gemm.batch()) != 0 || dtype == DType::F64))
    report.add(where + ": a gemm with bias, activation or sum has no batch and no f64, found " +
               std::to_string(batches) + " batches of " + nameOf(dtype));
  bool aux = gradient || (gelu && gemm.aux());
  if (aux && gemm.n() % 8 != 0)
    report.add(where + ": operand aux: expected columns in multiples of 8, found " + std::to_string(gemm.n()));
  verifyExtra(gemm.bias(), gemm.bias(), gemm.n(), dtype, false, operands, where, "operand bias", report);
  verifyExtra(gemm.aux(), aux, gemm.m() * gemm.n(), dtype, gelu, operands, where, "operand aux", report);
  verifyExtra(gemm.sums(), gemm.sum() != GemmSum::None, gemm.sum() == GemmSum::A ? gemm.m() : gemm.n(), dtype, true,
              operands, where, "operand sums", report);
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
  for (auto [factor, name] : {std::pair(gemm.alpha(), "alpha"), std::pair(gemm.beta(), "beta")})
    if (!std::isfinite(factor))
      report.add(where + ": " + name + ": expected a finite number, found " + std::to_string(factor));
  verifyEpilogue(gemm, c->dtype, batches, operands, where, report);
  verifyMatrix(*a, gemm.transpose_a() ? gemm.k() : gemm.m(), gemm.transpose_a() ? gemm.m() : gemm.k(), gemm.lda(), gemm,
               gemm.stride_a(), where + ": operand a: ", report);
  verifyMatrix(*b, gemm.transpose_b() ? gemm.n() : gemm.k(), gemm.transpose_b() ? gemm.k() : gemm.n(), gemm.ldb(), gemm,
               gemm.stride_b(), where + ": operand b: ", report);
  verifyMatrix(*c, gemm.m(), gemm.n(), gemm.ldc(), gemm, gemm.stride_c(), where + ": operand c: ", report);
}

} // namespace raddle::runtime::verify
