#include "BucketUse.h"

#include "raddle/Dialect/NN/IR/NNOps.h"

using namespace mlir;

namespace raddle::ragged {

BucketUses collectBucketUses(func::FuncOp function, ArrayRef<BucketOp> buckets) {
  BucketUses uses;
  for (BucketOp bucket : buckets)
    uses.insert({bucket, BucketUse{bucket, SmallVector<Value>(bucket.getSlots().size()), {}, {}, {}}});
  llvm::StringMap<std::pair<BucketUse *, unsigned>> slots;
  for (auto &entry : uses)
    for (auto [index, slot] : llvm::enumerate(entry.second.bucket.getSlots().getAsRange<SlotAttr>()))
      slots[slot.getName()] = {&entry.second, index};
  llvm::DenseMap<Value, std::pair<BucketUse *, unsigned>> byArgument;
  for (unsigned index = 0; index < function.getNumArguments(); ++index) {
    auto name = function.getArgAttrOfType<StringAttr>(index, "nn.param");
    auto found = name ? slots.find(name.getValue()) : slots.end();
    if (found == slots.end())
      continue;
    auto [use, slot] = found->second;
    use->parameters[slot] = function.getArgument(index);
    byArgument[function.getArgument(index)] = found->second;
  }
  // The bodies of other ops hold none of what this pass looks for: nothing here walks through them.
  for (Operation &op : function.getBody().front()) {
    if (!isa<nn::AdamWOp, nn::SGDOp>(op))
      continue;
    auto [use, slot] = byArgument.lookup(op.getOperand(0));
    if (!use)
      continue;
    use->updates.resize(use->parameters.size());
    use->updates[slot] = &op;
  }
  return uses;
}

/// The states of an update, behind parameter and gradient, are arguments that say so.
static LogicalResult checkStates(func::FuncOp function, Operation *update) {
  for (unsigned index = 2; index <= update->getNumResults(); ++index) {
    auto argument = dyn_cast<BlockArgument>(update->getOperand(index));
    if (!argument || argument.getOwner() != &function.getBody().front() ||
        !function.getArgAttrOfType<StringAttr>(argument.getArgNumber(), "nn.state"))
      return update->emitOpError("expects operand ") << index << " to be an argument with 'nn.state'";
  }
  return success();
}

LogicalResult checkUpdates(func::FuncOp function, BucketUses &uses) {
  for (auto &entry : uses) {
    BucketUse &use = entry.second;
    if (use.updates.empty())
      continue;
    Operation *first = nullptr;
    for (auto [slot, op] : llvm::zip(use.bucket.getSlots().getAsRange<SlotAttr>(), use.updates)) {
      if (!op)
        return function.emitError("bucket '")
               << use.bucket.getSymName() << "' is updated, but its parameter '" << slot.getName() << "' is not";
      if (!first)
        first = op;
      if (failed(checkStates(function, op)))
        return failure();
      if (op->getName() != first->getName() || op->getAttrDictionary() != first->getAttrDictionary())
        return op->emitOpError("differs from the update of the other parameters of bucket '")
               << use.bucket.getSymName() << "'";
    }
  }
  return success();
}

} // namespace raddle::ragged
