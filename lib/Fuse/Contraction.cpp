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
  // The step in C orders rows, columns and batches; the step in A orders what is summed. No two loops of a role are
  // equal.
  llvm::sort(loops, [](const Loop &x, const Loop &y) {
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

/// What a value is before casts between f32 and the operands' type, and back.
Value lookThroughCasts(Value value, Type element) {
  while (Operation *cast = value.getDefiningOp()) {
    if (!isa<arith::ExtFOp, arith::TruncFOp>(cast))
      break;
    Type from = cast->getOperand(0).getType(), to = value.getType();
    if (!(from == element && to.isF32()) && !(from.isF32() && to == element))
      break;
    value = cast->getOperand(0);
  }
  return value;
}

Value lookThroughExtension(Value value) {
  auto extension = value.getDefiningOp<arith::ExtFOp>();
  return extension && value.getType().isF32() ? extension.getIn() : value;
}

/// Whether the body is accumulator + a * b of the two inputs. Operands of 16 bits may be widened, and what is summed in
/// 16 bits may be rounded each time: a library sums in f32 and rounds at the end.
bool isProductSum(linalg::LinalgOp op, Type element) {
  Block *body = op.getBlock();
  BlockArgument acc = body->getArgument(2);
  auto summed = [&](Value value) { return acc.getType().isF32() ? value : lookThroughCasts(value, element); };
  auto add = summed(body->getTerminator()->getOperand(0)).getDefiningOp<arith::AddFOp>();
  if (!add)
    return false;
  Value left = summed(add.getLhs()), right = summed(add.getRhs());
  Value product = left == acc ? right : right == acc ? left : Value();
  auto mul = product ? product.getDefiningOp<arith::MulFOp>() : nullptr;
  if (!mul)
    return false;
  Value x = body->getArgument(0), y = body->getArgument(1);
  left = lookThroughExtension(mul.getLhs()), right = lookThroughExtension(mul.getRhs());
  return (left == x && right == y) || (left == y && right == x);
}

/// Whether a library multiplies two matrices of type `a` into one of type `c`.
bool isMultiplied(Type a, Type c) {
  bool isNarrow = a.isF16() || a.isBF16();
  return (a == c && (isNarrow || a.isF32() || a.isF64())) || (isNarrow && c.isF32());
}

/// The operand, or the array of 16 bits that it is, widened.
Value lookThroughWidening(Value operand) {
  auto type = dyn_cast<RankedTensorType>(operand.getType());
  Operation *producer = operand.getDefiningOp();
  Value source = producer && type && type.getElementType().isF32() ? castSource(producer) : Value();
  return source && getElementTypeOrSelf(source).getIntOrFloatBitWidth() == 16 ? source : operand;
}

/// The op that rounds the result of a contraction, if nothing else needs it as it is.
linalg::GenericOp roundingOf(linalg::LinalgOp op, Type element) {
  Value result = op->getResult(0);
  Operation *user = result.hasOneUse() ? *result.user_begin() : nullptr;
  bool rounds = user && castSource(user) == result && isMultiplied(element, getElementTypeOrSelf(user->getResult(0)));
  return rounds && getElementTypeOrSelf(result).isF32() ? cast<linalg::GenericOp>(user) : linalg::GenericOp();
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

/// A and B as they are multiplied: both as they are widened from, where that is one type.
static std::optional<std::array<Value, 2>> operandsOf(linalg::LinalgOp op) {
  Value a = op->getOperand(0), b = op->getOperand(1), narrowA = lookThroughWidening(a),
        narrowB = lookThroughWidening(b);
  Type result = getElementTypeOrSelf(op->getOperand(2));
  for (auto [x, y] : {std::make_pair(narrowA, narrowB), std::make_pair(a, b)})
    if (getElementTypeOrSelf(x) == getElementTypeOrSelf(y) && isMultiplied(getElementTypeOrSelf(x), result))
      return std::array<Value, 2>{x, y};
  return std::nullopt;
}

std::optional<GemmCall> buildGemm(linalg::LinalgOp op, OpBuilder &builder) {
  if (op.getNumDpsInputs() != 2 || op.getNumDpsInits() != 1 || !op.hasPureTensorSemantics() ||
      !isZeroFilled(op.getDpsInits()[0]))
    return std::nullopt;
  for (Value operand : op->getOperands())
    if (auto type = dyn_cast<RankedTensorType>(operand.getType()); !type || type.getNumElements() == 0)
      return std::nullopt;
  std::optional<std::array<Value, 2>> operands = operandsOf(op);
  if (!operands || !isProductSum(op, getElementTypeOrSelf((*operands)[0])))
    return std::nullopt;
  std::optional<std::array<SmallVector<Loop>, 4>> groups = classifyLoops(op);
  if (!groups || (*groups)[Inner].size() > 1)
    return std::nullopt;
  SmallVector<Loop> batch = (*groups)[Batch];
  const Loop *rows = takeInnermost((*groups)[Row], batch);
  const Loop *columns = takeInnermost((*groups)[Column], batch);
  const Loop *inner = (*groups)[Inner].empty() ? nullptr : &(*groups)[Inner].front();
  // Sums of products of vectors read everything once: a kernel does that, together with what is around it.
  if (!rows && !columns)
    return {};

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
    return std::nullopt;

  SmallVector<int64_t> extents, strideA, strideB, strideC;
  for (const Loop &loop : batch) {
    extents.push_back(loop.extent);
    strideA.push_back(loop.stride[a]);
    strideB.push_back(loop.stride[b]);
    strideC.push_back(loop.stride[C]);
  }
  auto extent = [&](const Loop *loop) { return builder.getI64IntegerAttr(loop ? loop->extent : 1); };
  linalg::GenericOp rounding = roundingOf(op, getElementTypeOrSelf((*operands)[0]));
  Operation *replaced = rounding ? rounding.getOperation() : op.getOperation();
  auto gemm = exec::GemmOp::create(
      builder, op.getLoc(), TypeRange{replaced->getResult(0).getType()}, ValueRange{(*operands)[a], (*operands)[b]},
      ValueRange{}, extent(rows), extent(columns), extent(inner),
      builder.getDenseI64ArrayAttr({layoutA->first, layoutB->first, layoutC->first}),
      builder.getDenseBoolArrayAttr({layoutA->second, layoutB->second}), builder.getF64FloatAttr(1.0),
      builder.getDenseI64ArrayAttr(extents), builder.getDenseI64ArrayAttr(strideA),
      builder.getDenseI64ArrayAttr(strideB), builder.getDenseI64ArrayAttr(strideC), UnitAttr(),
      exec::ActivationAttr::get(builder.getContext(), exec::Activation::None), UnitAttr(),
      exec::GemmSumAttr::get(builder.getContext(), exec::GemmSum::None), builder.getI64IntegerAttr(0));
  return GemmCall{gemm, replaced};
}

} // namespace raddle
