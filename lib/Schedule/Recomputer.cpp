#include "Recomputer.h"

#include "KeepGraph.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Remarks.h"
#include "raddle/Bundle/Attention.h"

using namespace mlir;

namespace raddle {

/// Marks what is computed a second time, so that no pass takes it for the first. The bits are the same.
static constexpr StringLiteral kAgain = "exec.again";

/// A machine moves a byte in the time of about so many operations of a library call.
static constexpr int64_t kFlopsPerByte = 16;

static bool computes(Operation *op) { return isa<exec::DispatchOp, exec::GemmOp, exec::AttentionOp>(op); }

/// The value whose memory a chain of views shows.
static Value baseOf(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (!showsMemory(op))
      break;
    value = op->getOperand(0);
  }
  return value;
}

/// Ops that use a value, or something that shows its memory.
static SmallVector<Operation *> usersOf(Value value) {
  SmallVector<Operation *> users;
  SmallVector<Value> worklist{value};
  while (!worklist.empty())
    for (Operation *user : worklist.pop_back_val().getUsers()) {
      if (showsMemory(user))
        worklist.push_back(user->getResult(0));
      else
        users.push_back(user);
    }
  return users;
}

Recomputer::Recomputer(func::FuncOp function, Value loss, SymbolTableCollection &symbols, bool explain)
    : function(function), symbols(symbols), explain(explain) {
  for (Operation &op : function.getBody().front()) {
    positions[&op] = ops.size();
    ops.push_back(&op);
  }
  markForward(loss);
}

int64_t Recomputer::run(const RecomputePolicy &policy) {
  std::vector<bool> repeated = chooseRepeated(policy);
  FirstUses firstUse;
  SmallVector<Operation *> chosen;
  for (size_t i = forward.size(); i-- > 0;) {
    if (!repeated[i])
      continue;
    int64_t first = firstBackwardUse(forward[i], firstUse);
    if (first == kNever)
      continue;
    firstUse[forward[i]] = first;
    chosen.push_back(forward[i]);
  }
  std::reverse(chosen.begin(), chosen.end());
  cloneAll(chosen, firstUse);
  return chosen.size();
}

void Recomputer::markForward(Value loss) {
  SmallVector<Operation *> worklist;
  auto push = [&](Value value) {
    if (Operation *op = value.getDefiningOp(); op && needed.insert(op).second)
      worklist.push_back(op);
  };
  push(loss);
  while (!worklist.empty())
    for (Value operand : worklist.pop_back_val()->getOperands())
      push(operand);
  for (Operation *op : ops)
    if (needed.contains(op) && computes(op)) {
      forward.push_back(op);
      end = positions[op];
    }
}

/// What is returned is written where the caller wants it, once.
bool Recomputer::isBackward(Operation *op) const {
  return positions.lookup(op) > end && !needed.contains(op) && !op->hasTrait<OpTrait::IsTerminator>();
}

/// Bytes that are moved in the time that the op takes.
int64_t Recomputer::costOf(Operation *op) {
  int64_t bytes = 0, flops = 0;
  for (Value value : llvm::concat<Value>(SmallVector<Value>(op->getOperands()), SmallVector<Value>(op->getResults())))
    bytes += bytesOf(value.getType());
  if (auto gemm = dyn_cast<exec::GemmOp>(op)) {
    flops = 2 * gemm.getM() * gemm.getN() * gemm.getK();
    for (int64_t extent : gemm.getBatch())
      flops *= extent;
  } else if (auto call = dyn_cast<exec::AttentionOp>(op)) {
    ArrayRef<int64_t> extents = call.getExtents();
    flops = 2;
    for (int64_t extent : extents.take_front(attention::Width))
      flops *= extent;
    flops *= extents[attention::Width] + extents[attention::ValueWidth];
  } else if (auto kernel = symbols.lookupNearestSymbolFrom(op, cast<exec::DispatchOp>(op).getKernelAttr())) {
    if (auto counted = kernel->getAttrOfType<IntegerAttr>("exec.flops"))
      flops = counted.getInt();
  }
  return bytes + flops / kFlopsPerByte;
}

/// Where forward begins to use each bucket of parameters, sorted: the boundaries of blocks. On one rank there are
/// slots without gathers.
SmallVector<int64_t> Recomputer::boundaries() const {
  llvm::DenseMap<Attribute, int64_t> first;
  for (Operation *op : ops)
    if (auto slot = dyn_cast<ragged::SlotOp>(op))
      for (Operation *user : usersOf(slot.getTensor()))
        if (int64_t position = positions.lookup(user); position <= end) {
          auto [entry, inserted] = first.insert({slot.getBucketAttr(), position});
          entry->second = std::min(entry->second, position);
        }
  SmallVector<int64_t> found(llvm::make_second_range(first));
  llvm::sort(found);
  return found;
}

/// Whether forward uses a result of the op in a block behind the one that computes it.
bool Recomputer::leavesBlock(Operation *op, ArrayRef<int64_t> bounds) const {
  int64_t last = positions.lookup(op);
  for (Value result : op->getResults())
    for (Operation *user : usersOf(result))
      if (!isBackward(user))
        last = std::max(last, positions.lookup(user));
  const int64_t *bound = llvm::upper_bound(bounds, positions.lookup(op));
  return bound != bounds.end() && *bound <= last;
}

/// Whether each op of forward is repeated, so that work and bytes cost least together.
std::vector<bool> Recomputer::chooseRepeated(const RecomputePolicy &policy) {
  KeepGraph graph;
  SmallVector<int64_t> bounds = policy.libraries ? boundaries() : SmallVector<int64_t>();
  llvm::DenseMap<Value, KeepGraph::Value> values;
  for (Operation *op : forward) {
    SmallVector<KeepGraph::Value> operands;
    for (Value operand : op->getOperands())
      if (auto found = values.find(baseOf(operand)); found != values.end())
        operands.push_back(found->second);
    bool repeatable = policy.libraries ? !leavesBlock(op, bounds) : isa<exec::DispatchOp>(op);
    size_t number = graph.addOp(repeatable ? std::optional(costOf(op)) : std::nullopt, operands);
    for (Value result : op->getResults()) {
      bool isRead = llvm::any_of(usersOf(result), [&](Operation *user) { return isBackward(user); });
      int64_t cost = static_cast<int64_t>(policy.bytesPerByte * static_cast<double>(bytesOf(result.getType())));
      values[result] = graph.addValue(number, cost, isRead);
    }
  }
  return graph.chooseRepeated();
}

/// The first op of backward that needs a result, directly or to compute another op again.
int64_t Recomputer::firstBackwardUse(Operation *op, const FirstUses &firstUse) const {
  int64_t first = kNever;
  for (Value result : op->getResults())
    for (Operation *user : usersOf(result)) {
      if (isBackward(user))
        first = std::min(first, positions.lookup(user));
      else if (auto again = firstUse.find(user); again != firstUse.end())
        first = std::min(first, again->second);
    }
  return first;
}

static int64_t heldBytes(Operation *op) {
  int64_t bytes = 0;
  for (Value result : op->getResults())
    bytes += bytesOf(result.getType());
  return bytes;
}

void Recomputer::cloneAll(ArrayRef<Operation *> chosen, const FirstUses &firstUse) {
  IRMapping again;
  for (Operation *op : chosen) {
    OpBuilder builder(ops[firstUse.lookup(op)]);
    Operation *second = builder.clone(*op, again);
    second->setAttr(kAgain, builder.getUnitAttr());
    for (Value result : op->getResults())
      useAgain(result, builder, again);
    if (explain)
      remark::passed(op->getLoc(), remark::RemarkOpts::name("again").category("schedule-recompute"))
          << op->getName().getStringRef().str() << ": computed again, " << std::to_string(heldBytes(op))
          << " bytes are free in between";
  }
}

/// Lets backward use the second result, through views of their own.
void Recomputer::useAgain(Value value, OpBuilder &builder, IRMapping &again) {
  for (OpOperand &use : llvm::make_early_inc_range(value.getUses())) {
    Operation *user = use.getOwner();
    if (showsMemory(user) && positions.contains(user)) {
      builder.clone(*user, again)->setAttr(kAgain, builder.getUnitAttr());
      useAgain(user->getResult(0), builder, again);
    } else if (isBackward(user)) {
      use.set(again.lookup(value));
    }
  }
}

} // namespace raddle
