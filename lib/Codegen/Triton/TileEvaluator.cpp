#include "TileEvaluator.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/SmallBitVector.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace raddle {

/// Tensors at places that a kernel may ask for. More make code that nobody wants to wait for.
static constexpr unsigned kMostComputed = 2000;

Value TileEvaluator::refuse(const Twine &reason) {
  if (why.empty())
    why = reason.str();
  return {};
}

AffineExpr TileEvaluator::wholeRange(unsigned axis, int64_t extent) {
  AffineExpr &known = ranges[{axis, extent}];
  if (!known) {
    TilePoints::Inside inside(points, points.scopeOf({}, {}));
    known = points.addVariable(tiles.range(axis, tile[axis]), extent, extent != tile[axis]);
  }
  return known;
}

Value TileEvaluator::valueAt(Value tensor, const Place &place, const Bounds &bounds) {
  if (!why.empty())
    return {};
  TilePoints::Inside inside(points, points.scopeOf(place, bounds));
  Scope *scope = points.current();
  std::vector<const void *> key = keyOf(tensor.getAsOpaquePointer(), place, bounds);
  if (auto found = scope->known.find(key); found != scope->known.end())
    return found->second;
  if (++numComputed > kMostComputed)
    return refuse("it asks for more than " + Twine(kMostComputed) + " tensors at other places");
  Value value = compute(tensor, place, bounds);
  return scope->known[key] = value;
}

Value TileEvaluator::load(BlockArgument argument, const Place &place, const Bounds &bounds) {
  auto type = cast<RankedTensorType>(argument.getType());
  AffineExpr position = points.flatten(place, type.getShape());
  reads.push_back({argument.getArgNumber(), position});
  return tiles.load(pointers[argument.getArgNumber()], tiles.translate(type.getElementType()), points.tileOf(position),
                    points.maskOf(place, bounds));
}

/// A tensor that has `source` at its offsets, and elsewhere the elements of `around`, or one value.
Value TileEvaluator::part(Value source, Value around, OpFoldResult outside, ArrayRef<int64_t> offsets,
                          ArrayRef<int64_t> sizes, const llvm::SmallBitVector &dropped, const Place &place,
                          const Bounds &bounds) {
  Place own;
  Bounds within = bounds, added;
  ArrayRef<int64_t> shape = cast<RankedTensorType>(around ? around.getType() : source.getType()).getShape();
  for (size_t dim = 0; dim < place.size(); ++dim) {
    AffineExpr position = place[dim] - offsets[dim];
    if (!around || sizes[dim] != shape[dim])
      added.push_back({position, 0, sizes[dim]});
    if (!dropped.test(dim))
      own.push_back(position);
  }
  within.append(added);
  Value inner = valueAt(source, own, within);
  if (!inner || added.empty())
    return inner;
  Value outer;
  if (around)
    outer = valueAt(around, place, bounds);
  else
    outer = tiles.constant(cast<TypedAttr>(cast<Attribute>(outside)));
  if (!outer)
    return {};
  return tiles.apply("arith.select", {points.maskOf({}, added), inner, outer}, elementOf(inner));
}

static bool allStatic(ArrayRef<int64_t> values) { return !llvm::is_contained(values, ShapedType::kDynamic); }
static bool allOne(ArrayRef<int64_t> values) {
  return llvm::all_of(values, [](int64_t value) { return value == 1; });
}

Value TileEvaluator::compute(Value tensor, const Place &place, const Bounds &bounds) {
  if (auto argument = dyn_cast<BlockArgument>(tensor))
    return isa<FunctionOpInterface>(argument.getOwner()->getParentOp()) ? load(argument, place, bounds)
                                                                        : refuse("it has a loop of 'scf'");
  Type element = tiles.translate(cast<RankedTensorType>(tensor.getType()).getElementType());
  Operation *op = tensor.getDefiningOp();
  return llvm::TypeSwitch<Operation *, Value>(op)
      .Case<linalg::GenericOp>(
          [&](auto generic) { return this->generic(generic, cast<OpResult>(tensor).getResultNumber(), place, bounds); })
      .Case<scf::ForOp>([&](scf::ForOp loop) -> Value {
        std::optional<ScatteredRows> rows = ScatteredRows::match(loop);
        return rows ? scattered(*rows, place, bounds) : refuse("it has an 'scf.for'");
      })
      .Case<linalg::FillOp>([&](auto fill) {
        Body none;
        none.bounds = bounds;
        return scalarOf(fill.value(), none);
      })
      .Case<tensor::EmptyOp>(
          [&](auto) { return isa<FloatType>(element) ? tiles.floating(element, 0) : tiles.integer(element, 0); })
      .Case<tensor::ExtractSliceOp>([&](tensor::ExtractSliceOp slice) -> Value {
        if (!allStatic(slice.getStaticOffsets()) || !allStatic(slice.getStaticStrides()))
          return refuse("it takes a slice at a computed place");
        llvm::SmallBitVector dropped = slice.getDroppedDims();
        Place source;
        size_t next = 0;
        for (auto [dim, offset] : llvm::enumerate(slice.getStaticOffsets())) {
          AffineExpr own = dropped.test(dim) ? getAffineConstantExpr(0, points.context) : place[next++];
          source.push_back(own * slice.getStaticStrides()[dim] + offset);
        }
        return valueAt(slice.getSource(), source, bounds);
      })
      .Case<tensor::InsertSliceOp>([&](tensor::InsertSliceOp insert) -> Value {
        if (!allStatic(insert.getStaticOffsets()) || !allOne(insert.getStaticStrides()))
          return refuse("it puts a slice at a computed place, or with gaps");
        return part(insert.getSource(), insert.getDest(), {}, insert.getStaticOffsets(), insert.getStaticSizes(),
                    insert.getDroppedDims(), place, bounds);
      })
      .Case<tensor::PadOp>([&](tensor::PadOp pad) -> Value {
        auto value = pad.getConstantPaddingValue();
        auto constant = value ? value.getDefiningOp<arith::ConstantOp>() : arith::ConstantOp();
        if (!constant || !allStatic(pad.getStaticLow()))
          return refuse("it pads with what is no constant");
        return part(pad.getSource(), {}, constant.getValue(), pad.getStaticLow(), pad.getSourceType().getShape(),
                    llvm::SmallBitVector(place.size()), place, bounds);
      })
      .Case<tensor::ExpandShapeOp>([&](tensor::ExpandShapeOp view) {
        Place source;
        for (const ReassociationIndices &group : view.getReassociationIndices())
          source.push_back(points.flatten(ArrayRef(place).slice(group.front(), group.size()),
                                          view.getResultType().getShape().slice(group.front(), group.size())));
        return valueAt(view.getSrc(), source, bounds);
      })
      .Case<tensor::CollapseShapeOp>([&](tensor::CollapseShapeOp view) {
        // A view without dimensions is of one element.
        Place source(place.empty() ? view.getSrcType().getRank() : 0, getAffineConstantExpr(0, points.context));
        for (auto [group, position] : llvm::zip_equal(view.getReassociationIndices(), place))
          source.append(points.unflatten(position, view.getSrcType().getShape().slice(group.front(), group.size())));
        return valueAt(view.getSrc(), source, bounds);
      })
      .Default([&](Operation *other) { return refuse("it has an '" + other->getName().getStringRef() + "'"); });
}

void TileEvaluator::count(ArrayRef<AffineExpr> place, const Bounds &bounds) {
  TileShape shape = points.shapeAt(place, bounds);
  work += static_cast<double>(points.current()->trips) * static_cast<double>(shape[0] * shape[1]);
}

Value TileEvaluator::generic(linalg::GenericOp op, unsigned result, const Place &place, const Bounds &bounds) {
  AffineMap map = op.getIndexingMapMatchingResult(op->getResult(result));
  Place loops(op.getNumLoops());
  for (auto [expr, at] : llvm::zip_equal(map.getResults(), place)) {
    auto loop = dyn_cast<AffineDimExpr>(expr);
    if (!loop || loops[loop.getPosition()])
      return refuse("its loops meet where they write, as windows that overlap do");
    loops[loop.getPosition()] = at;
  }
  for (auto [loop, iterator] : llvm::zip_equal(loops, op.getIteratorTypesArray()))
    if (!loop && iterator == utils::IteratorType::parallel)
      return refuse("it writes an element more than once");
  if (op.getNumReductionLoops() != 0)
    return reduction(op, result, std::move(loops), bounds);
  Body body{op, std::move(loops), bounds, SmallVector<Value>(op->getNumResults()), llvm::DenseMap<Value, Value>()};
  count(place, bounds);
  return scalarOf(op.getBody()->getTerminator()->getOperand(result), body);
}

} // namespace raddle
