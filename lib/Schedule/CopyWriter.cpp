#include "CopyWriter.h"

using namespace mlir;

namespace raddle {

void CopyWriter::copy(Location loc, Value value, Place place) {
  exec::CopyOp::create(builder, loc, buffers.of(value), buffers.at(loc, place, value.getType()), stream);
}

void CopyWriter::write(ragged::PackOp pack) {
  auto bucket = symbols.lookupNearestSymbolFrom<ragged::BucketOp>(pack, pack.getBucketAttr());
  Type element = getElementTypeOrSelf(pack.getFull());
  int64_t position = 0;
  Place whole = placement.lookup(pack.getFull());
  auto at = [&](int64_t elements) {
    return Place{whole.space, whole.index, whole.offset + elements * elementBytes(element)};
  };
  auto clear = [&](int64_t from, int64_t to) {
    if (from < to)
      exec::ZeroOp::create(builder, pack.getLoc(),
                           buffers.at(pack.getLoc(), at(from), MemRefType::get({to - from}, element)), stream);
  };
  SmallVector<std::pair<ragged::SlotAttr, OpOperand *>> slots;
  for (auto [slot, operand] : llvm::zip(bucket.getSlots().getAsRange<ragged::SlotAttr>(), pack.getTensorsMutable()))
    slots.push_back({slot, &operand});
  llvm::sort(slots, [](auto &a, auto &b) { return a.first.getOffset() < b.first.getOffset(); });
  for (auto [slot, operand] : slots) {
    clear(position, slot.getOffset());
    position = slot.getOffset() + slot.getElements();
    if (!placement.needsCopy(*operand))
      continue;
    copy(pack.getLoc(), operand->get(), at(slot.getOffset()));
    packs.add(bytesOf(operand->get().getType()));
  }
  clear(position, bucket.getElements());
}

void CopyWriter::write(func::ReturnOp terminator) {
  Location loc = terminator.getLoc();
  SmallVector<std::pair<Value, Place>> intoStates; // buffer, destination
  for (OpOperand &operand : terminator->getOpOperands()) {
    if (!placement.needsCopy(operand))
      continue;
    int64_t bytes = bytesOf(operand.get().getType());
    results.add(bytes);
    Place target = placement.resultPlace(operand.getOperandNumber());
    if (target.space != exec::Space::State) {
      copy(loc, operand.get(), target);
      continue;
    }
    Value source = buffers.of(operand.get());
    if (placement.lookup(operand.get()).space == exec::Space::State) {
      Place aside = placement.allocate(operand.get().getType(), "old value of a state");
      copy(loc, operand.get(), aside);
      source = buffers.at(loc, aside, operand.get().getType());
      results.add(bytes);
    }
    intoStates.push_back({source, target});
  }
  for (auto [source, target] : intoStates)
    exec::CopyOp::create(builder, loc, source, buffers.at(loc, target, source.getType()), stream);
}

} // namespace raddle
