#include "ScatteredRows.h"

#include "TileEvaluator.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace raddle {

/// Rows that are looked through at once.
static constexpr int64_t kScanned = 1024;

/// Whether a slice is one whole row; `number` gets which.
static bool isRow(OffsetSizeAndStrideOpInterface slice, RankedTensorType whole, RankedTensorType row, Value &number) {
  SmallVector<OpFoldResult> offsets = slice.getMixedOffsets();
  number = dyn_cast<Value>(offsets.front());
  return number && row.getShape() == whole.getShape().drop_front() && slice.getStaticSizes().front() == 1 &&
         llvm::all_of(ArrayRef(offsets).drop_front(), isZeroInteger) &&
         llvm::all_of(slice.getMixedStrides(), isOneInteger);
}

std::optional<ScatteredRows> ScatteredRows::match(scf::ForOp loop) {
  std::optional<int64_t> lowest = getConstantIntValue(loop.getLowerBound()), step = getConstantIntValue(loop.getStep()),
                         count = getConstantIntValue(loop.getUpperBound());
  if (lowest != 0 || step != 1 || !count || loop.getNumRegionIterArgs() != 1)
    return std::nullopt;
  Value held = loop.getRegionIterArg(0), index, old;
  auto insert = loop.getYieldedValues()[0].getDefiningOp<tensor::InsertSliceOp>();
  if (!insert || insert.getDest() != held || !isRow(insert, insert.getDestType(), insert.getSourceType(), index))
    return std::nullopt;
  auto add = insert.getSource().getDefiningOp<linalg::GenericOp>();
  if (!add || add->getNumResults() != 1 || add.getNumParallelLoops() != add.getNumLoops() ||
      !add.getIndexingMapMatchingResult(add->getResult(0)).isIdentity())
    return std::nullopt;
  auto before = add.getDpsInits()[0].getDefiningOp<tensor::ExtractSliceOp>();
  if (!before || before.getSource() != held || !isRow(before, before.getSourceType(), before.getType(), old) ||
      old != index)
    return std::nullopt;
  ScatteredRows found{loop, index, add, {}, *count};
  for (Value input : add.getDpsInputs()) {
    auto row = input.getDefiningOp<tensor::ExtractSliceOp>();
    Value number;
    if (!row || loop->isAncestor(row.getSource().getParentBlock()->getParentOp()) ||
        !isRow(row, row.getSourceType(), row.getType(), number) || number != loop.getInductionVar())
      return std::nullopt;
    found.tensors.push_back(row.getSource());
  }
  return found;
}

/// What `compute` gives if an element of the mask is set, else the other tile, of the same type.
Value TileEvaluator::whereAny(Value mask, Value otherwise, llvm::function_ref<Value()> compute) {
  auto branch =
      scf::IfOp::create(tiles.builder, tiles.loc, otherwise.getType(), tiles.any(mask), /*withElseRegion=*/true);
  std::unique_ptr<Scope> scope = points.begin(branch, branch.thenBlock(), 1);
  Value value = compute();
  points.end(branch, value ? value : otherwise);
  OpBuilder::InsertionGuard guard(tiles.builder);
  tiles.builder.setInsertionPointToEnd(branch.elseBlock());
  scf::YieldOp::create(tiles.builder, tiles.loc, otherwise);
  return branch.getResult(0);
}

/// The rows that go to row `place[0]`, in their order. A program looks through the indices of all rows, many at once;
/// where some are its own it makes a list of them, and reads rows from the list, some at once. So the time of a row
/// that many go to, which all others wait for, is that of reading those.
Value TileEvaluator::scattered(ScatteredRows rows, const Place &place, const Bounds &bounds) {
  std::optional<Combiner> combiner = combinerOf(rows.add, 0);
  TileShape shape = points.shapeAt(place, bounds);
  if (!combiner || shape[0] != 1 || tile[0] == 1)
    return refuse("its rows are put together in another way than by sums of rows");
  Type element = elementOf(tiles.constant(combiner->neutral)), i32 = tiles.builder.getI32Type();
  Type summed = isa<FloatType>(element) && element.getIntOrFloatBitWidth() < 32 ? tiles.builder.getF32Type() : element;
  auto widen = [&](Value value) { return isa<FloatType>(element) ? tiles.castFloat(value, summed) : value; };
  Value zero = tiles.repeat(widen(tiles.constant(combiner->neutral)), shape);
  int64_t step = tile[0], scan = std::min<int64_t>(std::max<int64_t>(llvm::PowerOf2Ceil(rows.count), step), kScanned);

  // Which of the rows `number`, a variable, go to the place's row.
  auto isOwn = [&](AffineExpr number) -> Value {
    positions[rows.loop.getInductionVar()] = number;
    Body body;
    body.loops.push_back(number);
    Value index = scalarOf(rows.index, body);
    positions.erase(rows.loop.getInductionVar());
    if (!index)
      return {};
    return points.maskOf(number, {Bound{points.addSymbol(index, number) - place[0], 0, 1}});
  };
  auto contribution = [&](AffineExpr number) -> Value {
    Body body{rows.add, Place(place.begin() + 1, place.end()), bounds, SmallVector<Value>(1),
              llvm::DenseMap<Value, Value>()};
    for (auto [position, tensor] : llvm::enumerate(rows.tensors)) {
      Place from{number};
      AffineMap map = rows.add.getIndexingMapsArray()[position];
      for (AffineExpr expr : map.getResults())
        from.push_back(expr.replaceDims(body.loops));
      body.known[rows.add.getBody()->getArgument(position)] = valueAt(tensor, from, bounds);
    }
    Value value = why.empty() ? scalarOf(combiner->value, body) : Value();
    if (!value)
      return {};
    Value kept = tiles.apply(
        "arith.select", {points.maskOf(number, {}), widen(value), widen(tiles.constant(combiner->neutral))}, summed);
    return tiles.reduce(tiles.repeat(kept, {step, shape[1]}), 0, combiner->name);
  };

  scf::ForOp outer = tiles.loop(rows.count, scan, zero);
  std::unique_ptr<Scope> outerScope = points.begin(outer, outer.getBody(), llvm::divideCeil(rows.count, scan));
  Value sum = outer.getRegionIterArg(0);
  Value numbers = tiles.apply("arith.addi", {tiles.splat(outer.getInductionVar()), tiles.range(1, scan)});
  AffineExpr scanned = points.addVariable(numbers, rows.count, rows.count % scan != 0);
  Value own = isOwn(scanned);
  // Which rows are added up in the end nobody knows; each of them is read once.
  count(scanned, {});
  if (own) {
    own = tiles.repeat(own, {1, scan});
    sum = whereAny(own, sum, [&]() -> Value {
      Value listed = tiles.runningSum(tiles.castInteger(own, i32, /*isUnsigned=*/true), 1);
      scf::ForOp inner = tiles.loop(tiles.count(own), step, sum);
      std::unique_ptr<Scope> innerScope = points.begin(inner, inner.getBody(), 1);
      Value next = inner.getRegionIterArg(0), one = tiles.integer(i32, 1), none = tiles.integer(i32, rows.count);
      Value places = tiles.apply("arith.addi", {tiles.splat(inner.getInductionVar()), tiles.range(0, step)});
      Value here = tiles.compare(arith::CmpIPredicate::eq, listed, tiles.apply("arith.addi", {places, one}));
      here = tiles.apply("arith.andi", {here, own});
      Value chosen = tiles.reduce(tiles.apply("arith.select", {here, numbers, none}, i32), 1, "arith.minsi");
      Value added = contribution(points.addVariable(chosen, rows.count, /*isPadded=*/true));
      points.end(inner, added ? tiles.apply(combiner->name, {next, added}) : next);
      return inner.getResult(0);
    });
  }
  points.end(outer, sum);
  if (!why.empty())
    return {};
  Value total = outer.getResult(0);
  total = isa<FloatType>(element) ? tiles.castFloat(total, element) : total;
  Value init = valueAt(rows.loop.getInitArgs()[0], place, bounds);
  return init ? tiles.apply(combiner->name, {init, total}) : Value();
}

} // namespace raddle
