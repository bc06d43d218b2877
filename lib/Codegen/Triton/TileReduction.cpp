// Reductions: along the axis of the tile that their result leaves free, or element by element.
#include "TileEvaluator.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace raddle {

/// Steps of a reduction that every element of a tile takes by itself, at most: what is read is read again for each.
static constexpr int64_t kMostSteps = 4096;

/// Whether a value of a body depends on an argument of it.
static bool dependsOn(Value value, BlockArgument argument) {
  if (value == argument)
    return true;
  Operation *op = value.getDefiningOp();
  return op && op->getBlock() == argument.getOwner() &&
         llvm::any_of(op->getOperands(), [&](Value operand) { return dependsOn(operand, argument); });
}

std::optional<Combiner> combinerOf(linalg::GenericOp op, unsigned result) {
  Operation *last = op.getBody()->getTerminator()->getOperand(result).getDefiningOp();
  BlockArgument own = op.getRegionOutputArgs()[result];
  if (!last || last->getBlock() != op.getBody() || last->getNumOperands() != 2)
    return std::nullopt;
  std::optional<TypedAttr> neutral = arith::getNeutralElement(last);
  if (!neutral)
    return std::nullopt;
  for (unsigned side : {0, 1}) {
    Value value = last->getOperand(1 - side);
    bool isPure =
        llvm::none_of(op.getRegionOutputArgs(), [&](BlockArgument argument) { return dependsOn(value, argument); });
    if (last->getOperand(side) == own && isPure)
      return Combiner{last->getName().getStringRef(), *neutral, value};
  }
  return std::nullopt;
}

void TileEvaluator::placeReduced(linalg::GenericOp op, AffineExpr position, Place &loops) {
  SmallVector<int64_t> extents, ranges = op.getStaticLoopRanges();
  SmallVector<unsigned> reduced;
  op.getReductionDims(reduced);
  for (unsigned loop : reduced)
    extents.push_back(ranges[loop]);
  Place places = points.unflatten(position, extents);
  for (auto [loop, place] : llvm::zip_equal(reduced, places))
    loops[loop] = place;
}

Value TileEvaluator::initOf(linalg::GenericOp op, unsigned result, const Place &loops, const Bounds &bounds) {
  Place place;
  for (AffineExpr expr : op.getIndexingMapMatchingResult(op->getResult(result)).getResults())
    place.push_back(loops[cast<AffineDimExpr>(expr).getPosition()]);
  return valueAt(op.getDpsInits()[result], place, bounds);
}

static int64_t reducedPoints(linalg::GenericOp op) {
  SmallVector<unsigned> reduced;
  op.getReductionDims(reduced);
  int64_t count = 1;
  for (unsigned loop : reduced)
    count *= op.getStaticLoopRanges()[loop];
  return count;
}

Value TileEvaluator::reduction(linalg::GenericOp op, unsigned result, Place loops, const Bounds &bounds) {
  Place given;
  for (AffineExpr loop : loops)
    if (loop)
      given.push_back(loop);
  TileShape shape = points.shapeAt(given, bounds);
  std::optional<Combiner> combiner = combinerOf(op, result);
  bool isFree[2] = {shape[0] == 1 && tile[0] > 1, shape[1] == 1 && tile[1] > 1};
  if (combiner && (isFree[0] || isFree[1]))
    return sumUp(op, result, *combiner, std::move(loops), bounds, shape, isFree[1] ? 1 : 0);
  if (reducedPoints(op) > kMostSteps)
    return refuse("each of its elements is a reduction of " + Twine(reducedPoints(op)) + " elements by itself");
  return walk(op, result, std::move(loops), bounds, shape);
}

Value TileEvaluator::sumUp(linalg::GenericOp op, unsigned result, const Combiner &combiner, Place loops,
                           const Bounds &bounds, TileShape shape, unsigned axis) {
  int64_t size = reducedPoints(op), step = tile[axis];
  shape[axis] = step;
  Value neutral = tiles.constant(combiner.neutral);
  Value sum;
  if (size <= step) {
    sum = summand(op, combiner, loops, wholeRange(axis, size), bounds, shape);
  } else {
    scf::ForOp loop = tiles.loop(size, step, tiles.repeat(neutral, shape));
    std::unique_ptr<Scope> scope = points.begin(loop, loop.getBody(), llvm::divideCeil(size, step));
    Value start = tiles.splat(loop.getInductionVar());
    AffineExpr position =
        points.addVariable(tiles.apply("arith.addi", {start, tiles.range(axis, step)}), size, size % step != 0);
    Value value = summand(op, combiner, loops, position, bounds, shape);
    Value next = loop.getRegionIterArg(0);
    if (value)
      next = tiles.apply(combiner.name, {next, value});
    points.end(loop, next);
    sum = value ? loop.getResult(0) : Value();
  }
  return sum ? total(op, result, combiner, sum, axis, loops, bounds) : Value();
}

Value TileEvaluator::summand(linalg::GenericOp op, const Combiner &combiner, Place loops, AffineExpr position,
                             const Bounds &bounds, TileShape shape) {
  placeReduced(op, position, loops);
  Body body{op, std::move(loops), bounds, SmallVector<Value>(op->getNumResults()), llvm::DenseMap<Value, Value>()};
  count(body.loops, bounds);
  Value value = scalarOf(combiner.value, body);
  if (!value)
    return {};
  if (Value mask = points.maskOf(position, {}))
    value = tiles.apply("arith.select", {mask, value, tiles.constant(combiner.neutral)}, elementOf(value));
  return tiles.repeat(value, shape);
}

Value TileEvaluator::total(linalg::GenericOp op, unsigned result, const Combiner &combiner, Value sum, unsigned axis,
                           const Place &loops, const Bounds &bounds) {
  sum = tiles.reduce(sum, axis, combiner.name);
  auto fill = op.getDpsInits()[result].getDefiningOp<linalg::FillOp>();
  Attribute filled;
  if (fill && matchPattern(fill.value(), m_Constant(&filled)) && filled == combiner.neutral)
    return sum;
  Value init = initOf(op, result, loops, bounds);
  return init ? tiles.apply(combiner.name, {init, sum}) : Value();
}

Value TileEvaluator::walk(linalg::GenericOp op, unsigned result, Place loops, const Bounds &bounds, TileShape shape) {
  SmallVector<Value> inits;
  for (unsigned i = 0; i < op->getNumResults(); ++i) {
    Value init = initOf(op, i, loops, bounds);
    if (!init)
      return {};
    inits.push_back(tiles.repeat(init, shape));
  }
  int64_t size = reducedPoints(op);
  scf::ForOp loop = tiles.loop(size, 1, inits);
  std::unique_ptr<Scope> scope = points.begin(loop, loop.getBody(), size);
  AffineExpr position = points.addVariable(tiles.splat(loop.getInductionVar()), size, false);
  Body body{op, loops, bounds, SmallVector<Value>(loop.getRegionIterArgs()), llvm::DenseMap<Value, Value>()};
  placeReduced(op, position, body.loops);
  count(body.loops, bounds);
  SmallVector<Value> next;
  for (Value yielded : op.getBody()->getTerminator()->getOperands()) {
    Value value = scalarOf(yielded, body);
    next.push_back(value ? tiles.repeat(value, shape) : loop.getRegionIterArg(next.size()));
  }
  points.end(loop, next);
  return why.empty() ? loop.getResult(result) : Value();
}

} // namespace raddle
