#include "Contraction.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "raddle/Utils/TensorQueries.h"

using namespace mlir;

namespace raddle {
namespace {

/// One loop, or several that every operand walks as one: its extent and the step that it makes in A, B and C (0: none).
struct Loop {
  int64_t extent;
  std::array<int64_t, 3> stride;
};

enum Operand { A, B, C };

/// The role of a loop: which operands it moves in.
enum Role { Batch, Row, Column, Inner, None };

Role roleOf(const Loop &loop) {
  bool a = loop.stride[A], b = loop.stride[B], c = loop.stride[C];
  if (a && b)
    return c ? Batch : Inner;
  if (c)
    return a ? Row : b ? Column : None;
  return None;
}

/// Elements between neighbours in each dimension of a row-major tensor.
SmallVector<int64_t> rowMajorStrides(ArrayRef<int64_t> shape) {
  SmallVector<int64_t> strides(shape.size(), 1);
  for (size_t dim = shape.size(); dim-- > 1;)
    strides[dim - 1] = strides[dim] * shape[dim];
  return strides;
}

/// Joins neighbours that every operand walks without a jump. Outermost first.
void mergeLoops(SmallVectorImpl<Loop> &loops) {
  // The step in C orders rows, columns and batches; the step in A orders what is summed.
  llvm::stable_sort(loops, [](const Loop &x, const Loop &y) {
    return std::make_pair(x.stride[C], x.stride[A]) > std::make_pair(y.stride[C], y.stride[A]);
  });
  SmallVector<Loop> merged;
  for (const Loop &loop : loops) {
    bool joins = !merged.empty();
    for (int operand = 0; joins && operand < 3; ++operand)
      joins = merged.back().stride[operand] == loop.stride[operand] * loop.extent;
    if (joins) {
      merged.back().extent *= loop.extent;
      merged.back().stride = loop.stride;
    } else {
      merged.push_back(loop);
    }
  }
  loops.assign(merged.begin(), merged.end());
}

/// The step between rows of a matrix and whether it is stored transposed; nothing where neither dimension is
/// contiguous. A dimension of one element has no step of its own.
std::optional<std::pair<int64_t, bool>> layoutOf(const Loop *rows, const Loop *columns, Operand operand) {
  int64_t numRows = rows ? rows->extent : 1, numColumns = columns ? columns->extent : 1;
  int64_t rowStride = rows ? rows->stride[operand] : numColumns;
  int64_t columnStride = columns ? columns->stride[operand] : 1;
  if (columnStride == 1 && rowStride >= numColumns)
    return std::make_pair(rowStride, false);
  if (!rows)
    rowStride = 1;
  if (rowStride == 1 && columnStride >= numRows)
    return std::make_pair(columnStride, true);
  return std::nullopt;
}

/// Whether the body is accumulator + a * b of the two inputs in their own type.
bool isProductSum(linalg::LinalgOp op) {
  Block *body = op.getBlock();
  auto add = body->getTerminator()->getOperand(0).getDefiningOp<arith::AddFOp>();
  if (!add || !llvm::hasNItems(body->getOperations(), 3))
    return false;
  BlockArgument acc = body->getArgument(2);
  Value product = add.getLhs() == acc ? add.getRhs() : add.getRhs() == acc ? add.getLhs() : Value();
  auto mul = product ? product.getDefiningOp<arith::MulFOp>() : nullptr;
  if (!mul)
    return false;
  Value x = body->getArgument(0), y = body->getArgument(1);
  return (mul.getLhs() == x && mul.getRhs() == y) || (mul.getLhs() == y && mul.getRhs() == x);
}

/// The loops of the op by role, merged; nothing where a map is not a projected permutation.
std::optional<std::array<SmallVector<Loop>, 4>> classifyLoops(linalg::LinalgOp op) {
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  if (!llvm::all_of(maps, [](AffineMap map) { return map.isProjectedPermutation(); }))
    return std::nullopt;
  SmallVector<int64_t> extents = op.getStaticLoopRanges();
  SmallVector<Loop> loops;
  for (int64_t extent : extents)
    loops.push_back({extent, {0, 0, 0}});
  for (int operand = 0; operand < 3; ++operand) {
    auto type = cast<RankedTensorType>(op->getOperand(operand).getType());
    SmallVector<int64_t> strides = rowMajorStrides(type.getShape());
    for (auto [dim, expr] : llvm::enumerate(maps[operand].getResults()))
      loops[cast<AffineDimExpr>(expr).getPosition()].stride[operand] = strides[dim];
  }
  std::array<SmallVector<Loop>, 4> byRole;
  for (const Loop &loop : loops) {
    if (loop.extent == 1)
      continue;
    Role role = roleOf(loop);
    if (role == None)
      return std::nullopt;
    byRole[role].push_back(loop);
  }
  for (SmallVector<Loop> &group : byRole)
    mergeLoops(group);
  return byRole;
}

/// Takes the innermost loop of a role; the others go around the call.
const Loop *takeInnermost(SmallVector<Loop> &group, SmallVectorImpl<Loop> &batch) {
  if (group.empty())
    return nullptr;
  batch.append(group.begin(), std::prev(group.end()));
  return &group.back();
}

} // namespace

exec::GemmOp buildGemm(linalg::LinalgOp op, OpBuilder &builder) {
  if (op.getNumDpsInputs() != 2 || op.getNumDpsInits() != 1 || !op.hasPureTensorSemantics() || !isProductSum(op) ||
      !isZeroFilled(op.getDpsInits()[0]))
    return {};
  for (Value operand : op->getOperands()) {
    auto type = dyn_cast<RankedTensorType>(operand.getType());
    if (!type || type.getNumElements() == 0 || !(type.getElementType().isF32() || type.getElementType().isF64()))
      return {};
  }
  std::optional<std::array<SmallVector<Loop>, 4>> groups = classifyLoops(op);
  if (!groups || (*groups)[Inner].size() > 1)
    return {};
  SmallVector<Loop> batch = (*groups)[Batch];
  const Loop *rows = takeInnermost((*groups)[Row], batch);
  const Loop *columns = takeInnermost((*groups)[Column], batch);
  const Loop *inner = (*groups)[Inner].empty() ? nullptr : &(*groups)[Inner].front();

  // Row-major C wants contiguous columns; where its rows are, Cᵀ = Bᵀ Aᵀ is computed.
  int a = A, b = B;
  auto layoutC = layoutOf(rows, columns, C);
  if (layoutC && layoutC->second) {
    std::swap(rows, columns);
    std::swap(a, b);
    layoutC = layoutOf(rows, columns, C);
  }
  auto layoutA = layoutOf(rows, inner, static_cast<Operand>(a)),
       layoutB = layoutOf(inner, columns, static_cast<Operand>(b));
  if (!layoutA || !layoutB || !layoutC || layoutC->second)
    return {};

  SmallVector<int64_t> extents, strideA, strideB, strideC;
  for (const Loop &loop : batch) {
    extents.push_back(loop.extent);
    strideA.push_back(loop.stride[a]);
    strideB.push_back(loop.stride[b]);
    strideC.push_back(loop.stride[C]);
  }
  auto extent = [&](const Loop *loop) { return builder.getI64IntegerAttr(loop ? loop->extent : 1); };
  return exec::GemmOp::create(
      builder, op.getLoc(), TypeRange{op->getResult(0).getType()}, ValueRange{op->getOperand(a), op->getOperand(b)},
      ValueRange{}, extent(rows), extent(columns), extent(inner),
      builder.getDenseI64ArrayAttr({layoutA->first, layoutB->first, layoutC->first}),
      builder.getDenseBoolArrayAttr({layoutA->second, layoutB->second}), builder.getF64FloatAttr(1.0),
      builder.getDenseI64ArrayAttr(extents), builder.getDenseI64ArrayAttr(strideA),
      builder.getDenseI64ArrayAttr(strideB), builder.getDenseI64ArrayAttr(strideC), builder.getI64IntegerAttr(0));
}

} // namespace raddle
