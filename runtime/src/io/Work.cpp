#include "raddle/runtime/Work.h"

#include "raddle/Bundle/Attention.h"

namespace raddle::runtime {

uint64_t elementsOf(const flatbuffers::Vector<uint64_t> *shape) {
  uint64_t elements = 1;
  for (size_t i = 0; shape && i < shape->size(); ++i)
    elements *= shape->Get(i);
  return elements;
}

uint64_t bytesOf(const bundle::Operand &operand) { return elementsOf(operand.shape()) * byteSize(operand.dtype()); }

double flopsOf(const bundle::Gemm &gemm) {
  return 2.0 * static_cast<double>(gemm.m()) * static_cast<double>(gemm.n()) * static_cast<double>(gemm.k()) *
         static_cast<double>(elementsOf(gemm.batch()));
}

double flopsOf(const bundle::Attention &attention) {
  if (!attention.extents() || attention.extents()->size() != attention::numExtents)
    return 0.0;
  auto extent = [&](attention::Extent which) { return static_cast<double>(attention.extents()->Get(which)); };
  double pairs = extent(attention::Batch) * extent(attention::KeyHeads) * extent(attention::Repeat) *
                 extent(attention::Queries) * extent(attention::Keys);
  if (attention.causal())
    pairs /= 2.0;
  // Scores and their gradients' uses multiply by vectors of query's width, the others by those of value's.
  double ofQuery = attention.backward() ? 3.0 : 1.0, ofValue = attention.backward() ? 2.0 : 1.0;
  return 2.0 * pairs * (ofQuery * extent(attention::Width) + ofValue * extent(attention::ValueWidth));
}

static uint64_t bytesOfAll(const flatbuffers::Vector<flatbuffers::Offset<bundle::Operand>> *operands) {
  uint64_t bytes = 0;
  for (size_t i = 0; operands && i < operands->size(); ++i)
    bytes += bytesOf(*operands->Get(static_cast<uint32_t>(i)));
  return bytes;
}

Work workOf(const bundle::Bundle &bundle, const bundle::Instruction &instruction) {
  switch (instruction.action_type()) {
  case bundle::Action::Dispatch: {
    const bundle::Dispatch &dispatch = *instruction.action_as_Dispatch();
    double flops = 0;
    if (bundle.kernels() && dispatch.kernel() < bundle.kernels()->size())
      flops = static_cast<double>(bundle.kernels()->Get(dispatch.kernel())->flops());
    return {bytesOfAll(dispatch.inputs()) + bytesOfAll(dispatch.outputs()), flops};
  }
  case bundle::Action::Gemm: {
    const bundle::Gemm &gemm = *instruction.action_as_Gemm();
    uint64_t bytes = 0;
    for (const bundle::Operand *operand : {gemm.a(), gemm.b(), gemm.c(), gemm.bias(), gemm.aux(), gemm.sums()})
      bytes += operand ? bytesOf(*operand) : 0;
    if (gemm.beta() != 0) // C is read as well.
      bytes += bytesOf(*gemm.c());
    return {bytes, flopsOf(gemm)};
  }
  case bundle::Action::Attention: {
    const bundle::Attention &attention = *instruction.action_as_Attention();
    return {bytesOfAll(attention.inputs()) + bytesOfAll(attention.outputs()), flopsOf(attention)};
  }
  case bundle::Action::Collective:
    return {bytesOf(*instruction.action_as_Collective()->src()) + bytesOf(*instruction.action_as_Collective()->dst())};
  case bundle::Action::Copy:
    return {bytesOf(*instruction.action_as_Copy()->src()) + bytesOf(*instruction.action_as_Copy()->dst())};
  case bundle::Action::Zero:
    return {bytesOf(*instruction.action_as_Zero()->dst())};
  case bundle::Action::CheckIndex:
  case bundle::Action::Record:
  case bundle::Action::Wait:
  case bundle::Action::NONE:
    break;
  }
  return {};
}

} // namespace raddle::runtime
