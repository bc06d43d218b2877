// Which attention a GPU's library, cuDNN, computes. The compiler decomposes what it does not, and the runtime refuses
// it.
#pragma once

#include "raddle/Bundle/Attention.h"

namespace raddle::attention {

/// What the answer depends on.
struct GpuCall {
  Extents extents;
  bool has16Bits = false; ///< the vectors are f16 or bf16
  Hiding hiding = Hiding::Nothing;
  bool isAdditive = false; ///< the mask is f32 or of the vectors' type, not boolean
  Shape maskStrides = {};
};

/// Why cuDNN, from 9.11 on and on Hopper, does not compute it, forward or backward; null where it does. A gradient has
/// the answer of its forward call: they share a log-sum-exp, which is −inf where no key is visible, and not +inf.
inline const char *reasonAgainst(const GpuCall &call) {
  constexpr int64_t widest = 256, step = 8;
  auto fits = [&](Extent which) { return call.extents[which] <= widest && call.extents[which] % step == 0; };
  if (!call.has16Bits)
    return "cuDNN has f16 and bf16 only";
  if (!fits(Width) || !fits(ValueWidth))
    return "cuDNN has vectors of 8 to 256 elements, in steps of 8";
  if (call.extents[Queries] == 1 && call.extents[Keys] == 1)
    return "cuDNN has no gradient of one query and one key";
  bool hasMask = call.hiding == Hiding::Mask;
  if (call.hiding == Hiding::Lengths)
    return "cuDNN before 9.25 has no result where a length is zero";
  if (hasMask && !call.isAdditive)
    return "cuDNN adds masks, it has no boolean ones";
  if (hasMask && call.maskStrides[3] != 1 && call.extents[Keys] != 1)
    return "cuDNN has masks with a number for each key only";
  return nullptr;
}

} // namespace raddle::attention
