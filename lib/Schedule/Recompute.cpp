// schedule-recompute: what backward keeps of forward, and what it computes again.
#include "LiveMemory.h"
#include "MinimumCut.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Remarks.h"
#include "raddle/Bundle/Attention.h"
#include "raddle/Passes.h"

namespace raddle {
#define GEN_PASS_DEF_SCHEDULERECOMPUTE
#include "raddle/Passes.h.inc"
} // namespace raddle

using namespace mlir;
using namespace raddle;

namespace {

/// Marks what is computed a second time, so that no pass takes it for the first. The bits are the same.
constexpr StringLiteral kAgain = "exec.again";

/// A machine moves a byte in the time of about so many operations of a library call.
constexpr int64_t kFlopsPerByte = 16;

bool computes(Operation *op) { return isa<exec::DispatchOp, exec::GemmOp, exec::AttentionOp>(op); }

/// The value whose memory a chain of views shows.
Value baseOf(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (!showsMemory(op))
      break;
    value = op->getOperand(0);
  }
  return value;
}

/// How much work may be repeated to hold fewer bytes.
struct Policy {
  double bytesPerByte; ///< bytes held count as so many bytes moved
  bool libraries;      ///< library calls may be repeated, between the boundaries of blocks
};

/// A step of training: its forward part is what the loss needs, its backward part what follows and is no forward.
class Recomputer {
public:
  Recomputer(func::FuncOp function, Value loss, SymbolTableCollection &symbols) : function(function), symbols(symbols) {
    for (Operation &op : function.getBody().front()) {
      positions[&op] = ops.size();
      ops.push_back(&op);
    }
    markForward(loss);
  }

  /// Gives the number of ops that are computed again.
  int64_t run(const Policy &policy) {
    buildGraph(policy);
    std::vector<bool> kept = cut.sourceSide(source, sink);
    llvm::DenseMap<Operation *, int64_t> firstUse;
    SmallVector<Operation *> chosen;
    for (Operation *op : llvm::reverse(forward)) {
      if (kept[nodes[op]])
        continue;
      int64_t first = firstBackwardUse(op, firstUse);
      if (first == kNever)
        continue;
      firstUse[op] = first;
      chosen.push_back(op);
    }
    std::reverse(chosen.begin(), chosen.end());
    cloneAll(chosen, firstUse);
    return chosen.size();
  }

private:
  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

  void markForward(Value loss) {
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
  bool isBackward(Operation *op) const {
    return positions.lookup(op) > end && !needed.contains(op) && !op->hasTrait<OpTrait::IsTerminator>();
  }

  /// Ops that use a value, or something that shows its memory.
  SmallVector<Operation *> usersOf(Value value) const {
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

  /// Bytes that are moved in the time that the op takes.
  int64_t costOf(Operation *op) {
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
  SmallVector<int64_t> boundaries() const {
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
  bool leavesBlock(Operation *op, ArrayRef<int64_t> bounds) const {
    int64_t last = positions.lookup(op);
    for (Value result : op->getResults())
      for (Operation *user : usersOf(result))
        if (!isBackward(user))
          last = std::max(last, positions.lookup(user));
    const int64_t *bound = llvm::upper_bound(bounds, positions.lookup(op));
    return bound != bounds.end() && *bound <= last;
  }

  /// A node for each op, on the source's side if it is not repeated, and one for each of its results, on the sink's
  /// side if backward needs it. Between the two is what holding the result costs; what repeats an op needs its
  /// operands.
  void buildGraph(const Policy &policy) {
    source = cut.addNode();
    sink = cut.addNode();
    SmallVector<int64_t> bounds = policy.libraries ? boundaries() : SmallVector<int64_t>();
    llvm::DenseMap<Value, MinimumCut::Node> results;
    for (Operation *op : forward) {
      MinimumCut::Node node = nodes[op] = cut.addNode();
      bool repeatable = policy.libraries ? !leavesBlock(op, bounds) : isa<exec::DispatchOp>(op);
      cut.addEdge(source, node, repeatable ? costOf(op) : MinimumCut::unlimited);
      for (Value operand : op->getOperands())
        if (auto found = results.find(baseOf(operand)); found != results.end())
          cut.addEdge(found->second, node, MinimumCut::unlimited);
      for (Value result : op->getResults()) {
        MinimumCut::Node held = results[result] = cut.addNode();
        cut.addEdge(node, held, static_cast<int64_t>(policy.bytesPerByte * bytesOf(result.getType())));
        if (llvm::any_of(usersOf(result), [&](Operation *user) { return isBackward(user); }))
          cut.addEdge(held, sink, MinimumCut::unlimited);
      }
    }
  }

  /// The first op of backward that needs a result, directly or to compute another op again.
  int64_t firstBackwardUse(Operation *op, const llvm::DenseMap<Operation *, int64_t> &firstUse) const {
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

  void cloneAll(ArrayRef<Operation *> chosen, const llvm::DenseMap<Operation *, int64_t> &firstUse) {
    IRMapping again;
    for (Operation *op : chosen) {
      OpBuilder builder(ops[firstUse.lookup(op)]);
      Operation *second = builder.clone(*op, again);
      second->setAttr(kAgain, builder.getUnitAttr());
      for (Value result : op->getResults())
        useAgain(result, builder, again);
      remark::passed(op->getLoc(), remark::RemarkOpts::name("again").category("schedule-recompute"))
          << op->getName().getStringRef().str() << ": computed again, " << std::to_string(heldBytes(op))
          << " bytes are free in between";
    }
  }

  static int64_t heldBytes(Operation *op) {
    int64_t bytes = 0;
    for (Value result : op->getResults())
      bytes += bytesOf(result.getType());
    return bytes;
  }

  /// Lets backward use the second result, through views of their own.
  void useAgain(Value value, OpBuilder &builder, IRMapping &again) {
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

  func::FuncOp function;
  SymbolTableCollection &symbols;
  SmallVector<Operation *> ops, forward;
  llvm::DenseMap<Operation *, int64_t> positions;
  llvm::DenseSet<Operation *> needed; ///< what the loss needs
  int64_t end = -1;                   ///< the last op of forward
  MinimumCut cut;
  MinimumCut::Node source = 0, sink = 0;
  llvm::DenseMap<Operation *, MinimumCut::Node> nodes;
};

struct ScheduleRecomputePass : raddle::impl::ScheduleRecomputeBase<ScheduleRecomputePass> {
  using Base::Base;

  void runOnOperation() override {
    if (mode != "none" && mode != "auto" && mode != "block") {
      getOperation().emitError("option 'mode' expects none, auto or block, is ") << std::string(mode);
      return signalPassFailure();
    }
    if (mode == "none")
      return;
    SymbolTableCollection symbols;
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (function->hasAttr("exec.kernel") || function.isExternal())
        continue;
      Value loss = findLoss(function);
      if (loss && failed(recompute(function, loss, symbols)))
        return signalPassFailure();
    }
  }

private:
  /// The loss of a step of training; null in a function that trains nothing.
  static Value findLoss(func::FuncOp function) {
    Value loss;
    bool trains = false;
    for (unsigned index = 0; index < function.getNumResults(); ++index) {
      auto name = function.getResultAttrOfType<StringAttr>(index, "nn.output");
      if (name && name.getValue() == "loss")
        loss = function.getBody().front().getTerminator()->getOperand(index);
      trains = trains || function.getResultAttr(index, "ragged.alias");
    }
    return trains ? loss : Value();
  }

  /// With a budget, dearer work is repeated only while the arena does not fit.
  LogicalResult recompute(func::FuncOp function, Value loss, SymbolTableCollection &symbols) {
    SmallVector<Policy> policies;
    if (mode == "block")
      policies = {{kHoldNothing, true}};
    else if (budget == 0)
      policies = {{kCheap, false}};
    else
      policies = {
          {kCheap / 2, false}, {kCheap, false}, {4 * kCheap, false}, {kHoldNothing, false}, {kHoldNothing, true}};
    for (const Policy &policy : policies) {
      FailureOr<LiveMemory> live = LiveMemory::compute(function, symbols);
      if (failed(live))
        return failure();
      if (budget != 0 && live->arenaBytes() <= live->roomWithin(budget))
        break;
      numAgain += Recomputer(function, loss, symbols).run(policy);
    }
    return success();
  }

  /// Elementwise work on two operands moves three bytes for one that it makes.
  static constexpr double kCheap = 4.0;
  /// Bytes held outweigh any work.
  static constexpr double kHoldNothing = 1 << 14;
};

} // namespace
