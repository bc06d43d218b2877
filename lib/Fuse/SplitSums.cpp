#include "SplitSums.h"

#include "../Codegen/CPU/KernelBody.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "raddle/Utils/RowLoops.h"

using namespace mlir;

namespace raddle {
namespace {

/// Who shares a sum. From `enough` results on they keep all busy; that many programs or parts are `wanted`: with more
/// the sums of parts get long.
struct Workers {
  int64_t enough, wanted;
  bool columns; ///< whether columns are cut too
};

/// The programs of a large GPU, and threads, among which sums over rows share out columns.
constexpr Workers kPrograms{264, 2048, true}, kThreads{16, 64, false};

/// Columns of one program.
constexpr int64_t kColumns = 32;
/// Elements that are worth a kernel of their own, those of a row that are worth a program, and of a column.
constexpr int64_t kLong = 1 << 18, kRow = 8192, kColumn = 64;
/// Points that the second kernel may compute beside the sums of parts.
constexpr double kMostRest = 1 << 18;

/// Rows of a stripe, and stripes that keep a GPU busy without long sums of theirs.
constexpr int64_t kStripe = 8, kFewestStripes = 128, kMostStripes = 256;

/// A reduction, the loop that is cut, and the number of its parts.
struct Cut {
  linalg::GenericOp op;
  unsigned loop;
  int64_t parts;
};

Operation *combinerOf(linalg::GenericOp op) {
  Operation *last = op.getBody()->getTerminator()->getOperand(0).getDefiningOp();
  bool combines = last && last->getNumOperands() == 2 && last->getBlock() == op.getBody() &&
                  arith::getNeutralElement(last).has_value() &&
                  llvm::is_contained(last->getOperands(), op.getRegionOutputArgs()[0]) &&
                  op.getRegionOutputArgs()[0].hasOneUse();
  return combines ? last : nullptr;
}

int64_t largestDivisor(int64_t extent, int64_t most) {
  for (int64_t divisor = std::min(extent, most); divisor > 1; --divisor)
    if (extent % divisor == 0)
      return divisor;
  return 1;
}

/// Whether a loop is one dimension of every input that moves with it.
bool isPlain(linalg::GenericOp op, unsigned loop) {
  AffineExpr dim = getAffineDimExpr(loop, op.getContext());
  return llvm::all_of(op.getIndexingMapsArray(), [&](AffineMap map) {
    return llvm::count_if(map.getResults(), [&](AffineExpr expr) { return expr.isFunctionOfDim(loop); }) <= 1 &&
           llvm::all_of(map.getResults(), [&](AffineExpr expr) { return expr == dim || !expr.isFunctionOfDim(loop); });
  });
}

std::optional<Cut> findCut(linalg::GenericOp op, const Workers &workers) {
  if (op->getNumResults() != 1 || !combinerOf(op) || !op.getBody()->getOps<linalg::IndexOp>().empty())
    return std::nullopt;
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  SmallVector<unsigned> reduced;
  op.getReductionDims(reduced);
  int64_t points = 1, summed = 1;
  for (auto [loop, extent] : llvm::enumerate(ranges))
    (llvm::is_contained(reduced, loop) ? summed : points) *= extent;
  bool byColumn = rowsAreColumns(op, rowLoops(op));
  int64_t programs = byColumn ? std::max<int64_t>(points / kColumns, 1) : points;
  if (programs >= workers.enough || points * summed < kLong || (byColumn && !workers.columns))
    return std::nullopt;
  int64_t wanted = std::min(workers.wanted / programs, summed / (byColumn ? kColumn : kRow));
  Cut best{op, 0, 1};
  for (unsigned loop : reduced)
    if (int64_t parts = isPlain(op, loop) ? largestDivisor(ranges[loop], wanted) : 1; parts > best.parts)
      best = {op, loop, parts};
  // Few parts help little.
  return best.parts * 4 > wanted && best.parts > 3 ? std::optional<Cut>(best) : std::nullopt;
}

/// A tensor whose dimension `dim` is two: parts, and elements of a part.
Value expand(OpBuilder &builder, Location loc, Value tensor, int64_t dim, int64_t parts) {
  auto type = cast<RankedTensorType>(tensor.getType());
  SmallVector<int64_t> shape;
  SmallVector<ReassociationIndices> groups;
  for (auto [own, extent] : llvm::enumerate(type.getShape())) {
    groups.push_back({static_cast<int64_t>(shape.size())});
    if (static_cast<int64_t>(own) != dim) {
      shape.push_back(extent);
      continue;
    }
    shape.append({parts, extent / parts});
    groups.back().push_back(static_cast<int64_t>(shape.size()) - 1);
  }
  return tensor::ExpandShapeOp::create(builder, loc, type.clone(shape), tensor, groups);
}

Value filled(OpBuilder &builder, Location loc, ArrayRef<int64_t> shape, TypedAttr value) {
  Value scalar = arith::ConstantOp::create(builder, loc, value);
  Value empty = tensor::EmptyOp::create(builder, loc, shape, value.getType());
  return linalg::FillOp::create(builder, loc, scalar, empty).getResult(0);
}

/// The same reduction of each part: parts are its first loop and the first dimension of its result.
Value sumParts(const Cut &cut) {
  linalg::GenericOp op = cut.op;
  OpBuilder builder(op);
  MLIRContext *context = op.getContext();
  unsigned loops = op.getNumLoops();
  AffineExpr part = getAffineDimExpr(0, context);
  SmallVector<AffineMap> maps;
  SmallVector<Value> inputs;
  for (OpOperand *input : op.getDpsInputOperands()) {
    AffineMap map = op.getMatchingIndexingMap(input).shiftDims(1);
    SmallVector<AffineExpr> exprs;
    Value value = input->get();
    for (auto [dim, expr] : llvm::enumerate(map.getResults())) {
      if (expr == getAffineDimExpr(cut.loop + 1, context)) {
        value = expand(builder, op.getLoc(), value, static_cast<int64_t>(dim), cut.parts);
        exprs.push_back(part);
      }
      exprs.push_back(expr);
    }
    inputs.push_back(value);
    maps.push_back(AffineMap::get(loops + 1, 0, exprs, context));
  }
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  SmallVector<int64_t> shape{cut.parts};
  llvm::append_range(shape, type.getShape());
  SmallVector<AffineExpr> out{part};
  llvm::append_range(out, op.getIndexingMapMatchingResult(op->getResult(0)).shiftDims(1).getResults());
  maps.push_back(AffineMap::get(loops + 1, 0, out, context));
  SmallVector<utils::IteratorType> iterators{utils::IteratorType::parallel};
  llvm::append_range(iterators, op.getIteratorTypesArray());
  Value init = filled(builder, op.getLoc(), shape, *arith::getNeutralElement(combinerOf(op)));
  auto sums = linalg::GenericOp::create(builder, op.getLoc(), init.getType(), inputs, init, maps, iterators);
  IRMapping mapping;
  op.getRegion().cloneInto(&sums.getRegion(), mapping);
  return sums.getResult(0);
}

/// The reduction of the parts, onto what the whole one began with.
Value sumOfParts(linalg::GenericOp op, Value parts) {
  OpBuilder builder(op);
  unsigned rank = cast<RankedTensorType>(parts.getType()).getRank();
  AffineMap in = builder.getMultiDimIdentityMap(rank), out = in.dropResult(0);
  SmallVector<utils::IteratorType> iterators(rank, utils::IteratorType::parallel);
  iterators[0] = utils::IteratorType::reduction;
  Operation *combiner = combinerOf(op);
  auto sum = linalg::GenericOp::create(builder, op.getLoc(), op->getResultTypes(), parts, op.getDpsInits()[0],
                                       {in, out}, iterators, [&](OpBuilder &inner, Location loc, ValueRange arguments) {
                                         Operation *both = inner.clone(*combiner);
                                         both->setOperands({arguments[1], arguments[0]});
                                         linalg::YieldOp::create(inner, loc, both->getResults());
                                       });
  return sum.getResult(0);
}

void eraseUnused(func::FuncOp kernel) {
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(kernel.getBody().front())))
    if (op.use_empty() && !op.hasTrait<OpTrait::IsTerminator>())
      op.erase();
}

void setType(func::FuncOp kernel) {
  Block &body = kernel.getBody().front();
  kernel.setFunctionType(
      FunctionType::get(kernel.getContext(), body.getArgumentTypes(), body.getTerminator()->getOperandTypes()));
}

/// The cuts of all reductions of a kernel, if they can be split and none needs another.
SmallVector<Cut> findCuts(func::FuncOp kernel, const Workers &workers) {
  SmallVector<Cut> cuts;
  llvm::SmallPtrSet<Operation *, 8> behind; // what depends on a reduction
  for (Operation &op : kernel.getBody().front().without_terminator()) {
    bool depends = llvm::any_of(op.getOperands(), [&](Value value) { return behind.contains(value.getDefiningOp()); });
    auto generic = dyn_cast<linalg::GenericOp>(op);
    if (op.getNumRegions() != 0 && !isa<linalg::LinalgOp, tensor::PadOp>(op))
      return {};
    if (generic && generic.getNumReductionLoops() != 0) {
      std::optional<Cut> cut = depends ? std::nullopt : findCut(generic, workers);
      if (!cut || (!cuts.empty() && cut->parts != cuts[0].parts))
        return {};
      cuts.push_back(*cut);
      depends = true;
    }
    if (depends)
      behind.insert(&op);
  }
  return cuts;
}

/// Whether an op reduces over rows: the leading loops, and keeps what is left, the columns.
bool sumsRows(linalg::GenericOp op) {
  unsigned rows = op.getNumReductionLoops();
  if (rows == 0 || rows == op.getNumLoops() || op->getNumResults() != 1)
    return false;
  AffineMap columns = AffineMap::getMultiDimIdentityMap(op.getNumLoops(), op.getContext());
  return op.getIndexingMapMatchingResult(op->getResult(0)) ==
         columns.dropResults(llvm::to_vector(llvm::seq<int64_t>(0, rows)));
}

/// The dimension of rows of these extents that is cut into stripes, and their number; none where there are too few.
std::optional<std::pair<unsigned, int64_t>> chooseStripes(ArrayRef<int64_t> rows) {
  auto dim = static_cast<unsigned>(std::distance(rows.begin(), llvm::max_element(rows)));
  int64_t stripes = largestDivisor(rows[dim], std::min(kMostStripes, llvm::product_of(rows) / kStripe));
  return stripes >= kFewestStripes ? std::optional(std::pair(dim, stripes)) : std::nullopt;
}

/// The cuts of all sums over rows of a kernel that gives such rows as well, and sums up nothing that needs those sums.
SmallVector<Cut> findStripes(func::FuncOp kernel) {
  Block &body = kernel.getBody().front();
  llvm::SmallPtrSet<Operation *, 8> behind; // what depends on a sum over rows
  SmallVector<Cut> cuts;
  SmallVector<int64_t> rows;
  for (Operation &op : body.without_terminator()) {
    if (op.getNumRegions() != 0 && !isa<linalg::LinalgOp>(op))
      return {};
    if (llvm::any_of(op.getOperands(), [&](Value value) { return behind.contains(value.getDefiningOp()); })) {
      behind.insert(&op);
      continue;
    }
    auto generic = dyn_cast<linalg::GenericOp>(op);
    if (!generic || !sumsRows(generic))
      continue;
    SmallVector<int64_t> own = generic.getStaticLoopRanges();
    own.truncate(generic.getNumReductionLoops());
    if (!combinerOf(generic) || !generic.getBody()->getOps<linalg::IndexOp>().empty() || (!rows.empty() && own != rows))
      return {};
    rows = own;
    cuts.push_back({generic, 0, 1});
    behind.insert(generic);
  }
  auto chosen = cuts.empty() ? std::nullopt : chooseStripes(rows);
  if (!chosen)
    return {};
  bool hasRows = false;
  for (Value result : body.getTerminator()->getOperands()) {
    if (behind.contains(result.getDefiningOp()))
      continue;
    hasRows = true;
    if (cast<RankedTensorType>(result.getType()).getShape().take_front(rows.size()) != ArrayRef(rows))
      return {};
  }
  for (Cut &cut : cuts) {
    if (!isPlain(cut.op, chosen->first))
      return {};
    std::tie(cut.loop, cut.parts) = *chosen;
  }
  return hasRows ? cuts : SmallVector<Cut>();
}

using FindCuts = llvm::function_ref<SmallVector<Cut>(func::FuncOp)>;

/// The kernel, as it is before its reductions are replaced, and these.
std::pair<OwningOpRef<func::FuncOp>, SmallVector<Cut>> copyOf(func::FuncOp kernel, FindCuts find) {
  OwningOpRef<func::FuncOp> copy = kernel.clone();
  SmallVector<Cut> cuts = find(*copy);
  return {std::move(copy), std::move(cuts)};
}

/// The results that need no reduction which is cut.
SmallVector<unsigned> findWhole(func::FuncOp kernel, ArrayRef<Cut> cuts) {
  llvm::SmallPtrSet<Operation *, 8> behind;
  for (const Cut &cut : cuts)
    behind.insert(cut.op);
  Block &body = kernel.getBody().front();
  for (Operation &op : body)
    if (llvm::any_of(op.getOperands(), [&](Value value) { return behind.contains(value.getDefiningOp()); }))
      behind.insert(&op);
  SmallVector<unsigned> whole;
  for (auto [number, result] : llvm::enumerate(body.getTerminator()->getOperands()))
    if (!behind.contains(result.getDefiningOp()))
      whole.push_back(number);
  return whole;
}

std::optional<SplitKernel> split(func::FuncOp kernel, FindCuts find) {
  OwningOpRef<func::FuncOp> fused = kernel.clone();
  fuseProducers(*fused);
  SplitKernel split;
  SmallVector<Cut> cuts;
  std::tie(split.parts, cuts) = copyOf(*fused, find);
  if (cuts.empty())
    return std::nullopt;
  split.whole = findWhole(*split.parts, cuts);
  Operation *end = split.parts->getBody().front().getTerminator();
  SmallVector<Value> given = llvm::map_to_vector(split.whole, [&](unsigned number) { return end->getOperand(number); });
  llvm::append_range(given, llvm::map_range(cuts, [](const Cut &cut) { return sumParts(cut); }));
  end->setOperands(given);
  eraseUnused(*split.parts);
  setType(*split.parts);

  std::tie(split.rest, cuts) = copyOf(*fused, find);
  Block &body = split.rest->getBody().front();
  auto parts = split.parts->getResultTypes().drop_front(split.whole.size());
  llvm::SmallPtrSet<Operation *, 4> sums;
  for (auto [cut, type] : llvm::zip_equal(cuts, parts)) {
    Value sum = sumOfParts(cut.op, body.addArgument(type, cut.op.getLoc()));
    cut.op->getResult(0).replaceAllUsesWith(sum);
    sums.insert(sum.getDefiningOp());
  }
  for (unsigned number : llvm::reverse(split.whole))
    body.getTerminator()->eraseOperand(number);
  eraseUnused(*split.rest);
  double points = 0;
  split.rest->walk([&](linalg::LinalgOp op) {
    if (!sums.contains(op))
      points += static_cast<double>(llvm::product_of(op.getStaticLoopRanges()));
  });
  if (points > kMostRest)
    return std::nullopt;
  for (unsigned input = kernel.getNumArguments(); input-- > 0;) {
    if (body.getArgument(input).use_empty())
      body.eraseArgument(input);
    else
      split.inputs.insert(split.inputs.begin(), input);
  }
  setType(*split.rest);
  return split;
}

} // namespace

std::optional<SplitKernel> splitSums(func::FuncOp kernel, bool tiles) {
  return split(kernel, [&](func::FuncOp fused) { return findCuts(fused, tiles ? kPrograms : kThreads); });
}

std::optional<SplitKernel> splitStripes(func::FuncOp kernel) { return split(kernel, findStripes); }

} // namespace raddle
