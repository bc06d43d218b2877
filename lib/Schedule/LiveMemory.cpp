#include "LiveMemory.h"

using namespace mlir;

namespace raddle {

bool showsMemory(Operation *op) { return isView(op) || isa<ragged::SlotOp>(op); }

FailureOr<LiveMemory> LiveMemory::compute(func::FuncOp function, SymbolTableCollection &symbols) {
  Placement placement(function, symbols);
  if (failed(placement.run([](ElementsAttr) { return 0; })))
    return failure();
  LiveMemory live;
  for (unsigned index = 0; index < function.getNumArguments(); ++index) {
    Place place = placement.lookup(function.getArgument(index));
    if (place.space == exec::Space::State)
      live.states += bytesOf(function.getArgument(index).getType());
  }
  auto use = [&](Value value, int64_t position) {
    if (!isa<TensorType>(value.getType()))
      return;
    Place place = placement.lookup(value);
    if (place.space != exec::Space::Arena)
      return;
    Allocation &allocation = placement.allocations[place.index];
    allocation.first = allocation.isUsed() ? std::min(allocation.first, position) : position;
    allocation.last = std::max(allocation.last, position);
  };
  ragged::ReduceScatterOp reducing;
  for (Operation &op : function.getBody().front()) {
    int64_t position = live.ops.size();
    live.positions[&op] = position;
    live.ops.push_back(&op);
    if (showsMemory(&op) || isa<arith::ConstantOp>(op))
      continue;
    for (Value value : llvm::concat<Value>(SmallVector<Value>(op.getOperands()), SmallVector<Value>(op.getResults())))
      use(value, position);
    // A reduction holds its gradients until compute waits for it: when the next one starts.
    if (auto scatter = dyn_cast<ragged::ReduceScatterOp>(op)) {
      if (reducing)
        use(reducing.getFull(), position);
      reducing = scatter;
    }
  }
  live.bytes.assign(live.ops.size() + 1, 0);
  for (const Allocation &allocation : placement.allocations)
    if (allocation.isUsed()) {
      live.bytes[allocation.first] += allocation.bytes;
      live.bytes[allocation.last + 1] -= allocation.bytes;
    }
  for (size_t i = 1; i < live.bytes.size(); ++i)
    live.bytes[i] += live.bytes[i - 1];
  live.bytes.pop_back();
  return live;
}

int64_t LiveMemory::peakPosition() const { return llvm::max_element(bytes) - bytes.begin(); }

int64_t LiveMemory::peakWithin(int64_t budget) const {
  constexpr int64_t kGapShare = 16;
  int64_t arena = budget - states;
  return arena - arena / kGapShare;
}

void LiveMemory::change(int64_t first, int64_t last, int64_t amount) {
  for (int64_t position = first; position < last; ++position)
    bytes[position] += amount;
}

SmallVector<int64_t> LiveMemory::uses(ragged::GatherOp gather) const {
  SmallVector<int64_t> found;
  SmallVector<Value> worklist{gather.getFull()};
  while (!worklist.empty())
    for (Operation *user : worklist.pop_back_val().getUsers()) {
      if (showsMemory(user))
        worklist.push_back(user->getResult(0));
      else
        found.push_back(position(user));
    }
  llvm::sort(found);
  found.erase(llvm::unique(found), found.end());
  return found;
}

} // namespace raddle
