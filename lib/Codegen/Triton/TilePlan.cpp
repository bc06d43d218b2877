#include "TilePlan.h"

#include "ScatteredRows.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "raddle/Utils/RowLoops.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace raddle {

/// Programs that keep all processors of a large GPU busy.
static constexpr int64_t kManyPrograms = 264;
/// Elements of a tile: of one pass over points, of a row that stays in registers, and of a part of a longer row.
static constexpr int64_t kPoints = 1024, kLongestRow = 32768, kRowPart = 2048;
/// Elements of the rows that a program of a stripe has at once.
static constexpr int64_t kStripeRows = 4096;
/// Rows that a program looks through at once for those that it adds up.
static constexpr int64_t kScattered = 8;
/// A tile may be so many times as large as what it stands for.
static constexpr double kMostPadding = 1.25;
/// Columns that are neighbours in memory, so that every access moves whole sectors.
static constexpr int64_t kColumns = 32;
static constexpr int64_t kThreads = 32;

static int64_t powerAtLeast(int64_t value) { return llvm::PowerOf2Ceil(static_cast<uint64_t>(value)); }

static int64_t product(ArrayRef<int64_t> extents) {
  int64_t result = 1;
  for (int64_t extent : extents)
    result *= extent;
  return result;
}

static SmallVector<ArrayRef<int64_t>> resultShapes(func::FuncOp kernel) {
  return llvm::map_to_vector(kernel.getResultTypes(),
                             [](Type type) { return cast<RankedTensorType>(type).getShape(); });
}

/// Leading dimensions in which all shapes agree, at most `most`.
static unsigned commonDims(ArrayRef<ArrayRef<int64_t>> shapes, unsigned most) {
  unsigned count = std::min<unsigned>(most, shapes[0].size());
  for (ArrayRef<int64_t> shape : shapes) {
    count = std::min<unsigned>(count, shape.size());
    while (shape.take_front(count) != shapes[0].take_front(count))
      --count;
  }
  return count;
}

static int64_t warpsFor(TileShape tile, int64_t elementsPerThread, int64_t most = 8) {
  return std::clamp<int64_t>(tile[0] * tile[1] / (kThreads * elementsPerThread), 1, most);
}

static TilePlan makePlan(unsigned dims, unsigned axis, TileShape tile, int64_t points, int64_t warps) {
  int64_t perProgram = tile[axis];
  return {dims, axis, tile, perProgram, 1, static_cast<int64_t>(llvm::divideCeil(points, perProgram)), warps};
}

/// Every element of the results by itself.
static TilePlan planPoints(ArrayRef<ArrayRef<int64_t>> shapes) {
  int64_t points = 1;
  for (ArrayRef<int64_t> shape : shapes)
    points = std::max(points, product(shape));
  int64_t size = std::clamp<int64_t>(powerAtLeast(llvm::divideCeil(points, kManyPrograms)), 128, kPoints);
  TileShape tile{1, size};
  return makePlan(~0u, 1, tile, points, warpsFor(tile, 8));
}

/// As many points of `dims` dimensions, with `columns` elements each, as a tile of single elements has room for.
static TilePlan planShortRows(unsigned dims, int64_t points, int64_t columns) {
  int64_t rows = std::max<int64_t>(1, kPoints / columns);
  while (rows > 1 && static_cast<int64_t>(llvm::divideCeil(points, rows)) < kManyPrograms)
    rows /= 2;
  TileShape tile{rows, columns};
  return makePlan(dims, 0, tile, points, warpsFor(tile, columns > kPoints ? 16 : 8, 32));
}

/// Whether all that an op reads moves with every one of its loops, in their order: then the number of an element says
/// where it is.
static bool readsInOrder(linalg::LinalgOp op) {
  return llvm::all_of(op.getIndexingMapsArray(), [](AffineMap map) { return map.isIdentity(); }) &&
         !op->walk([](Operation *inner) {
              return isa<linalg::IndexOp, tensor::ExtractOp>(inner) ? WalkResult::interrupt() : WalkResult::advance();
            }).wasInterrupted();
}

/// Elements by themselves, a row or a part of a row a program, so that what belongs to a row is read once. Nothing
/// where that would be mostly padding.
static std::optional<TilePlan> planElements(ArrayRef<ArrayRef<int64_t>> shapes) {
  ArrayRef<int64_t> shape = shapes.front();
  if (shape.size() < 2 || !llvm::all_equal(shapes))
    return std::nullopt;
  unsigned dims = shape.size() - 1;
  int64_t points = product(shape.drop_back()), columns = shape.back(), padded = powerAtLeast(columns);
  if (padded <= kPoints) {
    if (static_cast<double>(padded) > kMostPadding * static_cast<double>(columns))
      return std::nullopt;
    return planShortRows(dims, points, padded);
  }
  TilePlan plan = makePlan(dims, 0, {1, kPoints}, points, kPoints / kThreads / 8);
  plan.parts = llvm::divideCeil(columns, kPoints);
  plan.programs *= plan.parts;
  return plan;
}

/// Points whose rows are sums of rows that say themselves to which they belong.
static TilePlan planScattered(int64_t points, int64_t columns) {
  TileShape tile{kScattered, std::min(powerAtLeast(columns), kRowPart)};
  TilePlan plan = makePlan(1, 0, tile, points, warpsFor(tile, 64));
  plan.perProgram = 1;
  plan.programs = points;
  return plan;
}

/// A stripe a program, which walks its rows, some at once.
static TilePlan planStripes(const Stripes &stripes) {
  int64_t columns = powerAtLeast(stripes.columns), height = powerAtLeast(product(stripes.rows));
  TileShape tile{std::clamp<int64_t>(kStripeRows / columns, 1, height), columns};
  TilePlan plan = makePlan(1, 0, tile, stripes.count, warpsFor(tile, 32, 16));
  plan.perProgram = 1;
  plan.programs = stripes.count;
  return plan;
}

/// Points that are neighbours in the memory that is summed over other dimensions.
static TilePlan planColumns(unsigned dims, int64_t points, int64_t summed) {
  TileShape tile{std::min<int64_t>(powerAtLeast(summed), kRowPart / kColumns), kColumns};
  return makePlan(dims, 1, tile, points, warpsFor(tile, 16));
}

/// Points that have a row each, of at most `longest` elements.
static TilePlan planRows(unsigned dims, int64_t points, int64_t longest) {
  return planShortRows(dims, points, powerAtLeast(longest) <= kLongestRow ? powerAtLeast(longest) : kRowPart);
}

TilePlan planTiles(func::FuncOp kernel, const std::optional<Stripes> &stripes, double &work) {
  SmallVector<linalg::LinalgOp> ops;
  int64_t longest = 1, summed = 1;
  work = 0;
  kernel.walk([&](linalg::GenericOp op) {
    ops.push_back(op);
    double points = 1;
    int64_t reduced = 1;
    for (auto [extent, iterator] : llvm::zip_equal(op.getStaticLoopRanges(), op.getIteratorTypesArray())) {
      points *= static_cast<double>(extent);
      reduced *= iterator == utils::IteratorType::reduction ? extent : 1;
    }
    work += points;
    summed = std::max(summed, reduced);
  });
  if (stripes)
    return planStripes(*stripes);
  SmallVector<ArrayRef<int64_t>> shapes = resultShapes(kernel);
  bool hasReductions = llvm::any_of(ops, [](linalg::LinalgOp op) { return op.getNumReductionLoops() != 0; });
  bool scatters = false;
  kernel.walk([&](scf::ForOp loop) {
    if (std::optional<ScatteredRows> rows = ScatteredRows::match(loop)) {
      scatters = true;
      work += static_cast<double>(rows->count * product(rows->add.getStaticLoopRanges()));
    }
  });
  if (scatters && llvm::all_equal(shapes) && shapes[0].size() >= 2) {
    work += static_cast<double>(product(shapes[0]));
    return planScattered(shapes[0][0], product(shapes[0].drop_front()));
  }
  if (!hasReductions) {
    bool inOrder = llvm::all_of(ops, readsInOrder);
    std::optional<TilePlan> byRow = inOrder ? std::nullopt : planElements(shapes);
    return byRow ? *byRow : planPoints(shapes);
  }
  unsigned dims = commonDims(shapes, commonRows(ops));
  int64_t points = product(shapes[0].take_front(dims));
  bool onlyPoints = true;
  for (ArrayRef<int64_t> shape : shapes) {
    longest = std::max(longest, product(shape.drop_front(dims)));
    onlyPoints &= product(shape.drop_front(dims)) == 1;
  }
  bool byColumn = onlyPoints && points > 1 && llvm::any_of(ops, [&](linalg::LinalgOp op) {
                    return op.getNumReductionLoops() != 0 && rowsAreColumns(op, rowLoops(op));
                  });
  return byColumn ? planColumns(dims, points, summed) : planRows(dims, points, std::max(longest, summed));
}

} // namespace raddle
