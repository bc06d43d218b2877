#include "Addresses.h"

using namespace mlir;

namespace raddle {

/// What the bundle says of them.
static ArrayAttr describe(MLIRContext *context, ArrayRef<Allocation> allocations) {
  Builder attrs(context);
  SmallVector<Attribute> entries;
  for (const Allocation &allocation : allocations) {
    if (!allocation.isUsed())
      continue;
    auto number = [&](StringRef name, int64_t value) {
      return attrs.getNamedAttr(name, attrs.getI64IntegerAttr(value));
    };
    entries.push_back(attrs.getDictionaryAttr({attrs.getNamedAttr("name", attrs.getStringAttr(allocation.name)),
                                               number("offset", allocation.offset), number("bytes", allocation.bytes),
                                               number("first", allocation.first), number("last", allocation.last)}));
  }
  return attrs.getArrayAttr(entries);
}

void assignAddresses(exec::ProgramOp program, MutableArrayRef<Allocation> allocations,
                     ArrayRef<std::pair<Operation *, int64_t>> held) {
  llvm::DenseMap<Operation *, int64_t> position;
  for (auto [index, op] : llvm::enumerate(program.getInstructions()))
    position[op] = index;
  auto use = [&](int64_t allocation, Operation *op) {
    Allocation &used = allocations[allocation];
    int64_t at = position.lookup(op);
    used.first = used.isUsed() ? std::min(used.first, at) : at;
    used.last = std::max(used.last, at);
  };
  SmallVector<exec::BufferOp> arenaBuffers;
  for (auto buffer : program.getBody().front().getOps<exec::BufferOp>()) {
    if (buffer.getSpace() != exec::Space::Arena)
      continue;
    arenaBuffers.push_back(buffer);
    for (Operation *user : buffer.getBuffer().getUsers())
      use(buffer.getIndex(), user);
  }
  for (auto [op, allocation] : held)
    use(allocation, op);

  program.setArena(assignOffsets(allocations));
  for (exec::BufferOp buffer : arenaBuffers) {
    buffer.setOffset(buffer.getOffset() + allocations[buffer.getIndex()].offset);
    buffer.setIndex(0);
  }
  program.setAllocationsAttr(describe(program.getContext(), allocations));
}

} // namespace raddle
