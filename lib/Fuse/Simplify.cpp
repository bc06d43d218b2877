#include "Simplify.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "raddle/Utils/TensorQueries.h"

using namespace mlir;

namespace raddle {

void generalizeNamedOps(Block &body) {
  SmallVector<linalg::LinalgOp> named;
  for (auto op : body.getOps<linalg::LinalgOp>())
    if (!isa<linalg::GenericOp, linalg::FillOp>(op.getOperation()))
      named.push_back(op);
  for (linalg::LinalgOp op : named) {
    IRRewriter rewriter(op);
    // What upstream cannot generalise stays a named op in a kernel of its own.
    (void)linalg::generalizeNamedOp(rewriter, op);
  }
}

void foldInits(Block &body) {
  for (Operation &op : llvm::make_early_inc_range(body)) {
    bool view = isView(&op);
    if (!view && !isa<tensor::ExtractSliceOp>(op))
      continue;
    auto type = cast<RankedTensorType>(op.getResult(0).getType());
    auto fill = op.getOperand(0).getDefiningOp<linalg::FillOp>();
    if (!type.hasStaticShape() || !(fill || (view && op.getOperand(0).getDefiningOp<tensor::EmptyOp>())))
      continue;
    OpBuilder builder(&op);
    Value empty = tensor::EmptyOp::create(builder, op.getLoc(), type.getShape(), type.getElementType());
    op.getResult(0).replaceAllUsesWith(
        fill ? linalg::FillOp::create(builder, op.getLoc(), fill.value(), empty).getResult(0) : empty);
    op.erase();
  }
}

using NarrowTensors = llvm::DenseMap<Value, Value>; // by what widens them

/// A view or slice of the narrow tensor in place of one of the wide.
static void viewNarrow(Operation *op, NarrowTensors &narrow) {
  Value source = narrow.lookup(op->getOperand(0));
  if (!source)
    return;
  OpBuilder builder(op);
  IRMapping mapping;
  mapping.map(op->getOperand(0), source);
  Value view = builder.clone(*op, mapping)->getResult(0);
  view.setType(cast<RankedTensorType>(view.getType()).clone(getElementTypeOrSelf(source)));
  narrow[op->getResult(0)] = view;
}

static void readNarrow(linalg::GenericOp op, const NarrowTensors &narrow) {
  SmallVector<OpOperand *> wide = llvm::filter_to_vector(
      op.getDpsInputOperands(), [&](OpOperand *operand) { return narrow.contains(operand->get()); });
  if (linalg::isaContractionOpInterface(op) && wide.size() < 2)
    return;
  OpBuilder builder = OpBuilder::atBlockBegin(op.getBody());
  for (OpOperand *operand : wide) {
    operand->set(narrow.lookup(operand->get()));
    BlockArgument element = op.getMatchingBlockArgument(operand);
    Type type = element.getType();
    element.setType(getElementTypeOrSelf(operand->get()));
    auto widened = arith::ExtFOp::create(builder, op.getLoc(), type, element);
    element.replaceAllUsesExcept(widened, widened);
  }
}

void foldWidening(Block &body) {
  NarrowTensors narrow;
  for (Operation &op : llvm::make_early_inc_range(body)) {
    Value source = castSource(&op);
    if (source && elementBytes(getElementTypeOrSelf(source)) < elementBytes(getElementTypeOrSelf(op.getResult(0))))
      narrow[op.getResult(0)] = narrow.contains(source) ? narrow.lookup(source) : source;
    else if (isView(&op) || isa<tensor::ExtractSliceOp>(op))
      viewNarrow(&op, narrow);
    else if (auto generic = dyn_cast<linalg::GenericOp>(op))
      readNarrow(generic, narrow);
    op.walk([&](tensor::ExtractOp extract) {
      Value source = narrow.lookup(extract.getTensor());
      if (!source)
        return;
      OpBuilder builder(extract);
      Value element = tensor::ExtractOp::create(builder, extract.getLoc(), source, extract.getIndices());
      extract.replaceAllUsesWith(arith::ExtFOp::create(builder, extract.getLoc(), extract.getType(), element).getOut());
      extract.erase();
    });
  }
}

/// Views of one tensor and type are one, and those that undo each other go.
static void foldViews(Block &body, RewriterBase &rewriter) {
  llvm::DenseMap<std::pair<Value, Type>, Value> views;
  for (Operation &op : llvm::make_early_inc_range(body)) {
    if (!isView(&op))
      continue;
    SmallVector<Value> folded;
    rewriter.setInsertionPoint(&op);
    if (failed(rewriter.tryFold(&op, folded))) {
      auto [known, isNew] = views.insert({{op.getOperand(0), op.getResult(0).getType()}, op.getResult(0)});
      if (isNew)
        continue;
      folded = {known->second};
    }
    rewriter.replaceOp(&op, folded);
  }
}

/// The loops that a drop leaves: of windows that read an extent of three with one step of two, say, the window's loop
/// would take that extent for its own once it stands alone.
static SmallVector<unsigned> loopsToDrop(Operation *op) {
  auto generic = cast<linalg::GenericOp>(op);
  SmallVector<int64_t> extents = generic.getStaticLoopRanges();
  SmallVector<AffineExpr> kept;
  for (auto [loop, extent] : llvm::enumerate(extents))
    kept.push_back(extent == 1 ? getAffineConstantExpr(0, op->getContext()) : getAffineDimExpr(loop, op->getContext()));
  llvm::SmallBitVector needed(extents.size());
  for (OpOperand &operand : op->getOpOperands())
    for (auto [expression, extent] :
         llvm::zip_equal(generic.getMatchingIndexingMap(&operand).getResults(), generic.getShape(&operand))) {
      auto alone = dyn_cast<AffineDimExpr>(expression.replaceDims(kept));
      if (alone && alone != expression && extents[alone.getPosition()] != extent)
        expression.walk([&](AffineExpr part) {
          if (auto loop = dyn_cast<AffineDimExpr>(part); loop && loop != alone)
            needed.set(loop.getPosition());
        });
    }
  return llvm::filter_to_vector(llvm::seq<unsigned>(extents.size()), [&](unsigned loop) { return !needed.test(loop); });
}

void dropUnitLoops(Block &body) {
  if (body.empty())
    return;
  IRRewriter rewriter(body.getParentOp()->getContext());
  linalg::ControlDropUnitDims options;
  options.controlFn = loopsToDrop;
  for (auto op : llvm::make_early_inc_range(body.getOps<linalg::GenericOp>())) {
    if (!llvm::is_contained(op.getStaticLoopRanges(), 1))
      continue;
    rewriter.setInsertionPoint(op);
    FailureOr<linalg::DropUnitDimsResult> dropped = linalg::dropUnitDims(rewriter, op, options);
    if (succeeded(dropped))
      rewriter.replaceOp(op, dropped->replacements);
  }
  foldViews(body, rewriter);
}

void moveViewsToSources(Block &body) {
  for (Operation &op : llvm::make_early_inc_range(body)) {
    if (!isView(&op))
      continue;
    if (Operation *source = op.getOperand(0).getDefiningOp())
      op.moveAfter(source);
    else
      op.moveBefore(&body, body.begin());
  }
}

} // namespace raddle
