// Sums that threads of a block, or all blocks, put together.
#include "TeamLoopWriter.h"
#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace raddle {

bool TeamLoopWriter::findCombiners() {
  for (unsigned index = 0; index < op.getNumDpsInits(); ++index) {
    SmallVector<Operation *> found;
    if (!matchReduction(op.getRegionOutputArgs(), index, found) || found.size() != 1 ||
        found.front()->getNumOperands() != 2)
      return false;
    std::optional<TypedAttr> start = arith::getNeutralElement(found.front());
    if (!start)
      return false;
    combiners.push_back(found.front());
    neutral.push_back(*start);
  }
  return true;
}

Value TeamLoopWriter::combine(size_t result, Value left, Value right) {
  Operation *combined = builder.clone(*combiners[result]);
  combined->setOperands({left, right});
  return combined->getResult(0);
}

SmallVector<Value> TeamLoopWriter::neutralValues() {
  return llvm::map_to_vector(neutral,
                             [&](TypedAttr value) -> Value { return arith::ConstantOp::create(builder, loc, value); });
}

void TeamLoopWriter::onFirst(function_ref<void()> write) {
  Value isFirst = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq, thread, index(0));
  auto branch = scf::IfOp::create(builder, loc, isFirst, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(branch.thenBlock());
  write();
}

SmallVector<Value> TeamLoopWriter::addSteps(Value first, int64_t stride) {
  auto loop = scf::ForOp::create(builder, loc, first, index(steps), index(stride), neutralValues());
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(loop.getBody());
  setPositions(reductionLoops, positionsOf(builder, loc, loop.getInductionVar(), reductionExtents));
  SmallVector<Value> before(loop.getRegionIterArgs().begin(), loop.getRegionIterArgs().end());
  scf::YieldOp::create(builder, loc, writeBody(before));
  return SmallVector<Value>(loop.getResults().begin(), loop.getResults().end());
}

SmallVector<Value> TeamLoopWriter::addParts(ValueRange parts) {
  SmallVector<Value> memory;
  for (Value part : parts) {
    memory.push_back(shareMemory(builder, loc, MemRefType::get({team}, part.getType())));
    memref::StoreOp::create(builder, loc, part, memory.back(), thread);
  }
  meet(builder, loc);
  for (int64_t half = team / 2; half >= 1; half /= 2)
    addHalf(memory, half);
  return memory;
}

void TeamLoopWriter::addHalf(ArrayRef<Value> parts, int64_t half) {
  Value count = index(half);
  Value adds = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ult, thread, count);
  auto branch = scf::IfOp::create(builder, loc, adds, /*withElseRegion=*/false);
  {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(branch.thenBlock());
    Value other = arith::AddIOp::create(builder, loc, thread, count);
    for (auto [result, memory] : llvm::enumerate(parts)) {
      Value left = memref::LoadOp::create(builder, loc, memory, thread);
      Value right = memref::LoadOp::create(builder, loc, memory, other);
      memref::StoreOp::create(builder, loc, combine(result, left, right), memory, thread);
    }
  }
  meet(builder, loc);
}

void TeamLoopWriter::writeTogether() {
  SmallVector<Value> memory = addParts(addSteps(thread, team));
  onFirst([&] {
    SmallVector<Value> sums;
    for (auto [result, init] : llvm::enumerate(op.getDpsInitsMutable()))
      sums.push_back(combine(result, load(init), memref::LoadOp::create(builder, loc, memory[result], thread)));
    store(sums);
  });
  // The next point uses the same memory.
  meet(builder, loc);
}

void TeamLoopWriter::runAcross(const GridSum &sum) {
  sortLoops({});
  // It was asked before.
  (void)findCombiners();
  Value begin = arith::MulIOp::create(builder, loc, sum.block, index(team));
  begin = arith::AddIOp::create(builder, loc, begin, thread);
  Value part = addParts(addSteps(begin, team * sum.blocks)).front();
  Value ticket = shareMemory(builder, loc, MemRefType::get({1}, builder.getI32Type()));
  Value zero = arith::ConstantOp::create(builder, loc, builder.getI32IntegerAttr(0));
  onFirst([&] {
    memref::StoreOp::create(builder, loc, memref::LoadOp::create(builder, loc, part, thread), sum.parts, sum.block);
    // Whoever counts later sees the part.
    Value one = arith::ConstantOp::create(builder, loc, builder.getI32IntegerAttr(1));
    Value before = memref::AtomicRMWOp::create(builder, loc, arith::AtomicRMWKind::addi, one, sum.counter, index(0));
    memref::StoreOp::create(builder, loc, before, ticket, thread);
  });
  meet(builder, loc);
  Value number = memref::LoadOp::create(builder, loc, ticket, index(0));
  Value lastNumber = arith::ConstantOp::create(builder, loc, builder.getI32IntegerAttr(sum.blocks - 1));
  Value isLast = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq, number, lastNumber);
  auto last = scf::IfOp::create(builder, loc, isLast, /*withElseRegion=*/false);
  builder.setInsertionPointToStart(last.thenBlock());
  auto loop = scf::ForOp::create(builder, loc, thread, index(sum.blocks), index(team), neutralValues());
  {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(loop.getBody());
    Value other = memref::LoadOp::create(builder, loc, sum.parts, loop.getInductionVar());
    scf::YieldOp::create(builder, loc, combine(0, loop.getRegionIterArg(0), other));
  }
  Value whole = addParts(loop.getResults()).front();
  onFirst([&] {
    store(combine(0, sum.before, memref::LoadOp::create(builder, loc, whole, thread)));
    memref::StoreOp::create(builder, loc, zero, sum.counter, index(0));
  });
}

bool canSumAcross(linalg::LinalgOp op) { return TeamLoopWriter(op, Value(), 1).canSum(); }

void writeGridSum(linalg::LinalgOp op, const GridSum &sum, Value thread, int64_t team) {
  TeamLoopWriter(op, thread, team).runAcross(sum);
}

} // namespace raddle
