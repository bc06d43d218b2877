#include "RankExecutor.h"

#include "raddle/runtime/AlignedBuffer.h"
#include "raddle/runtime/Error.h"

#include <algorithm>

namespace raddle::runtime {

static uint64_t roundUp(uint64_t bytes) { return (bytes + bufferAlignment - 1) / bufferAlignment * bufferAlignment; }

uint64_t communicate(const CollectiveCall &call, const Groups &groups, void *const *operands, StreamHandle stream) {
  Communicator &communicator = groups.of(call.group);
  uint64_t before = communicator.bytesReceived();
  switch (call.kind) {
  case bundle::CollectiveKind::AllGather:
    communicator.allGather(operands[0], operands[1], call.count * byteSize(call.dtype), stream);
    break;
  case bundle::CollectiveKind::ReduceScatter:
    communicator.reduceScatter(operands[0], operands[1], call.count, call.dtype, call.reduction, stream);
    break;
  case bundle::CollectiveKind::AllReduce:
    communicator.allReduce(operands[0], operands[1], call.count, call.dtype, call.reduction, stream);
    break;
  case bundle::CollectiveKind::Transfer:
    communicator.transfer(operands[0], operands[1], call.pieces, stream);
    break;
  }
  return communicator.bytesReceived() - before;
}

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
