#include "TeamLoopWriter.h"

#include "CommonLoops.h"

#include "mlir/Dialect/Affine/Utils.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/SymbolTable.h"

using namespace mlir;

namespace raddle {

/// The number that LLVM's back end gives to memory that a block of threads shares.
static constexpr unsigned kSharedSpace = 3;

SmallVector<Value> positionsOf(OpBuilder &builder, Location loc, Value linear, ArrayRef<int64_t> extents) {
  SmallVector<Value> positions(extents.size());
  int64_t points = 1;
  for (int64_t extent : extents)
    points *= extent;
  // Division of 32 bits is several times faster.
  Type type = points <= std::numeric_limits<int32_t>::max() ? Type(builder.getI32Type()) : Type(builder.getI64Type());
  Value rest = arith::IndexCastOp::create(builder, loc, type, linear);
  for (size_t dim = extents.size(); dim-- > 0;) {
    Value position = rest;
    if (dim > 0) {
      Value extent = arith::ConstantOp::create(builder, loc, builder.getIntegerAttr(type, extents[dim]));
      position = arith::RemUIOp::create(builder, loc, rest, extent);
      rest = arith::DivUIOp::create(builder, loc, rest, extent);
    }
    positions[dim] = arith::IndexCastOp::create(builder, loc, builder.getIndexType(), position);
  }
  return positions;
}

Value shareMemory(OpBuilder &builder, Location loc, MemRefType type) {
  auto module = builder.getBlock()->getParentOp()->getParentOfType<ModuleOp>();
  auto space = builder.getI64IntegerAttr(kSharedSpace);
  auto shared = MemRefType::get(type.getShape(), type.getElementType(), MemRefLayoutAttrInterface(), space);
  // In no block yet: the table gives it a name of its own before it enters the module.
  OpBuilder outside(builder.getContext());
  auto global = memref::GlobalOp::create(outside, loc, "shared", builder.getStringAttr("private"), shared,
                                         builder.getUnitAttr(), /*constant=*/false, IntegerAttr());
  SymbolTable(module).insert(global);
  Value memory = memref::GetGlobalOp::create(builder, loc, shared, global.getSymName());
  return memref::MemorySpaceCastOp::create(builder, loc, type, memory);
}

void meet(OpBuilder &builder, Location loc) { NVVM::Barrier0Op::create(builder, loc); }

void TeamLoopWriter::sortLoops(ArrayRef<Value> fixed) {
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  ivs.assign(ranges.size(), Value());
  for (unsigned loop = 0; loop < ranges.size(); ++loop) {
    if (loop < fixed.size()) {
      ivs[loop] = fixed[loop];
    } else if (isIndependent(op, loop)) {
      parallelLoops.push_back(loop);
      parallelExtents.push_back(ranges[loop]);
      results *= ranges[loop];
    } else {
      reductionLoops.push_back(loop);
      reductionExtents.push_back(ranges[loop]);
      steps *= ranges[loop];
    }
  }
}

void TeamLoopWriter::run(ArrayRef<Value> fixed) {
  sortLoops(fixed);
  if (team == 1)
    return writeNest(0, parallelExtents);
  bool together = results < team && steps > results && !resultsMove() && findCombiners();
  auto loop =
      scf::ForOp::create(builder, loc, together ? index(0) : thread, index(results), index(together ? 1 : team));
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(loop.getBody());
  setPositions(parallelLoops, positionsOf(builder, loc, loop.getInductionVar(), parallelExtents));
  if (together)
    writeTogether();
  else
    writePoint();
}

Value TeamLoopWriter::index(int64_t value) { return arith::ConstantIndexOp::create(builder, loc, value); }

void TeamLoopWriter::setPositions(ArrayRef<unsigned> loops, ArrayRef<Value> positions) {
  for (auto [loop, position] : llvm::zip(loops, positions))
    ivs[loop] = position;
}

void TeamLoopWriter::writeNest(size_t depth, ArrayRef<int64_t> extents) {
  if (depth == parallelLoops.size())
    return writePoint();
  auto loop = scf::ForOp::create(builder, loc, index(0), index(extents[depth]), index(1));
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(loop.getBody());
  ivs[parallelLoops[depth]] = loop.getInductionVar();
  writeNest(depth + 1, extents);
}

SmallVector<Value> TeamLoopWriter::placeOf(OpOperand &operand) {
  SmallVector<Value> place;
  for (AffineExpr expr : op.getMatchingIndexingMap(&operand).getResults()) {
    auto dim = dyn_cast<AffineDimExpr>(expr);
    place.push_back(dim ? ivs[dim.getPosition()] : affine::expandAffineExpr(builder, loc, expr, ivs, {}));
  }
  return place;
}

Value TeamLoopWriter::load(OpOperand &operand) {
  if (!isa<MemRefType>(operand.get().getType()))
    return operand.get();
  return memref::LoadOp::create(builder, loc, operand.get(), placeOf(operand));
}

SmallVector<Value> TeamLoopWriter::loadResults() {
  SmallVector<Value> values;
  for (OpOperand &init : op.getDpsInitsMutable())
    values.push_back(op.payloadUsesValueFromOperand(&init) || steps != 1 ? load(init) : Value());
  return values;
}

void TeamLoopWriter::store(ValueRange values) {
  for (auto [value, init] : llvm::zip(values, op.getDpsInitsMutable()))
    memref::StoreOp::create(builder, loc, value, init.get(), placeOf(init));
}

SmallVector<Value> TeamLoopWriter::writeBody(ValueRange before) {
  IRMapping mapping;
  for (OpOperand *input : op.getDpsInputOperands())
    if (op.payloadUsesValueFromOperand(input))
      mapping.map(op.getMatchingBlockArgument(input), load(*input));
  for (auto [init, value] : llvm::zip(op.getDpsInitsMutable(), before))
    if (value)
      mapping.map(op.getMatchingBlockArgument(&init), value);
  for (Operation &inner : body->without_terminator()) {
    if (auto index = dyn_cast<linalg::IndexOp>(inner))
      mapping.map(index.getResult(), ivs[index.getDim()]);
    else
      builder.clone(inner, mapping);
  }
  return llvm::map_to_vector(body->getTerminator()->getOperands(),
                             [&](Value value) { return mapping.lookupOrDefault(value); });
}

void TeamLoopWriter::writePoint() {
  if (resultsMove())
    writeSteps(0);
  else
    store(writeSums(0, loadResults()));
}

bool TeamLoopWriter::resultsMove() {
  return llvm::any_of(op.getDpsInitsMutable(), [&](OpOperand &init) {
    AffineMap map = op.getMatchingIndexingMap(&init);
    return llvm::any_of(reductionLoops, [&](unsigned loop) { return map.isFunctionOfDim(loop); });
  });
}

void TeamLoopWriter::writeSteps(size_t depth) {
  if (depth == reductionLoops.size())
    return store(writeBody(loadResults()));
  auto loop = scf::ForOp::create(builder, loc, index(0), index(reductionExtents[depth]), index(1));
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(loop.getBody());
  ivs[reductionLoops[depth]] = loop.getInductionVar();
  writeSteps(depth + 1);
}

SmallVector<Value> TeamLoopWriter::writeSums(size_t depth, SmallVector<Value> before) {
  if (depth == reductionLoops.size())
    return writeBody(before);
  auto loop = scf::ForOp::create(builder, loc, index(0), index(reductionExtents[depth]), index(1), before);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(loop.getBody());
  ivs[reductionLoops[depth]] = loop.getInductionVar();
  SmallVector<Value> after =
      writeSums(depth + 1, SmallVector<Value>(loop.getRegionIterArgs().begin(), loop.getRegionIterArgs().end()));
  scf::YieldOp::create(builder, loc, after);
  return SmallVector<Value>(loop.getResults().begin(), loop.getResults().end());
}

void writeTeamLoops(linalg::LinalgOp op, ArrayRef<Value> fixed, Value thread, int64_t team) {
  TeamLoopWriter(op, thread, team).run(fixed);
}

} // namespace raddle
