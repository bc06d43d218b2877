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
  SmallVector<int64_t> bytes(live.ops.size() + 1, 0);
  for (const Allocation &allocation : placement.allocations)
    if (allocation.isUsed()) {
      bytes[allocation.first] += allocation.bytes;
      bytes[allocation.last + 1] -= allocation.bytes;
    }
  for (size_t i = 1; i < bytes.size(); ++i)
    bytes[i] += bytes[i - 1];
  live.bytes = Profile(ArrayRef(bytes).drop_back());
  return live;
}

LogicalResult forEachProgram(ModuleOp module, function_ref<void(func::FuncOp, LiveMemory &&)> visit) {
  SymbolTableCollection symbols;
  for (auto function : module.getOps<func::FuncOp>()) {
    if (function->hasAttr("exec.kernel") || function.isExternal())
      continue;
    FailureOr<LiveMemory> live = LiveMemory::compute(function, symbols);
    if (failed(live))
      return failure();
    visit(function, std::move(*live));
  }
  return success();
}

int64_t LiveMemory::peakWithin(int64_t budget) const {
  constexpr int64_t kGapShare = 16;
  int64_t arena = budget - states;
  return arena - arena / kGapShare;
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
