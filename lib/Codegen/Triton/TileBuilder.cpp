#include "TileBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/MLIRContext.h"

using namespace mlir;

namespace raddle {

std::unique_ptr<MLIRContext> createTritonContext() {
  auto context = std::make_unique<MLIRContext>(MLIRContext::Threading::DISABLED);
  context->allowUnregisteredDialects();
  context->loadDialect<arith::ArithDialect, math::MathDialect, scf::SCFDialect>();
  return context;
}

TileShape unite(TileShape a, TileShape b) { return {std::max(a[0], b[0]), std::max(a[1], b[1])}; }

TileShape shapeOf(Value tile) {
  ArrayRef<int64_t> shape = cast<RankedTensorType>(tile.getType()).getShape();
  return {shape[0], shape[1]};
}

Type elementOf(Value tile) { return cast<RankedTensorType>(tile.getType()).getElementType(); }

static RankedTensorType tileType(TileShape shape, Type element) { return RankedTensorType::get(shape, element); }

TileBuilder::TileBuilder(MLIRContext *context) : builder(context), loc(UnknownLoc::get(context)) {}

Type TileBuilder::translate(Type type) {
  if (type.isIndex())
    return builder.getI64Type();
  if (auto integer = dyn_cast<IntegerType>(type))
    return builder.getIntegerType(integer.getWidth());
  if (type.isF16())
    return builder.getF16Type();
  if (type.isBF16())
    return builder.getBF16Type();
  return type.isF64() ? Type(builder.getF64Type()) : builder.getF32Type();
}

Type TileBuilder::stored(Type element) { return element.isInteger(1) ? builder.getI8Type() : element; }

Operation *TileBuilder::create(StringRef name, ValueRange operands, TypeRange results,
                               ArrayRef<NamedAttribute> attributes, unsigned regions) {
  OperationState state(loc, name, operands, results, attributes);
  for (unsigned i = 0; i < regions; ++i)
    state.addRegion();
  return builder.create(state);
}

Value TileBuilder::constant(TypedAttr value) {
  if (auto integer = dyn_cast<IntegerAttr>(value))
    return this->integer(translate(integer.getType()), integer.getValue().getSExtValue());
  Type type = translate(value.getType());
  auto dense = DenseElementsAttr::get(tileType({1, 1}, type), FloatAttr::get(type, cast<FloatAttr>(value).getValue()));
  return arith::ConstantOp::create(builder, loc, dense);
}

Value TileBuilder::integer(Type type, int64_t value) {
  APInt bits(type.getIntOrFloatBitWidth(), value, /*isSigned=*/true, /*implicitTrunc=*/true);
  return arith::ConstantOp::create(builder, loc, DenseElementsAttr::get(tileType({1, 1}, type), bits));
}

Value TileBuilder::floating(Type type, double value) {
  auto dense = DenseElementsAttr::get(tileType({1, 1}, type), FloatAttr::get(type, value));
  return arith::ConstantOp::create(builder, loc, dense);
}

Value TileBuilder::range(unsigned axis, int64_t size) {
  if (size == 1)
    return integer(builder.getI32Type(), 0);
  Type i32 = builder.getI32Type();
  Value line = create("tt.make_range", {}, RankedTensorType::get({size}, i32),
                      {builder.getNamedAttr("start", builder.getI32IntegerAttr(0)),
                       builder.getNamedAttr("end", builder.getI32IntegerAttr(static_cast<int32_t>(size)))})
                   ->getResult(0);
  TileShape shape{1, 1};
  shape[axis] = size;
  return create("tt.expand_dims", line, tileType(shape, i32),
                builder.getNamedAttr("axis", builder.getI32IntegerAttr(1 - static_cast<int32_t>(axis))))
      ->getResult(0);
}

Value TileBuilder::programNumber() {
  return splat(
      create("tt.get_program_id", {}, builder.getI32Type(), builder.getNamedAttr("axis", builder.getI32IntegerAttr(0)))
          ->getResult(0));
}

Value TileBuilder::splat(Value scalar) {
  return create("tt.splat", scalar, tileType({1, 1}, scalar.getType()))->getResult(0);
}

Value TileBuilder::repeat(Value tile, TileShape shape) {
  if (shapeOf(tile) == shape)
    return tile;
  return create("tt.broadcast", tile, tileType(shape, elementOf(tile)))->getResult(0);
}

Value TileBuilder::apply(StringRef name, ValueRange tiles, Type element, ArrayRef<NamedAttribute> attributes) {
  TileShape shape{1, 1};
  for (Value tile : tiles)
    shape = unite(shape, shapeOf(tile));
  SmallVector<Value> operands;
  for (Value tile : tiles)
    operands.push_back(repeat(tile, shape));
  return create(name, operands, tileType(shape, element ? element : elementOf(tiles[0])), attributes)->getResult(0);
}

Value TileBuilder::compare(arith::CmpIPredicate predicate, Value a, Value b) {
  return apply("arith.cmpi", {a, b}, builder.getI1Type(),
               builder.getNamedAttr("predicate", builder.getI64IntegerAttr(static_cast<int64_t>(predicate))));
}

Value TileBuilder::callLibrary(StringRef symbol, ValueRange tiles) {
  return apply("tt.extern_elementwise", tiles, {},
               {builder.getNamedAttr("libname", builder.getStringAttr("")),
                builder.getNamedAttr("libpath", builder.getStringAttr("")),
                builder.getNamedAttr("pure", builder.getBoolAttr(true)),
                builder.getNamedAttr("symbol", builder.getStringAttr(symbol))});
}

Value TileBuilder::castInteger(Value tile, Type type, bool isUnsigned) {
  unsigned from = elementOf(tile).getIntOrFloatBitWidth(), to = type.getIntOrFloatBitWidth();
  if (from == to)
    return tile;
  return apply(from > to ? "arith.trunci" : isUnsigned ? "arith.extui" : "arith.extsi", tile, type);
}

Value TileBuilder::castFloat(Value tile, Type type) {
  unsigned from = elementOf(tile).getIntOrFloatBitWidth(), to = type.getIntOrFloatBitWidth();
  if (elementOf(tile) == type)
    return tile;
  if (from == to)
    return castFloat(castFloat(tile, builder.getF32Type()), type);
  return apply(from > to ? "arith.truncf" : "arith.extf", tile, type);
}

Type TileBuilder::pointerTo(Type element) {
  std::string text;
  llvm::raw_string_ostream(text) << "ptr<" << stored(element) << ">";
  return OpaqueType::get(builder.getStringAttr("tt"), text);
}

Value TileBuilder::addresses(Value base, Value offsets, TileShape shape) {
  Value pointers = create("tt.splat", base, tileType(shape, base.getType()))->getResult(0);
  return create("tt.addptr", {pointers, repeat(offsets, shape)}, pointers.getType())->getResult(0);
}

/// What loads and stores leave to the hardware.
static SmallVector<NamedAttribute> memoryAttributes(OpBuilder &builder, ArrayRef<int32_t> operands) {
  return {builder.getNamedAttr("operandSegmentSizes", builder.getDenseI32ArrayAttr(operands)),
          builder.getNamedAttr("boundaryCheck", builder.getDenseI32ArrayAttr({})),
          builder.getNamedAttr("cache", builder.getI32IntegerAttr(1)),
          builder.getNamedAttr("evict", builder.getI32IntegerAttr(1))};
}

Value TileBuilder::load(Value base, Type element, Value offsets, Value mask) {
  TileShape shape = mask ? unite(shapeOf(offsets), shapeOf(mask)) : shapeOf(offsets);
  SmallVector<Value> operands{addresses(base, offsets, shape)};
  Type held = stored(element);
  if (mask) {
    Value zero = isa<FloatType>(held) ? floating(held, 0) : integer(held, 0);
    operands.append({repeat(mask, shape), repeat(zero, shape)});
  }
  SmallVector<NamedAttribute> attributes = memoryAttributes(builder, {1, mask ? 1 : 0, mask ? 1 : 0});
  attributes.push_back(builder.getNamedAttr("isVolatile", builder.getBoolAttr(false)));
  Value loaded = create("tt.load", operands, tileType(shape, held), attributes)->getResult(0);
  if (held == element)
    return loaded;
  return compare(arith::CmpIPredicate::ne, loaded, integer(held, 0));
}

void TileBuilder::store(Value base, Value offsets, Value tile, Value mask) {
  TileShape shape = unite(shapeOf(offsets), shapeOf(tile));
  if (mask)
    shape = unite(shape, shapeOf(mask));
  if (elementOf(tile).isInteger(1))
    tile = castInteger(tile, builder.getI8Type(), /*isUnsigned=*/true);
  SmallVector<Value> operands{addresses(base, offsets, shape), repeat(tile, shape)};
  if (mask)
    operands.push_back(repeat(mask, shape));
  create("tt.store", operands, {}, memoryAttributes(builder, {1, 1, mask ? 1 : 0}));
}

static NamedAttribute axisAttribute(OpBuilder &builder, unsigned axis) {
  return builder.getNamedAttr("axis", builder.getI32IntegerAttr(static_cast<int32_t>(axis)));
}

/// A reduction or a scan, whose region combines two elements.
Value TileBuilder::combine(StringRef name, Value tile, Type result, StringRef combiner,
                           ArrayRef<NamedAttribute> attributes) {
  Type element = elementOf(tile);
  Operation *op = create(name, tile, result, attributes, 1);
  OpBuilder::InsertionGuard guard(builder);
  Block *body = builder.createBlock(&op->getRegion(0), {}, {element, element}, {loc, loc});
  Value both = create(combiner, body->getArguments(), element)->getResult(0);
  create((name + ".return").str(), both, {});
  return op->getResult(0);
}

Value TileBuilder::reduceAlong(Value tile, unsigned axis, Type result, StringRef combiner) {
  return combine("tt.reduce", tile, result, combiner, axisAttribute(builder, axis));
}

Value TileBuilder::reduce(Value tile, unsigned axis, StringRef combiner) {
  TileShape shape = shapeOf(tile);
  Type element = elementOf(tile);
  Value line = reduceAlong(tile, axis, RankedTensorType::get({shape[1 - axis]}, element), combiner);
  shape[axis] = 1;
  return create("tt.expand_dims", line, tileType(shape, element), axisAttribute(builder, axis))->getResult(0);
}

Value TileBuilder::runningSum(Value tile, unsigned axis) {
  return combine("tt.scan", tile, tile.getType(), "arith.addi",
                 {axisAttribute(builder, axis), builder.getNamedAttr("reverse", builder.getBoolAttr(false))});
}

Value TileBuilder::number(int64_t value) {
  return arith::ConstantOp::create(builder, loc, builder.getI32IntegerAttr(static_cast<int32_t>(value)));
}

Value TileBuilder::count(Value tile) {
  Type i32 = builder.getI32Type();
  StringRef combiner = "arith.addi";
  Value line = reduceAlong(castInteger(tile, i32, /*isUnsigned=*/true), 1,
                           RankedTensorType::get({shapeOf(tile)[0]}, i32), combiner);
  return reduceAlong(line, 0, i32, combiner);
}

Value TileBuilder::any(Value tile) {
  return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ne, count(tile), number(0));
}

scf::ForOp TileBuilder::loop(int64_t end, int64_t step, ValueRange inits) { return loop(number(end), step, inits); }

scf::ForOp TileBuilder::loop(Value end, int64_t step, ValueRange inits) {
  auto loop = scf::ForOp::create(builder, loc, number(0), end, number(step), inits);
  // Without values to carry it gets a terminator of its own.
  if (inits.empty())
    loop.getBody()->getTerminator()->erase();
  return loop;
}

} // namespace raddle
