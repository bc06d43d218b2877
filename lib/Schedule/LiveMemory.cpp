#include "LiveMemory.h"
#include "PendingCollectives.h"

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
  auto use = [&](Place place, int64_t instant) {
    if (place.space != exec::Space::Arena)
      return;
    Allocation &allocation = placement.allocations[place.index];
    allocation.first = allocation.isUsed() ? std::min(allocation.first, instant) : instant;
    allocation.last = std::max(allocation.last, instant);
  };
  PendingCollectives pending;
  auto hold = [&](ArrayRef<PendingCollective> done, int64_t instant) {
    for (const PendingCollective &collective : done)
      for (const Place &place : collective.places)
        use(place, instant);
  };
  for (Operation &op : function.getBody().front()) {
    int64_t position = live.ops.size(), wait = 2 * position, instant = wait + 1;
    live.positions[&op] = position;
    live.ops.push_back(&op);
    if (showsMemory(&op) || isa<arith::ConstantOp>(op))
      continue;
    SmallVector<Place> touched;
    for (Value value : llvm::concat<Value>(SmallVector<Value>(op.getOperands()), SmallVector<Value>(op.getResults())))
      if (isa<TensorType>(value.getType()))
        touched.push_back(placement.lookup(value));
    bool scatters = isa<ragged::ReduceScatterOp>(op);
    if (scatters)
      hold(pending.waitForScatters(), wait);
    if (isCollective(&op))
      pending.start({scatters, position, touched});
    else
      hold(pending.waitFor(touched), wait);
    for (const Place &place : touched)
      use(place, instant);
  }
  hold(pending.waitForAll(), 2 * static_cast<int64_t>(live.ops.size()));
  SmallVector<int64_t> bytes(live.ops.size() + 1, 0);
  for (const Allocation &allocation : placement.allocations)
    if (allocation.isUsed()) {
      bytes[(allocation.first - 1) / 2] += allocation.bytes;
      bytes[(allocation.last - 1) / 2 + 1] -= allocation.bytes;
    }
  for (size_t i = 1; i < bytes.size(); ++i)
    bytes[i] += bytes[i - 1];
  live.bytes = Profile(ArrayRef(bytes).drop_back());
  live.allocations = std::move(placement.allocations);
  return live;
}

LogicalResult forEachProgram(ModuleOp module,
                             function_ref<LogicalResult(func::FuncOp, SymbolTableCollection &)> visit) {
  SymbolTableCollection symbols;
  for (auto function : module.getOps<func::FuncOp>())
    if (!function->hasAttr("exec.kernel") && !function.isExternal() && failed(visit(function, symbols)))
      return failure();
  return success();
}

int64_t LiveMemory::arenaBytes() const {
  SmallVector<Allocation> placed(allocations);
  return assignOffsets(placed);
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
