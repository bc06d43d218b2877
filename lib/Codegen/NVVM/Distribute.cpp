#include "Distribute.h"

#include "../CPU/KernelBody.h"
#include "../PrepareKernels.h"
#include "CommonLoops.h"
#include "TeamLoops.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace raddle {

static constexpr int64_t kWarp = 32;
static constexpr int64_t kLargestTeam = 1024;
/// With so many points each is a thread's: there are enough to fill a GPU.
static constexpr int64_t kManyPoints = 1 << 16;
/// With so many points or more a larger team would not be faster: several fit on a multiprocessor.
static constexpr int64_t kTeamsThatFill = 1 << 10;
static constexpr int64_t kCommonTeam = 256;

/// So many steps of a sum are worth a block of their own.
static constexpr int64_t kStepsOfBlock = 1 << 13;
static constexpr int64_t kMostBlocksOfSum = 256;

static int64_t chooseTeam(int64_t points, int64_t rest) {
  if (rest < kWarp || points >= kManyPoints)
    return 1;
  int64_t largest = points >= kTeamsThatFill ? kCommonTeam : kLargestTeam;
  return std::clamp<int64_t>(llvm::PowerOf2Ceil(std::min(rest, largest)), kWarp, largest);
}

namespace {

class Distributor {
public:
  explicit Distributor(func::FuncOp kernel) : kernel(kernel), division(divide(kernel)) {}

  FailureOr<Teams> run() {
    Teams teams;
    teams.points = division.points();
    teams.team = team = chooseTeam(teams.points, division.rest);
    Type index = IndexType::get(kernel.getContext());
    unsigned count = kernel.getNumArguments();
    // Appending arguments cannot fail.
    (void)kernel.insertArgument(count, index, {}, kernel.getLoc());
    (void)kernel.insertArgument(count + 1, index, {}, kernel.getLoc());
    Value point = kernel.getArgument(count);
    thread = kernel.getArgument(count + 1);
    OpBuilder builder(kernel.getContext());
    builder.setInsertionPointToStart(&kernel.getBody().front());
    if (linalg::LinalgOp sum = findLongSum())
      return sumAcross(sum, point);
    fixed = positionsOf(builder, kernel.getLoc(), point, division.common);
    if (division.passes)
      inlinePass(point);
    if (failed(lowerForallLoops(kernel)))
      return failure();
    if (team > 1) {
      kernel.walk([&](memref::LoadOp) { readsElements = true; });
      shareResults();
      guardStores();
    }
    SmallVector<linalg::LinalgOp> ops;
    kernel.walk([&](linalg::LinalgOp op) { ops.push_back(op); });
    for (linalg::LinalgOp op : ops)
      lower(op);
    if (team > 1)
      shareAllocations();
    if (failed(checkAllocations(kernel)))
      return failure();
    return teams;
  }

private:
  /// The op of a kernel that fills one element and adds many to it, if blocks can share it.
  linalg::LinalgOp findLongSum() {
    SmallVector<Operation *> ops;
    for (Operation &op : kernel.getBody().front().without_terminator())
      if (!isMemoryEffectFree(&op))
        ops.push_back(&op);
    auto fill = ops.size() == 2 ? dyn_cast<linalg::FillOp>(ops[0]) : linalg::FillOp();
    auto sum = fill ? dyn_cast<linalg::LinalgOp>(ops[1]) : linalg::LinalgOp();
    if (!sum || sum.getNumReductionLoops() != sum.getNumLoops() || division.rest < 2 * kStepsOfBlock ||
        sum.getDpsInits().front() != fill.getDpsInits().front() || !canSumAcross(sum) ||
        cast<MemRefType>(fill.getDpsInits().front().getType()).getNumElements() != 1 ||
        cast<MemRefType>(fill.getDpsInits().front().getType()).getElementTypeBitWidth() > 8 * kPartBytes)
      return {};
    return sum;
  }

  Teams sumAcross(linalg::LinalgOp sum, Value block) {
    auto fill = cast<linalg::FillOp>(
        *llvm::find_if(kernel.getBody().front(), [](Operation &op) { return isa<linalg::FillOp>(op); }));
    Teams teams;
    teams.sumsAcross = true;
    teams.points = std::min(int64_t(llvm::divideCeil(division.rest, kStepsOfBlock)), kMostBlocksOfSum);
    teams.team = team = kLargestTeam;
    Builder types(kernel.getContext());
    Type element = cast<MemRefType>(fill.getDpsInits().front().getType()).getElementType();
    Type parts = MemRefType::get({teams.points}, element), counter = MemRefType::get({1}, types.getI32Type());
    unsigned count = kernel.getNumArguments();
    (void)kernel.insertArgument(count, counter, {}, kernel.getLoc());
    (void)kernel.insertArgument(count + 1, parts, {}, kernel.getLoc());
    shareResults();
    writeGridSum(sum, {block, teams.points, kernel.getArgument(count + 1), kernel.getArgument(count), fill.value()},
                 thread, team);
    sum->erase();
    fill->erase();
    return teams;
  }

  /// The loop's only pass is the one of this point.
  void inlinePass(Value point) {
    scf::ForallOp loop = division.passes;
    loop.getInductionVars().front().replaceAllUsesWith(point);
    for (Operation &op : llvm::make_early_inc_range(loop.getBody()->without_terminator()))
      op.moveBefore(loop);
    loop.erase();
  }

  /// What one thread writes another one reads behind a barrier, which LLVM must not move accesses across: results are
  /// no thread's own.
  void shareResults() {
    kernel.walk([&](Operation *op) {
      SmallVector<Value> written;
      if (auto structured = dyn_cast<linalg::LinalgOp>(op))
        llvm::append_range(written, structured.getDpsInits());
      else if (auto store = dyn_cast<memref::StoreOp>(op))
        written.push_back(store.getMemRef());
      for (Value memory : written)
        if (auto argument = dyn_cast<BlockArgument>(baseOf(memory)))
          if (argument.getOwner() == &kernel.getBody().front())
            kernel.removeArgAttr(argument.getArgNumber(), "llvm.noalias");
    });
  }

  /// A single element is written by one thread, between what the others do before and after it.
  void guardStores() {
    SmallVector<memref::StoreOp> stores;
    kernel.walk([&](memref::StoreOp store) { stores.push_back(store); });
    for (memref::StoreOp store : stores) {
      OpBuilder builder(store);
      Location loc = store.getLoc();
      meet(builder, loc);
      Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
      Value isFirst = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq, thread, zero);
      auto branch = scf::IfOp::create(builder, loc, isFirst, /*withElseRegion=*/false);
      meet(builder, loc);
      store->moveBefore(branch.thenBlock(), branch.thenBlock()->begin());
    }
  }

  void lower(linalg::LinalgOp op) {
    OpBuilder builder(op);
    // An element that all threads read may be written by the op.
    if (readsElements)
      meet(builder, op.getLoc());
    bool isOnTop = op->getBlock() == &kernel.getBody().front() && !division.passes;
    writeTeamLoops(op, isOnTop ? ArrayRef<Value>(fixed) : ArrayRef<Value>(), thread, team);
    if (team > 1)
      meet(builder, op.getLoc());
    op->erase();
  }

  /// Intermediate arrays of a team are in memory that it shares.
  void shareAllocations() {
    SmallVector<Operation *> allocations;
    kernel.walk([&](Operation *op) {
      if (isa<memref::AllocaOp, memref::AllocOp>(op))
        allocations.push_back(op);
    });
    for (Operation *op : allocations) {
      auto type = cast<MemRefType>(op->getResult(0).getType());
      if (!type.hasStaticShape())
        continue;
      OpBuilder builder(op);
      for (Operation *user : llvm::make_early_inc_range(op->getResult(0).getUsers()))
        if (isa<memref::DeallocOp>(user))
          user->erase();
      op->getResult(0).replaceAllUsesWith(shareMemory(builder, op->getLoc(), type));
      op->erase();
    }
  }

  func::FuncOp kernel;
  Division division;
  int64_t team = 1;
  bool readsElements = false;
  Value thread;
  SmallVector<Value> fixed;
};

} // namespace

FailureOr<Teams> distribute(func::FuncOp kernel) {
  copiesToLoops(kernel);
  return Distributor(kernel).run();
}

} // namespace raddle
