#include "ElementSource.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace raddle {

/// The element that a view shows at `at`.
static std::optional<Element> sourceOf(tensor::ExpandShapeOp view, ArrayRef<AffineExpr> at) {
  if (!view.getResultType().hasStaticShape())
    return std::nullopt;
  ArrayRef<int64_t> shape = view.getResultType().getShape();
  SmallVector<AffineExpr> source;
  for (const ReassociationIndices &group : view.getReassociationIndices()) {
    AffineExpr index = getAffineConstantExpr(0, view.getContext());
    for (int64_t dim : group)
      index = index * shape[dim] + at[dim];
    source.push_back(index);
  }
  return Element{view.getSrc(), source};
}

static std::optional<Element> sourceOf(tensor::CollapseShapeOp view, ArrayRef<AffineExpr> at) {
  ArrayRef<int64_t> shape = view.getSrcType().getShape();
  SmallVector<AffineExpr> source(shape.size(), getAffineConstantExpr(0, view.getContext()));
  for (auto [group, index] : llvm::zip(view.getReassociationIndices(), at)) {
    auto isWide = [&](int64_t dim) { return shape[dim] != 1; };
    if (llvm::count_if(group, isWide) > 1) // a dynamic extent is wide, too
      return std::nullopt;
    if (const int64_t *wide = llvm::find_if(group, isWide); wide != group.end())
      source[*wide] = index;
  }
  return Element{view.getSrc(), source};
}

/// What the body of an op yields for an element of a result.
static std::optional<Element> sourceOf(linalg::LinalgOp op, unsigned result, ArrayRef<AffineExpr> at) {
  AffineMap out = op.getMatchingIndexingMap(op.getDpsInitOperand(result));
  if (op.getNumParallelLoops() != op.getNumLoops() || !op.hasPureTensorSemantics() || !out.isPermutation())
    return std::nullopt;
  SmallVector<AffineExpr> loops(op.getNumLoops());
  for (auto [position, index] : llvm::enumerate(at))
    loops[out.getDimPosition(position)] = index;
  return Element{op.getBlock()->getTerminator()->getOperand(result), loops};
}

/// The operand's element that a body has as an argument.
static std::optional<Element> sourceOf(BlockArgument argument, ArrayRef<AffineExpr> loops) {
  auto op = dyn_cast_or_null<linalg::LinalgOp>(argument.getOwner()->getParentOp());
  if (!op)
    return std::nullopt;
  OpOperand *operand = op.getMatchingOpOperand(argument);
  AffineMap map = op.getMatchingIndexingMap(operand);
  // Other maps could double an index with each op on the way.
  if (op.isDpsInit(operand) || !map.isProjectedPermutation(/*allowZeroInResults=*/true))
    return std::nullopt;
  SmallVector<AffineExpr> at;
  for (AffineExpr index : map.getResults())
    at.push_back(index.replaceDims(loops));
  return Element{operand->get(), at};
}

std::optional<Element> sourceOf(const Element &element) {
  if (auto argument = dyn_cast<BlockArgument>(element.value))
    return sourceOf(argument, element.at);
  Operation *op = element.value.getDefiningOp();
  if (auto view = dyn_cast<tensor::ExpandShapeOp>(op))
    return sourceOf(view, element.at);
  if (auto view = dyn_cast<tensor::CollapseShapeOp>(op))
    return sourceOf(view, element.at);
  if (auto compute = dyn_cast<linalg::LinalgOp>(op))
    return sourceOf(compute, cast<OpResult>(element.value).getResultNumber(), element.at);
  return std::nullopt;
}

Element follow(Element element) {
  while (std::optional<Element> source = sourceOf(element))
    element = std::move(*source);
  return element;
}

} // namespace raddle
