#include "TilePoints.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/AffineExprVisitor.h"

using namespace mlir;

namespace raddle {

std::vector<const void *> keyOf(const void *what, ArrayRef<AffineExpr> place, const Bounds &bounds) {
  std::vector<const void *> key{what};
  for (AffineExpr expr : place)
    key.push_back(expr.getAsOpaquePointer());
  for (const Bound &bound : bounds)
    for (const void *part : {bound.position.getAsOpaquePointer(), reinterpret_cast<const void *>(bound.lowest),
                             reinterpret_cast<const void *>(bound.end)})
      key.push_back(part);
  return key;
}

TilePoints::TilePoints(TileBuilder &tiles, MLIRContext *kernelContext) : context(kernelContext), tiles(tiles) {}

AffineExpr TilePoints::addVariable(Value tile, int64_t extent, bool isPadded) {
  variables.push_back({tile, extent, isPadded, scope});
  return getAffineDimExpr(variables.size() - 1, context);
}

AffineExpr TilePoints::addSymbol(Value tile, ArrayRef<AffineExpr> from) {
  Symbol symbol{tile, scope, {}};
  llvm::SetVector<unsigned> used;
  collect(from, {}, symbol.variables, used);
  symbols.push_back(std::move(symbol));
  return getAffineSymbolExpr(symbols.size() - 1, context);
}

void TilePoints::collect(AffineExpr expr, llvm::SetVector<unsigned> &dims, llvm::SetVector<unsigned> &read) {
  expr.walk([&](AffineExpr part) {
    if (auto dim = dyn_cast<AffineDimExpr>(part))
      dims.insert(dim.getPosition());
    else if (auto symbol = dyn_cast<AffineSymbolExpr>(part))
      read.insert(symbol.getPosition());
  });
}

void TilePoints::collect(ArrayRef<AffineExpr> place, const Bounds &bounds, llvm::SetVector<unsigned> &dims,
                         llvm::SetVector<unsigned> &read) {
  for (AffineExpr expr : place)
    collect(expr, dims, read);
  for (const Bound &bound : bounds)
    collect(bound.position, dims, read);
  for (unsigned symbol : read)
    dims.insert_range(symbols[symbol].variables);
}

Scope *TilePoints::scopeOf(ArrayRef<AffineExpr> place, const Bounds &bounds) {
  llvm::SetVector<unsigned> dims, read;
  collect(place, bounds, dims, read);
  Scope *deepest = &outermost;
  auto consider = [&](Scope *other) {
    if (other->depth > deepest->depth)
      deepest = other;
  };
  for (unsigned dim : dims)
    consider(variables[dim].scope);
  for (unsigned symbol : read)
    consider(symbols[symbol].scope);
  return deepest;
}

TileShape TilePoints::shapeAt(ArrayRef<AffineExpr> place, const Bounds &bounds) {
  llvm::SetVector<unsigned> dims, read;
  collect(place, bounds, dims, read);
  TileShape shape{1, 1};
  for (unsigned dim : dims)
    shape = unite(shape, shapeOf(variables[dim].tile));
  return shape;
}

TilePoints::Inside::Inside(TilePoints &points, Scope *scope)
    : points(points), guard(points.tiles.builder), before(points.scope) {
  Scope *inner = nullptr;
  for (Scope *at = points.scope; at != scope && at; at = at->parent)
    inner = at;
  // What a loop needs that is still being written stands before the loop.
  if (inner)
    points.tiles.builder.setInsertionPoint(inner->loop);
  points.scope = scope;
}

TilePoints::Inside::~Inside() { points.scope = before; }

std::unique_ptr<Scope> TilePoints::begin(Operation *loop, Block *body, int64_t trips) {
  auto inner = std::make_unique<Scope>();
  inner->parent = scope;
  inner->loop = loop;
  inner->depth = scope->depth + 1;
  inner->trips = scope->trips * trips;
  tiles.builder.setInsertionPointToEnd(body);
  scope = inner.get();
  return inner;
}

void TilePoints::end(Operation *loop, ValueRange results) {
  scf::YieldOp::create(tiles.builder, tiles.loc, results);
  scope = scope->parent;
  tiles.builder.setInsertionPointAfter(loop);
}

Value TilePoints::build(AffineExpr expr) {
  Type i32 = tiles.builder.getI32Type();
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return variables[dim.getPosition()].tile;
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
    return tiles.castInteger(symbols[symbol.getPosition()].tile, i32);
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return tiles.integer(i32, constant.getValue());
  auto binary = cast<AffineBinaryOpExpr>(expr);
  Value left = tileOf(binary.getLHS()), right = tileOf(binary.getRHS());
  switch (expr.getKind()) {
  case AffineExprKind::Add:
    return tiles.apply("arith.addi", {left, right});
  case AffineExprKind::Mul:
    return tiles.apply("arith.muli", {left, right});
  case AffineExprKind::Mod:
    return tiles.apply("arith.remsi", {left, right});
  case AffineExprKind::CeilDiv:
    right = tileOf(binary.getRHS() - 1);
    return tiles.apply("arith.divsi", {tiles.apply("arith.addi", {left, right}), tileOf(binary.getRHS())});
  default:
    return tiles.apply("arith.divsi", {left, right});
  }
}

Value TilePoints::tileOf(AffineExpr expr) {
  Inside inside(*this, scopeOf(expr, {}));
  std::vector<const void *> key = keyOf(this, expr, {});
  if (auto found = scope->known.find(key); found != scope->known.end())
    return found->second;
  Value tile = build(expr);
  return scope->known[key] = tile;
}

Value TilePoints::maskOf(ArrayRef<AffineExpr> place, const Bounds &bounds) {
  llvm::SetVector<unsigned> dims, read;
  collect(place, bounds, dims, read);
  Bounds all;
  for (unsigned dim : dims)
    if (variables[dim].isPadded)
      all.push_back({getAffineDimExpr(dim, context), 0, variables[dim].extent});
  all.append(bounds);
  Value mask;
  auto add = [&](AffineExpr position, arith::CmpIPredicate predicate, int64_t limit) {
    Inside inside(*this, scopeOf(position, {}));
    std::vector<const void *> key = keyOf(this, position, {{position, static_cast<int64_t>(predicate), limit}});
    Value &one = scope->known[key];
    if (!one)
      one = tiles.compare(predicate, tileOf(position), tiles.integer(tiles.builder.getI32Type(), limit));
    return one;
  };
  auto join = [&](Value one) { mask = mask ? tiles.apply("arith.andi", {mask, one}) : one; };
  for (const Bound &bound : all) {
    // Variables are never negative.
    if (bound.lowest > 0 || !isa<AffineDimExpr>(bound.position))
      join(add(bound.position, arith::CmpIPredicate::sge, bound.lowest));
    join(add(bound.position, arith::CmpIPredicate::slt, bound.end));
  }
  return mask;
}

/// A term of a sum: an expression times a number.
static std::pair<AffineExpr, int64_t> splitFactor(AffineExpr term) {
  if (auto product = dyn_cast<AffineBinaryOpExpr>(term); product && term.getKind() == AffineExprKind::Mul)
    if (auto factor = dyn_cast<AffineConstantExpr>(product.getRHS()))
      return {product.getLHS(), factor.getValue()};
  return {term, 1};
}

static void splitSum(AffineExpr expr, int64_t factor, SmallVectorImpl<std::pair<AffineExpr, int64_t>> &terms) {
  if (auto sum = dyn_cast<AffineBinaryOpExpr>(expr); sum && expr.getKind() == AffineExprKind::Add) {
    splitSum(sum.getLHS(), factor, terms);
    return splitSum(sum.getRHS(), factor, terms);
  }
  auto [term, own] = splitFactor(expr);
  if (own != 1)
    return splitSum(term, factor * own, terms);
  terms.push_back({term, factor});
}

/// (e floordiv n) * n + e mod n is e: joins such terms of a sum, with any factor, until there are none.
AffineExpr TilePoints::simplify(AffineExpr expr) {
  SmallVector<std::pair<AffineExpr, int64_t>> terms;
  splitSum(simplifyAffineExpr(expr, variables.size(), symbols.size()), 1, terms);
  auto joinOnce = [&]() {
    for (auto &low : terms) {
      if (low.first.getKind() != AffineExprKind::Mod)
        continue;
      auto rest = cast<AffineBinaryOpExpr>(low.first);
      AffineExpr quotient = rest.getLHS().floorDiv(rest.getRHS());
      auto size = dyn_cast<AffineConstantExpr>(rest.getRHS());
      for (auto &high : terms)
        if (size && high.first == quotient && high.second == low.second * size.getValue()) {
          low.first = rest.getLHS();
          terms.erase(&high);
          return true;
        }
    }
    return false;
  };
  while (joinOnce()) {
  }
  AffineExpr sum = getAffineConstantExpr(0, context);
  for (auto [term, factor] : terms)
    sum = sum + term * factor;
  return sum;
}

AffineExpr TilePoints::flatten(ArrayRef<AffineExpr> place, ArrayRef<int64_t> shape) {
  AffineExpr position = getAffineConstantExpr(0, context);
  for (auto [expr, extent] : llvm::zip_equal(place, shape))
    position = extent == 1 ? position : position * extent + expr;
  return simplify(position);
}

Place TilePoints::unflatten(AffineExpr position, ArrayRef<int64_t> shape) {
  Place place(shape.size(), getAffineConstantExpr(0, context));
  int64_t inner = 1, total = 1;
  for (int64_t extent : shape)
    total *= extent;
  for (size_t dim = shape.size(); dim-- > 0;) {
    // The outermost dimension that moves has nothing to be cut off.
    AffineExpr own = position.floorDiv(inner);
    inner *= shape[dim];
    if (shape[dim] > 1)
      place[dim] = inner == total ? own : own % shape[dim];
  }
  return place;
}

} // namespace raddle
