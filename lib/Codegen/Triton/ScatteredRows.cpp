#include "ScatteredRows.h"

#include "TileEvaluator.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace raddle {

/// Rows that are looked through at once.
static constexpr int64_t kScanned = 512;

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
  if (!insert || insert.getDest() != held ||
      !isRow(insert, insert.getDestType(), insert.getSourceType(), index))
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

/// The rows that go to row `place[0]`, in their order. A program looks through the indices of all rows, many at once,
/// and where one is its own, for which rows it is.
Value TileEvaluator::scattered(ScatteredRows rows, const Place &place, const Bounds &bounds) {
  std::optional<Combiner> combiner = combinerOf(rows.add, 0);
  TileShape shape = points.shapeAt(place, bounds);
  if (!combiner || shape[0] != 1 || tile[0] == 1)
    return refuse("its rows are put together in another way than by sums of rows");
  Type element = elementOf(tiles.constant(combiner->neutral));
  Type summed = isa<FloatType>(element) && element.getIntOrFloatBitWidth() < 32 ? tiles.builder.getF32Type() : element;
  auto widen = [&](Value value) { return isa<FloatType>(element) ? tiles.castFloat(value, summed) : value; };
  Value zero = tiles.repeat(widen(tiles.constant(combiner->neutral)), shape);
  int64_t step = tile[0], scan = std::min<int64_t>(std::max<int64_t>(llvm::PowerOf2Ceil(rows.count), step), kScanned);

  // Which of the rows `number`, a variable, go to the place's row.
  auto isOwn = [&](AffineExpr number) -> std::optional<Bound> {
    positions[rows.loop.getInductionVar()] = number;
    Body body;
    body.loops.push_back(number);
    Value index = scalarOf(rows.index, body);
    if (!index)
      return std::nullopt;
    return Bound{points.addSymbol(index, number) - place[0], 0, 1};
  };
  auto numbersFrom = [&](Value start, unsigned axis, int64_t size) {
    Value numbers = tiles.apply("arith.addi", {start, tiles.range(axis, size)});
    return points.addVariable(numbers, rows.count, rows.count % scan != 0);
  };
  auto contribution = [&](AffineExpr number, const Bound &own) -> Value {
    Bounds within = bounds;
    within.push_back(own);
    Body body{rows.add, Place(place.begin() + 1, place.end()), within, SmallVector<Value>(1),
              llvm::DenseMap<Value, Value>()};
    for (auto [position, tensor] : llvm::enumerate(rows.tensors)) {
      Place from{number};
      AffineMap map = rows.add.getIndexingMapsArray()[position];
      for (AffineExpr expr : map.getResults())
        from.push_back(expr.replaceDims(body.loops));
      body.known[rows.add.getBody()->getArgument(position)] = valueAt(tensor, from, within);
    }
    Value value = why.empty() ? scalarOf(combiner->value, body) : Value();
    if (!value)
      return {};
    Value kept = tiles.apply("arith.select", {points.maskOf(number, {own}), widen(value), widen(tiles.constant(combiner->neutral))}, summed);
    return tiles.reduce(tiles.repeat(kept, {step, shape[1]}), 0, combiner->name);
  };

  scf::ForOp outer = tiles.loop(rows.count, scan, zero);
  std::unique_ptr<Scope> outerScope = points.begin(outer, outer.getBody(), llvm::divideCeil(rows.count, scan));
  Value start = tiles.splat(outer.getInductionVar()), sum = outer.getRegionIterArg(0);
  AffineExpr scanned = numbersFrom(start, 1, scan);
  std::optional<Bound> own = isOwn(scanned);
  // Which rows are added up in the end nobody knows; each of them is read once.
  count(scanned, {});
  if (own)
    sum = whereAny(points.maskOf(scanned, {*own}), sum, [&]() -> Value {
      scf::ForOp inner = tiles.loop(scan, step, sum);
      std::unique_ptr<Scope> innerScope = points.begin(inner, inner.getBody(), 1);
      Value innerStart = tiles.apply("arith.addi", {start, tiles.splat(inner.getInductionVar())});
      AffineExpr number = numbersFrom(innerStart, 0, step);
      std::optional<Bound> hit = isOwn(number);
      Value next = inner.getRegionIterArg(0);
      if (hit)
        next = whereAny(points.maskOf(number, {*hit}), next, [&]() -> Value {
          // A variable of this branch, so that what depends on it is read here.
          AffineExpr here = points.addVariable(points.tileOf(number), rows.count, rows.count % scan != 0);
          Value added = contribution(here, *hit);
          return added ? tiles.apply(combiner->name, {next, added}) : Value();
        });
      points.end(inner, next);
      return inner.getResult(0);
    });
  points.end(outer, sum);
  positions.erase(rows.loop.getInductionVar());
  if (!why.empty())
    return {};
  Value total = outer.getResult(0);
  total = isa<FloatType>(element) ? tiles.castFloat(total, element) : total;
  Value init = valueAt(rows.loop.getInitArgs()[0], place, bounds);
  return init ? tiles.apply(combiner->name, {init, total}) : Value();
}

} // namespace raddle
