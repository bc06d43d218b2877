#include "TeamLoops.h"

#include "mlir/Analysis/SliceAnalysis.h"
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

static Value indexConstant(OpBuilder &builder, Location loc, int64_t value) {
  return arith::ConstantIndexOp::create(builder, loc, value);
}

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

namespace {

class TeamLoopWriter {
public:
  TeamLoopWriter(linalg::LinalgOp op, Value thread, int64_t team)
      : op(op), builder(op), loc(op.getLoc()), thread(thread), team(team), body(op.getBlock()) {}

  void run(ArrayRef<Value> fixed) {
    SmallVector<int64_t> ranges = op.getStaticLoopRanges();
    ivs.assign(ranges.size(), Value());
    SmallVector<int64_t> parallel;
    for (auto [loop, kind] : llvm::enumerate(op.getIteratorTypesArray())) {
      if (loop < fixed.size()) {
        ivs[loop] = fixed[loop];
      } else if (kind == utils::IteratorType::parallel) {
        parallelLoops.push_back(loop);
        parallel.push_back(ranges[loop]);
        results *= ranges[loop];
      } else {
        reductionLoops.push_back(loop);
        reductionExtents.push_back(ranges[loop]);
        steps *= ranges[loop];
      }
    }
    bool together = team > 1 && results < team && steps > results && findCombiners();
    if (team == 1)
      return writeNest(0, parallel);
    Value begin = together ? indexConstant(builder, loc, 0) : thread;
    Value step = indexConstant(builder, loc, together ? 1 : team);
    auto loop = scf::ForOp::create(builder, loc, begin, indexConstant(builder, loc, results), step);
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(loop.getBody());
    setPositions(parallelLoops, positionsOf(builder, loc, loop.getInductionVar(), parallel));
    if (together)
      writeTogether();
    else
      writePoint();
  }

private:
  void setPositions(ArrayRef<unsigned> loops, ArrayRef<Value> positions) {
    for (auto [loop, position] : llvm::zip(loops, positions))
      ivs[loop] = position;
  }

  /// All points of the parallel loops from number `depth` on, one after the other.
  void writeNest(size_t depth, ArrayRef<int64_t> extents) {
    if (depth == parallelLoops.size())
      return writePoint();
    auto loop = scf::ForOp::create(builder, loc, indexConstant(builder, loc, 0),
                                   indexConstant(builder, loc, extents[depth]), indexConstant(builder, loc, 1));
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(loop.getBody());
    ivs[parallelLoops[depth]] = loop.getInductionVar();
    writeNest(depth + 1, extents);
  }

  SmallVector<Value> placeOf(OpOperand &operand) {
    SmallVector<Value> place;
    for (AffineExpr expr : op.getMatchingIndexingMap(&operand).getResults()) {
      auto dim = dyn_cast<AffineDimExpr>(expr);
      place.push_back(dim ? ivs[dim.getPosition()] : affine::expandAffineExpr(builder, loc, expr, ivs, {}));
    }
    return place;
  }

  Value load(OpOperand &operand) {
    if (!isa<MemRefType>(operand.get().getType()))
      return operand.get();
    return memref::LoadOp::create(builder, loc, operand.get(), placeOf(operand));
  }

  /// What the results hold before; null for one that the body does not read.
  SmallVector<Value> loadResults() {
    SmallVector<Value> values;
    for (OpOperand &init : op.getDpsInitsMutable())
      values.push_back(op.payloadUsesValueFromOperand(&init) || steps != 1 ? load(init) : Value());
    return values;
  }

  void store(ValueRange values) {
    for (auto [value, init] : llvm::zip(values, op.getDpsInitsMutable()))
      memref::StoreOp::create(builder, loc, value, init.get(), placeOf(init));
  }

  /// The body at the present positions, with these values of the results before.
  SmallVector<Value> writeBody(ValueRange before) {
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

  /// One point of the parallel loops, by one thread.
  void writePoint() { store(writeSums(0, loadResults())); }

  SmallVector<Value> writeSums(size_t depth, SmallVector<Value> before) {
    if (depth == reductionLoops.size())
      return writeBody(before);
    auto loop = scf::ForOp::create(builder, loc, indexConstant(builder, loc, 0),
                                   indexConstant(builder, loc, reductionExtents[depth]), indexConstant(builder, loc, 1),
                                   before);
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(loop.getBody());
    ivs[reductionLoops[depth]] = loop.getInductionVar();
    SmallVector<Value> after =
        writeSums(depth + 1, SmallVector<Value>(loop.getRegionIterArgs().begin(), loop.getRegionIterArgs().end()));
    scf::YieldOp::create(builder, loc, after);
    return SmallVector<Value>(loop.getResults().begin(), loop.getResults().end());
  }

  /// Finds the op that puts two parts of each result together, and what it starts from; false if there is none.
  bool findCombiners() {
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

  Value combine(size_t index, Value left, Value right) {
    Operation *combined = builder.clone(*combiners[index]);
    combined->setOperands({left, right});
    return combined->getResult(0);
  }

  /// One point of the parallel loops: every thread adds a part, then halves of the threads add those of the others.
  void writeTogether() {
    SmallVector<Value> start = llvm::map_to_vector(
        neutral, [&](TypedAttr value) -> Value { return arith::ConstantOp::create(builder, loc, value); });
    auto loop = scf::ForOp::create(builder, loc, thread, indexConstant(builder, loc, steps),
                                   indexConstant(builder, loc, team), start);
    {
      OpBuilder::InsertionGuard guard(builder);
      builder.setInsertionPointToStart(loop.getBody());
      setPositions(reductionLoops, positionsOf(builder, loc, loop.getInductionVar(), reductionExtents));
      SmallVector<Value> before(loop.getRegionIterArgs().begin(), loop.getRegionIterArgs().end());
      scf::YieldOp::create(builder, loc, writeBody(before));
    }
    SmallVector<Value> parts;
    for (Value part : loop.getResults()) {
      parts.push_back(shareMemory(builder, loc, MemRefType::get({team}, part.getType())));
      memref::StoreOp::create(builder, loc, part, parts.back(), thread);
    }
    meet(builder, loc);
    for (int64_t half = team / 2; half >= 1; half /= 2)
      addHalf(parts, half);
    Value isFirst =
        arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq, thread, indexConstant(builder, loc, 0));
    auto last = scf::IfOp::create(builder, loc, isFirst, /*withElseRegion=*/false);
    {
      OpBuilder::InsertionGuard guard(builder);
      builder.setInsertionPointToStart(last.thenBlock());
      SmallVector<Value> sums;
      for (auto [index, init] : llvm::enumerate(op.getDpsInitsMutable())) {
        Value part = memref::LoadOp::create(builder, loc, parts[index], thread);
        sums.push_back(combine(index, load(init), part));
      }
      store(sums);
    }
    // The next point uses the same memory.
    meet(builder, loc);
  }

  void addHalf(ArrayRef<Value> parts, int64_t half) {
    Value count = indexConstant(builder, loc, half);
    Value adds = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ult, thread, count);
    auto branch = scf::IfOp::create(builder, loc, adds, /*withElseRegion=*/false);
    {
      OpBuilder::InsertionGuard guard(builder);
      builder.setInsertionPointToStart(branch.thenBlock());
      Value other = arith::AddIOp::create(builder, loc, thread, count);
      for (auto [index, memory] : llvm::enumerate(parts)) {
        Value left = memref::LoadOp::create(builder, loc, memory, thread);
        Value right = memref::LoadOp::create(builder, loc, memory, other);
        memref::StoreOp::create(builder, loc, combine(index, left, right), memory, thread);
      }
    }
    meet(builder, loc);
  }

  linalg::LinalgOp op;
  OpBuilder builder;
  Location loc;
  Value thread;
  int64_t team;
  Block *body;
  SmallVector<Value> ivs;
  SmallVector<unsigned> parallelLoops, reductionLoops;
  SmallVector<int64_t> reductionExtents;
  int64_t results = 1, steps = 1;
  SmallVector<Operation *> combiners;
  SmallVector<TypedAttr> neutral;
};

} // namespace

void writeTeamLoops(linalg::LinalgOp op, ArrayRef<Value> fixed, Value thread, int64_t team) {
  TeamLoopWriter(op, thread, team).run(fixed);
}

} // namespace raddle
