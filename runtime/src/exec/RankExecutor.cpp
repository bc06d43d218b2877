#include "RankExecutor.h"

#include "raddle/runtime/AlignedBuffer.h"
#include "raddle/runtime/Error.h"

#include <algorithm>

namespace raddle::runtime {

static uint64_t roundUp(uint64_t bytes) { return (bytes + bufferAlignment - 1) / bufferAlignment * bufferAlignment; }

StateLayout::StateLayout(const bundle::Bundle &bundle) {
  for (size_t i = 0; bundle.states() && i < bundle.states()->size(); ++i) {
    const bundle::State &state = *bundle.states()->Get(i);
    offsets.push_back(bytes);
    if (__builtin_add_overflow(bytes, roundUp(state.elements() * byteSize(state.dtype())), &bytes))
      throw Error("the sizes of all states overflow");
  }
}

uint64_t largestArena(const bundle::Bundle &bundle) {
  uint64_t bytes = 0;
  for (const bundle::EntryPoint *entry : *bundle.entries())
    for (const bundle::Variant *variant : *entry->variants())
      bytes = std::max(bytes, variant->arena_bytes());
  return bytes;
}

} // namespace raddle::runtime
