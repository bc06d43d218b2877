#include "WriteKernel.h"

#include "../CPU/KernelBody.h"
#include "TileEvaluator.h"
#include "TilePlan.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/MLIRContext.h"
#include "raddle/Utils/TensorQueries.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/xxhash.h"

using namespace mlir;

namespace raddle {

namespace {

/// Elements that one program may walk while most of the GPU has nothing to do.
constexpr double kMostAlone = 1 << 17;
constexpr int64_t kFewPrograms = 32;
/// Elements of a row whose sums over a stripe stay in registers.
constexpr int64_t kLongestStripe = 16384;
/// Points may be computed again where that costs no more than this factor, or than a short while.
constexpr double kMostRepeated = 16, kNegligible = 1 << 20;

class KernelWriter {
public:
  KernelWriter(func::FuncOp kernel, const KernelArrays &arrays, MLIRContext *context, std::string &why)
      : kernel(kernel), arrays(arrays), tiles(context), points(tiles, kernel.getContext()),
        stripes(Stripes::match(kernel)), plan(planTiles(kernel, stripes, work)), why(why) {}

  std::optional<TritonKernel> write() {
    OwningOpRef<ModuleOp> module = ModuleOp::create(tiles.loc);
    if (!checkTypes() || !checkPlan())
      return std::nullopt;
    Operation *function = createFunction(*module);
    evaluator.emplace(tiles, points, pointers, plan.tile);
    if (!(stripes ? writeStripes() : writeResults()) || !checkInPlace() || !checkWork())
      return std::nullopt;
    tiles.create("tt.return", {}, {});
    std::string symbol = "kernel_" + llvm::utohexstr(llvm::xxh3_64bits(textOf(*module)), /*LowerCase=*/true, 16);
    function->setAttr("sym_name", tiles.builder.getStringAttr(symbol));
    return TritonKernel{symbol, textOf(*module), plan.programs, plan.warps, repeated};
  }

private:
  static std::string textOf(ModuleOp module) {
    std::string text;
    llvm::raw_string_ostream stream(text);
    module.print(stream, OpPrintingFlags().printGenericOpForm().enableDebugInfo(false).assumeVerified());
    return text;
  }

  bool refuse(const Twine &reason) {
    why = reason.str();
    return false;
  }

  /// Positions in an array are numbers of 32 bits.
  bool checkTypes() {
    for (Type type : llvm::concat<const Type>(kernel.getArgumentTypes(), kernel.getResultTypes())) {
      auto tensor = cast<RankedTensorType>(type);
      Type element = tensor.getElementType();
      bool isKnown = element.isF16() || element.isBF16() || element.isF32() || element.isF64() ||
                     element.isSignlessInteger(1) || element.isSignlessInteger(8) || element.isSignlessInteger(16) ||
                     element.isSignlessInteger(32) || element.isSignlessInteger(64);
      if (!isKnown)
        return refuse("its arrays have elements of type " + llvm::formatv("{0}", element).str());
      if (tensor.getNumElements() == 0)
        return refuse("an array has no elements");
      if (tensor.getNumElements() > std::numeric_limits<int32_t>::max() / 2)
        return refuse("an array has " + Twine(tensor.getNumElements()) + " elements, 2^30 are the most");
    }
    return kernel.getNumResults() != 0 || refuse("it has no results");
  }

  bool checkPlan() {
    if (stripes && plan.tile[1] > kLongestStripe)
      return refuse("its rows have " + Twine(stripes->columns) + " elements, too many to sum stripes of them");
    if (plan.programs < kFewPrograms && work / static_cast<double>(plan.programs) > kMostAlone)
      return refuse("it would be " + Twine(plan.programs) + " programs of " +
                    Twine(static_cast<int64_t>(work / static_cast<double>(plan.programs))) +
                    " elements each, too few for a GPU");
    return true;
  }

  bool checkWork() {
    double done = evaluator->work * static_cast<double>(plan.programs);
    repeated = done > kNegligible ? done / work : 1;
    if (repeated > kMostRepeated)
      return refuse("it would compute " + Twine(static_cast<int64_t>(done / work)) + " times what it has to");
    return true;
  }

  /// A function of a pointer an array, inputs first, and the builder at its end.
  Operation *createFunction(ModuleOp module) {
    OpBuilder &builder = tiles.builder;
    builder.setInsertionPointToEnd(module.getBody());
    SmallVector<Type> types;
    SmallVector<Attribute> attributes;
    for (auto [number, type] :
         llvm::enumerate(llvm::concat<const Type>(kernel.getArgumentTypes(), kernel.getResultTypes()))) {
      types.push_back(tiles.pointerTo(tiles.translate(getElementTypeOrSelf(type))));
      int64_t alignment = number < arrays.alignment.size() ? arrays.alignment[number] : 1;
      // More than 16 bytes at once no access takes.
      attributes.push_back(builder.getDictionaryAttr(builder.getNamedAttr(
          "tt.divisibility", builder.getI32IntegerAttr(static_cast<int32_t>(std::min<int64_t>(alignment, 16))))));
    }
    Operation *function =
        tiles.create("tt.func", {}, {},
                     {builder.getNamedAttr("sym_name", builder.getStringAttr("kernel")),
                      builder.getNamedAttr("sym_visibility", builder.getStringAttr("public")),
                      builder.getNamedAttr("function_type", TypeAttr::get(builder.getFunctionType(types, {}))),
                      builder.getNamedAttr("arg_attrs", builder.getArrayAttr(attributes))},
                     1);
    Block *body =
        builder.createBlock(&function->getRegion(0), {}, types, SmallVector<Location>(types.size(), tiles.loc));
    pointers.assign(body->args_begin(), body->args_end());
    return function;
  }

  ArrayRef<int64_t> shapeOf(unsigned result) {
    return cast<RankedTensorType>(kernel.getResultTypes()[result]).getShape();
  }
  unsigned pointDims(unsigned result) { return std::min<unsigned>(plan.pointDims, shapeOf(result).size()); }
  int64_t innerSize(unsigned result) {
    return ShapedType::getNumElements(shapeOf(result).drop_front(pointDims(result)));
  }

  /// The variable of the points of a result: of all programs together, as many as it has.
  AffineExpr pointOf(unsigned result, Value numbers) {
    int64_t count = ShapedType::getNumElements(shapeOf(result).take_front(pointDims(result)));
    AffineExpr &known = pointsOf[count];
    if (!known)
      known = points.addVariable(numbers, count, plan.programs / plan.parts * plan.perProgram != count);
    return known;
  }

  Place placeOf(unsigned result, AffineExpr point, AffineExpr inner) {
    Place place = points.unflatten(point, shapeOf(result).take_front(pointDims(result)));
    place.append(points.unflatten(inner, shapeOf(result).drop_front(pointDims(result))));
    return place;
  }

  Value valueOf(unsigned result, const Place &place) {
    return evaluator->valueAt(kernel.getBody().front().getTerminator()->getOperand(result), place, {});
  }

  void store(unsigned result, const Place &place, Value value) {
    AffineExpr position = points.flatten(place, shapeOf(result));
    written[result] = position;
    tiles.store(pointers[kernel.getNumArguments() + result], points.tileOf(position), value, points.maskOf(place, {}));
  }

  /// Computes all results that a tile holds before it writes one: what is written may lie over what is read.
  bool writeResults() {
    Value numbers = tiles.range(plan.axis, plan.perProgram);
    unsigned innerAxis = 1 - plan.axis;
    AffineExpr ownPart;
    if (plan.programs > 1) {
      Value program = tiles.programNumber();
      if (plan.parts > 1) {
        Value parts = i32(plan.parts);
        ownPart =
            partAt(tiles.apply("arith.muli", {tiles.apply("arith.remsi", {program, parts}), i32(plan.tile[innerAxis])}),
                   innerSize(0));
        program = tiles.apply("arith.divsi", {program, parts});
      }
      numbers = tiles.apply("arith.addi", {tiles.apply("arith.muli", {program, i32(plan.perProgram)}), numbers});
    }
    written.resize(kernel.getNumResults());
    SmallVector<std::tuple<unsigned, Place, Value>> ready;
    SmallVector<unsigned> longer;
    for (unsigned result = 0; result < kernel.getNumResults(); ++result) {
      int64_t size = innerSize(result);
      if (size > plan.tile[innerAxis] && !ownPart) {
        longer.push_back(result);
        continue;
      }
      AffineExpr inner = ownPart     ? ownPart
                         : size == 1 ? getAffineConstantExpr(0, points.context)
                                     : evaluator->wholeRange(innerAxis, size);
      Place place = placeOf(result, pointOf(result, numbers), inner);
      ready.emplace_back(result, place, valueOf(result, place));
    }
    if (evaluator->why.empty())
      for (auto &[result, place, value] : ready)
        store(result, place, value);
    for (unsigned result : longer)
      writeInParts(result, pointOf(result, numbers), innerAxis);
    return evaluator->why.empty() || refuse(evaluator->why);
  }

  Value i32(int64_t value) { return tiles.integer(tiles.builder.getI32Type(), value); }

  /// The variable of what belongs to a point from `start` on, as much as a tile has room for, of `size` elements.
  AffineExpr partAt(Value start, int64_t size) {
    unsigned axis = 1 - plan.axis;
    Value numbers = tiles.apply("arith.addi", {start, tiles.range(axis, plan.tile[axis])});
    return points.addVariable(numbers, size, size % plan.tile[axis] != 0);
  }

  /// Walks rows that are longer than a tile.
  void writeInParts(unsigned result, AffineExpr point, unsigned axis) {
    int64_t size = innerSize(result), step = plan.tile[axis];
    scf::ForOp loop = tiles.loop(size, step, {});
    std::unique_ptr<Scope> scope = points.begin(loop, loop.getBody(), llvm::divideCeil(size, step));
    Place place = placeOf(result, point, partAt(tiles.splat(loop.getInductionVar()), size));
    if (Value value = valueOf(result, place))
      store(result, place, value);
    points.end(loop, {});
  }

  /// A reduction over the rows of a stripe.
  struct Sum {
    unsigned number; ///< of the kernel's result
    OpResult result;
    Combiner combiner;
    Place loops; ///< without those that are reduced

    linalg::GenericOp op() { return cast<linalg::GenericOp>(result.getOwner()); }
  };

  Sum sumOf(unsigned number, AffineExpr stripe) {
    auto result = cast<OpResult>(kernel.getBody().front().getTerminator()->getOperand(number));
    auto op = cast<linalg::GenericOp>(result.getOwner());
    Sum sum{number, result, *combinerOf(op, result.getResultNumber()), Place(op.getNumLoops())};
    sum.loops[0] = stripe;
    ArrayRef<int64_t> columns = shapeOf(number).drop_front();
    AffineExpr column = evaluator->wholeRange(1, ShapedType::getNumElements(columns));
    llvm::copy(points.unflatten(column, columns), sum.loops.begin() + stripes->rows.size() + 1);
    return sum;
  }

  /// Walks the rows of a stripe: gives what belongs to a row, and adds up over all of them.
  bool writeStripes() {
    AffineExpr stripe = points.addVariable(tiles.programNumber(), stripes->count, false);
    SmallVector<Sum> sums;
    SmallVector<Value> inits;
    for (unsigned number : stripes->isSum.set_bits()) {
      sums.push_back(sumOf(number, stripe));
      inits.push_back(tiles.repeat(tiles.constant(sums.back().combiner.neutral), plan.tile));
    }
    written.resize(kernel.getNumResults());
    int64_t height = ShapedType::getNumElements(stripes->rows), step = plan.tile[0];
    scf::ForOp loop = tiles.loop(height, step, inits);
    std::unique_ptr<Scope> scope = points.begin(loop, loop.getBody(), llvm::divideCeil(height, step));
    Value numbers = tiles.apply("arith.addi", {tiles.splat(loop.getInductionVar()), tiles.range(0, step)});
    AffineExpr position = points.addVariable(numbers, height, height % step != 0);
    Place row = points.unflatten(position, stripes->rows);
    row[stripes->dim] = points.flatten({stripe, row[stripes->dim]}, {stripes->count, stripes->rows[stripes->dim]});
    SmallVector<std::tuple<unsigned, Place, Value>> ready;
    for (unsigned number = 0; number < kernel.getNumResults(); ++number)
      if (!stripes->isSum.test(number)) {
        ArrayRef<int64_t> columns = shapeOf(number).drop_front(row.size());
        Place place = row;
        if (!columns.empty())
          place.append(points.unflatten(evaluator->wholeRange(1, ShapedType::getNumElements(columns)), columns));
        ready.emplace_back(number, place, valueOf(number, place));
      }
    SmallVector<Value> next;
    for (auto [sum, before] : llvm::zip_equal(sums, loop.getRegionIterArgs())) {
      Value value = evaluator->summand(sum.op(), sum.combiner, sum.loops, position, {}, plan.tile);
      next.push_back(value ? tiles.apply(sum.combiner.name, {before, value}) : before);
    }
    if (evaluator->why.empty())
      for (auto &[number, place, value] : ready)
        store(number, place, value);
    points.end(loop, next);
    for (auto [sum, value] : llvm::zip_equal(sums, loop.getResults())) {
      Place place{stripe};
      place.append(sum.loops.begin() + stripes->rows.size() + 1, sum.loops.end());
      if (Value total = evaluator->total(sum.op(), sum.result.getResultNumber(), sum.combiner, value, 0, sum.loops, {}))
        store(sum.number, place, total);
    }
    return evaluator->why.empty() || refuse(evaluator->why);
  }

  /// An input that lies where a result does may be read by the program that writes over it, at that place, only.
  bool checkInPlace() {
    for (auto [input, output] : arrays.inPlace) {
      bool inParts = !stripes && plan.parts == 1 && innerSize(output) > plan.tile[1 - plan.axis];
      for (const TileEvaluator::Read &read : evaluator->reads)
        if (read.argument == input && (read.position != written[output] || (inParts && kernel.getNumResults() > 1)))
          return refuse("it reads input " + Twine(input) + " elsewhere than it writes over it");
    }
    return true;
  }

  func::FuncOp kernel;
  const KernelArrays &arrays;
  TileBuilder tiles;
  TilePoints points;
  double work = 0, repeated = 1;
  std::optional<Stripes> stripes;
  TilePlan plan;
  std::string &why;
  SmallVector<Value> pointers;
  std::optional<TileEvaluator> evaluator;
  llvm::DenseMap<int64_t, AffineExpr> pointsOf;
  SmallVector<AffineExpr> written; ///< where each result is stored
};

} // namespace

/// A loop that all results move with sums nothing up, even where it is called a reduction.
static void findParallelLoops(func::FuncOp kernel) {
  kernel.walk([](linalg::GenericOp op) {
    SmallVector<utils::IteratorType> iterators = op.getIteratorTypesArray();
    for (auto [loop, iterator] : llvm::enumerate(iterators)) {
      AffineExpr dim = getAffineDimExpr(loop, op.getContext());
      if (llvm::all_of(op->getResults(), [&](OpResult result) {
            return op.getIndexingMapMatchingResult(result).getResultPosition(dim).has_value();
          }))
        iterator = utils::IteratorType::parallel;
    }
    SmallVector<Attribute> types = llvm::map_to_vector(iterators, [&](utils::IteratorType type) -> Attribute {
      return linalg::IteratorTypeAttr::get(op.getContext(), type);
    });
    op.setIteratorTypesAttr(ArrayAttr::get(op.getContext(), types));
  });
}

std::optional<TritonKernel> writeForTriton(func::FuncOp kernel, const KernelArrays &arrays, std::string &why) {
  for (Type type : llvm::concat<const Type>(kernel.getArgumentTypes(), kernel.getResultTypes()))
    if (!isStorable(type)) {
      why = "it takes or gives what is no tensor of static shape";
      return std::nullopt;
    }
  OwningOpRef<ModuleOp> module = ModuleOp::create(kernel.getLoc());
  func::FuncOp copy = kernel.clone();
  module->push_back(copy);
  fuseProducers(copy);
  splitNarrowCasts(copy);
  findParallelLoops(copy);
  std::unique_ptr<MLIRContext> context = createTritonContext();
  return KernelWriter(copy, arrays, context.get(), why).write();
}

} // namespace raddle
