// schedule-recompute: what backward keeps of forward, and what it computes again.
#include "Recomputer.h"
#include "mlir/IR/BuiltinOps.h"
#include "raddle/Passes.h"

namespace raddle {
#define GEN_PASS_DEF_SCHEDULERECOMPUTE
#include "raddle/Passes.h.inc"
} // namespace raddle

using namespace mlir;
using namespace raddle;

namespace {

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

  /// With a budget, the cheapest policy whose arena fits, or the one with the smallest arena; each starts from the same
  /// program, for what one repeats would stand in another's way.
  LogicalResult recompute(func::FuncOp function, Value loss, SymbolTableCollection &symbols) {
    RecomputePolicy chosen{kCheap, false};
    if (mode == "block") {
      chosen = {kHoldNothing, true};
    } else if (budget != 0) {
      FailureOr<std::optional<RecomputePolicy>> found = findPolicy(function, symbols);
      if (failed(found))
        return failure();
      if (!*found)
        return success();
      chosen = **found;
    }
    numAgain += Recomputer(function, loss, symbols, /*explain=*/true).run(chosen);
    return success();
  }

  /// Bytes of the arena under a policy.
  FailureOr<int64_t> arenaUnder(const RecomputePolicy &policy, func::FuncOp function, SymbolTableCollection &symbols) {
    func::FuncOp trial = function.clone();
    trial.setName((function.getName() + ".trial").str());
    function->getBlock()->getOperations().insertAfter(Block::iterator(function), trial);
    Recomputer(trial, findLoss(trial), symbols, /*explain=*/false).run(policy);
    FailureOr<LiveMemory> live = LiveMemory::compute(trial, symbols);
    trial.erase();
    return failed(live) ? FailureOr<int64_t>(failure()) : live->arenaBytes();
  }

  /// Nothing where the program fits as it is.
  FailureOr<std::optional<RecomputePolicy>> findPolicy(func::FuncOp function, SymbolTableCollection &symbols) {
    FailureOr<LiveMemory> live = LiveMemory::compute(function, symbols);
    if (failed(live))
      return failure();
    int64_t smallest = live->arenaBytes(), room = live->roomWithin(budget);
    std::optional<RecomputePolicy> best;
    double tooCheap = kCheapest;
    for (RecomputePolicy policy :
         {RecomputePolicy{kCheap / 2, false}, RecomputePolicy{kCheap, false}, RecomputePolicy{4 * kCheap, false},
          RecomputePolicy{kHoldNothing, false}, RecomputePolicy{kHoldNothing, true}}) {
      if (smallest <= room)
        break;
      FailureOr<int64_t> bytes = arenaUnder(policy, function, symbols);
      if (failed(bytes))
        return failure();
      if (*bytes < smallest) {
        smallest = *bytes;
        best = policy;
      }
      if (smallest > room)
        tooCheap = policy.libraries ? tooCheap : policy.bytesPerByte;
    }
    if (best && smallest <= room && failed(cheapen(*best, tooCheap, room, function, symbols)))
      return failure();
    return best;
  }

  /// Looks between a price of memory that repeats too little and the policy, which fits, for the lowest that fits.
  LogicalResult cheapen(RecomputePolicy &policy, double tooCheap, int64_t room, func::FuncOp function,
                        SymbolTableCollection &symbols) {
    if (policy.libraries)
      tooCheap = kCheapest;
    for (int trial = 0; trial < kTrials; ++trial) {
      RecomputePolicy between{std::sqrt(tooCheap * policy.bytesPerByte), policy.libraries};
      FailureOr<int64_t> bytes = arenaUnder(between, function, symbols);
      if (failed(bytes))
        return failure();
      if (*bytes <= room)
        policy = between;
      else
        tooCheap = between.bytesPerByte;
    }
    return success();
  }

  /// Elementwise work on two operands moves three bytes for one that it makes.
  static constexpr double kCheap = 4.0;
  /// Bytes held outweigh any work.
  static constexpr double kHoldNothing = 1 << 14;
  /// Next to no work is worth a byte.
  static constexpr double kCheapest = 0.25;
  /// Halvings of the logarithm of a price.
  static constexpr int kTrials = 5;
};

} // namespace
