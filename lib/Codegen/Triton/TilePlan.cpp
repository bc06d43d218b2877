#include "TilePlan.h"

#include "raddle/Utils/RowLoops.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace raddle {

/// Programs that keep all processors of a large GPU busy.
static constexpr int64_t kManyPrograms = 264;
/// Elements of a tile: of one pass over points, of a row that stays in registers, and of a part of a longer row.
static constexpr int64_t kPoints = 1024, kLongestRow = 4096, kRowPart = 2048;
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

static int64_t warpsFor(TileShape tile, int64_t elementsPerThread) {
  return std::clamp<int64_t>(tile[0] * tile[1] / (kThreads * elementsPerThread), 1, 8);
}

/// Every element of the results by itself.
static TilePlan planPoints(ArrayRef<ArrayRef<int64_t>> shapes) {
  int64_t points = 1;
  for (ArrayRef<int64_t> shape : shapes)
    points = std::max(points, product(shape));
  int64_t size = std::clamp<int64_t>(powerAtLeast(llvm::divideCeil(points, kManyPrograms)), 128, kPoints);
  TileShape tile{1, size};
  return {~0u, 1, tile, static_cast<int64_t>(llvm::divideCeil(points, size)), warpsFor(tile, 8)};
}

/// Points that are neighbours in the memory that is summed over other dimensions.
static TilePlan planColumns(unsigned dims, int64_t points, int64_t summed) {
  TileShape tile{std::min<int64_t>(powerAtLeast(summed), kRowPart / kColumns), kColumns};
  return {dims, 1, tile, static_cast<int64_t>(llvm::divideCeil(points, kColumns)), warpsFor(tile, 16)};
}

/// Points that have a row each, of at most `longest` elements.
static TilePlan planRows(unsigned dims, int64_t points, int64_t longest) {
  int64_t columns = powerAtLeast(longest) <= kLongestRow ? powerAtLeast(longest) : kRowPart;
  int64_t rows = std::max<int64_t>(1, kPoints / columns);
  while (rows > 1 && static_cast<int64_t>(llvm::divideCeil(points, rows)) < kManyPrograms)
    rows /= 2;
  TileShape tile{rows, columns};
  return {dims, 0, tile, static_cast<int64_t>(llvm::divideCeil(points, rows)), warpsFor(tile, 16)};
}

TilePlan planTiles(func::FuncOp kernel, double &work) {
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
  SmallVector<ArrayRef<int64_t>> shapes = resultShapes(kernel);
  bool hasReductions = llvm::any_of(ops, [](linalg::LinalgOp op) { return op.getNumReductionLoops() != 0; });
  if (!hasReductions)
    return planPoints(shapes);
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
