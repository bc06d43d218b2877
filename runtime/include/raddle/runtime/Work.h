// What an instruction of a bundle moves and computes, by formulas of its operands: for reports and traces.
#pragma once

#include "raddle/runtime/DType.h"

namespace raddle::runtime {

/// The product of the extents; 1 for a scalar, whose shape may be absent.
uint64_t elementsOf(const flatbuffers::Vector<uint64_t> *shape);

/// Bytes of an operand's elements.
uint64_t bytesOf(const bundle::Operand &operand);

/// 2mnk for each product of the batch: a multiply and an add are two operations.
double flopsOf(const bundle::Gemm &gemm);

/// The products of forward or backward, half of them where causality hides half of the pairs; masks and lengths are not
/// read.
double flopsOf(const bundle::Attention &attention);

struct Work {
  /// Bytes of all operands, each read or written once: an operand of which a kernel looks up a part counts whole, one
  /// that is updated in place twice.
  uint64_t bytes = 0;
  /// Floating-point operations; of a kernel those that the compiler counted in its loops.
  double flops = 0;
};

/// Of one execution on one rank. Waits, records and checks of indices do no work.
Work workOf(const bundle::Bundle &bundle, const bundle::Instruction &instruction);

} // namespace raddle::runtime
