#include "Verifier.h"

namespace raddle::runtime::verify {

// FlatBuffers' own verifier checks where the length of a vector lies, not where its elements do.
template <typename T> static bool isAligned(const flatbuffers::Vector<T> *vector) {
  return sizeOf(vector) == 0 || reinterpret_cast<uintptr_t>(vector->Data()) % alignof(uint64_t) == 0;
}

static bool isAligned(const bundle::Operand *operand) { return !operand || isAligned(operand->shape()); }

static bool isAligned(const flatbuffers::Vector<flatbuffers::Offset<bundle::Operand>> *operands) {
  for (size_t i = 0; i < sizeOf(operands); ++i)
    if (!isAligned(operands->Get(i)))
      return false;
  return true;
}

static bool isAligned(const bundle::Gemm &gemm) {
  return isAligned(gemm.a()) && isAligned(gemm.b()) && isAligned(gemm.c()) && isAligned(gemm.bias()) &&
         isAligned(gemm.aux()) && isAligned(gemm.sums()) && isAligned(gemm.batch()) && isAligned(gemm.stride_a()) &&
         isAligned(gemm.stride_b()) && isAligned(gemm.stride_c());
}

static bool isAligned(const bundle::Attention &attention) {
  return isAligned(attention.inputs()) && isAligned(attention.outputs()) && isAligned(attention.extents()) &&
         isAligned(attention.strides());
}

static bool isAligned(const bundle::Instruction &instruction) {
  switch (instruction.action_type()) {
  case bundle::Action::Dispatch:
    return isAligned(instruction.action_as_Dispatch()->inputs()) &&
           isAligned(instruction.action_as_Dispatch()->outputs());
  case bundle::Action::Gemm:
    return isAligned(*instruction.action_as_Gemm());
  case bundle::Action::Attention:
    return isAligned(*instruction.action_as_Attention());
  case bundle::Action::Collective:
    return isAligned(instruction.action_as_Collective()->src()) &&
           isAligned(instruction.action_as_Collective()->dst()) &&
           isAligned(instruction.action_as_Collective()->pieces());
  case bundle::Action::Copy:
    return isAligned(instruction.action_as_Copy()->src()) && isAligned(instruction.action_as_Copy()->dst());
  case bundle::Action::Zero:
    return isAligned(instruction.action_as_Zero()->dst());
  case bundle::Action::CheckIndex:
    return isAligned(instruction.action_as_CheckIndex()->src());
  default:
    return true;
  }
}

static bool isAligned(const bundle::Variant &variant) {
  bool good = true;
  for (size_t i = 0; i < sizeOf(variant.inputs()); ++i)
    good = good && isAligned(variant.inputs()->Get(i)->shape());
  for (size_t i = 0; i < sizeOf(variant.outputs()); ++i)
    good = good && isAligned(variant.outputs()->Get(i)->shape());
  for (size_t i = 0; i < sizeOf(variant.instructions()); ++i)
    good = good && isAligned(*variant.instructions()->Get(i));
  return good;
}

void verifyAlignment(const bundle::Bundle &bundle, Report &report) {
  bool good = true;
  for (size_t i = 0; i < sizeOf(bundle.parameters()); ++i) {
    const bundle::Parameter &parameter = *bundle.parameters()->Get(i);
    good = good && isAligned(parameter.shape()) && (!parameter.source() || isAligned(parameter.source()->strides()));
  }
  for (size_t i = 0; i < sizeOf(bundle.entries()); ++i)
    for (size_t j = 0; j < sizeOf(bundle.entries()->Get(i)->variants()); ++j)
      good = good && isAligned(*bundle.entries()->Get(i)->variants()->Get(j));
  if (!good)
    report.add("a shape, a list of strides or of pieces is not aligned to " + std::to_string(alignof(uint64_t)) +
               " bytes");
}

} // namespace raddle::runtime::verify
