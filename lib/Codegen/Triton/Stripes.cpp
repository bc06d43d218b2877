#include "Stripes.h"

#include "TileEvaluator.h"

using namespace mlir;

namespace raddle {

/// Rows and stripes of a reduction whose loops are the stripe, the rows of one, and columns. What it reads moves with
/// all of the first two, in the order of dimensions in memory, or with none.
static std::optional<Stripes> matchSum(OpResult result) {
  auto op = dyn_cast<linalg::GenericOp>(result.getOwner());
  if (!op || op.getNumReductionLoops() == 0 || !combinerOf(op, result.getResultNumber()))
    return std::nullopt;
  MLIRContext *context = op.getContext();
  unsigned rows = op.getNumReductionLoops();
  SmallVector<utils::IteratorType> iterators = op.getIteratorTypesArray();
  SmallVector<AffineExpr> written{getAffineDimExpr(0, context)};
  for (auto [loop, iterator] : llvm::enumerate(iterators)) {
    if ((iterator == utils::IteratorType::reduction) != (loop >= 1 && loop <= rows))
      return std::nullopt;
    if (loop > rows)
      written.push_back(getAffineDimExpr(loop, context));
  }
  if (op.getIndexingMapMatchingResult(result).getResults() != ArrayRef(written))
    return std::nullopt;
  std::optional<unsigned> dim;
  for (OpOperand *input : op.getDpsInputOperands()) {
    AffineMap map = op.getMatchingIndexingMap(input);
    std::optional<unsigned> stripe = map.getResultPosition(written[0]);
    bool hasRows = llvm::any_of(llvm::seq(0u, rows + 1), [&](unsigned loop) { return map.isFunctionOfDim(loop); });
    if (!hasRows)
      continue;
    if (!stripe || *stripe >= rows || (dim && dim != stripe) || map.getNumResults() <= rows)
      return std::nullopt;
    dim = stripe;
    for (unsigned place = 0; place <= rows; ++place) {
      unsigned loop = place < *stripe ? place + 1 : place == *stripe ? 0 : place;
      if (map.getResult(place) != getAffineDimExpr(loop, context))
        return std::nullopt;
    }
  }
  if (!dim)
    return std::nullopt;
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  int64_t columns = llvm::product_of(ArrayRef(ranges).drop_front(rows + 1));
  return Stripes{SmallVector<int64_t>(ArrayRef(ranges).slice(1, rows)), *dim, ranges[0], columns, {}};
}

std::optional<Stripes> Stripes::match(func::FuncOp kernel) {
  Operation *end = kernel.getBody().front().getTerminator();
  std::optional<Stripes> found;
  SmallVector<ArrayRef<int64_t>> others;
  llvm::SmallBitVector isSum(end->getNumOperands());
  for (auto [number, value] : llvm::enumerate(end->getOperands())) {
    auto result = dyn_cast<OpResult>(value);
    std::optional<Stripes> sum = result ? matchSum(result) : std::nullopt;
    if (!sum) {
      others.push_back(cast<RankedTensorType>(value.getType()).getShape());
      continue;
    }
    if (found && (found->rows != sum->rows || found->dim != sum->dim || found->count != sum->count))
      return std::nullopt;
    isSum.set(number);
    sum->columns = std::max(sum->columns, found ? found->columns : 1);
    found = sum;
  }
  if (!found || others.empty())
    return std::nullopt;
  SmallVector<int64_t> whole(found->rows);
  whole[found->dim] *= found->count;
  for (ArrayRef<int64_t> shape : others) {
    if (shape.take_front(whole.size()) != ArrayRef(whole))
      return std::nullopt;
    found->columns = std::max(found->columns, llvm::product_of(shape.drop_front(whole.size())));
  }
  found->isSum = std::move(isSum);
  return found;
}

} // namespace raddle
