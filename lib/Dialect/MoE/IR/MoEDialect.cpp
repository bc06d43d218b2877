// The moe dialect and its verifiers. The tag at each check is the constraint's in MoEOps.td.
#include "raddle/Dialect/MoE/IR/MoEOps.h"
#include "raddle/Utils/LinalgBuilders.h"

#include "mlir/IR/OpImplementation.h"

#include "raddle/Dialect/MoE/IR/MoEDialect.cpp.inc"

using namespace mlir;
using namespace raddle::moe;

void MoEDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "raddle/Dialect/MoE/IR/MoEOps.cpp.inc"
      >();
}

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

/// Checks the type of the value called `name`.
static LogicalResult expectType(Operation *op, StringRef name, Value value, ArrayRef<int64_t> shape, Type element) {
  auto expected = RankedTensorType::get(shape, element);
  if (value.getType() == expected)
    return success();
  return op->emitOpError("expects '") << name << "' of type " << expected << ", is " << value.getType();
}

/// Checks the type of a result, whose elements are those of the operands or of their sums.
static LogicalResult expectResult(Operation *op, ArrayRef<int64_t> shape, Type element) {
  Value out = op->getResult(0);
  return out.getType() == RankedTensorType::get(shape, raddle::sumType(element))
             ? success()
             : expectType(op, "out", out, shape, element);
}

static LogicalResult expectRank(Operation *op, StringRef name, Value value, int64_t rank) {
  if (typeOf(value).getRank() == rank)
    return success();
  return op->emitOpError("expects '") << name << "' of rank " << rank << ", is " << value.getType();
}

static LogicalResult expectGroups(Operation *op, int64_t groups, StringRef name, Value value) {
  if (groups > 0)
    return success();
  return op->emitOpError("expects '") << name << "' of at least one group, is " << value.getType();
}

LogicalResult GroupedMatmulOp::verify() {
  // moe_grouped_matmul_c1
  if (failed(expectRank(*this, "lhs", getLhs(), 2)) || failed(expectRank(*this, "rhs", getRhs(), 3)))
    return failure();
  RankedTensorType lhs = typeOf(getLhs()), rhs = typeOf(getRhs());
  int64_t groups = rhs.getDimSize(0), inner = lhs.getDimSize(1), columns = rhs.getDimSize(getTransposed() ? 1 : 2);
  if (failed(expectGroups(*this, groups, "rhs", getRhs())))
    return failure();
  // moe_grouped_matmul_c2
  SmallVector<int64_t> matrices{groups, inner, columns};
  if (getTransposed())
    std::swap(matrices[1], matrices[2]);
  if (failed(expectType(*this, "rhs", getRhs(), matrices, lhs.getElementType())))
    return failure();
  // moe_grouped_matmul_c3
  if (failed(expectType(*this, "offsets", getOffsets(), {groups}, typeOf(getOffsets()).getElementType())))
    return failure();
  // moe_grouped_matmul_c4
  return expectResult(*this, {lhs.getDimSize(0), columns}, lhs.getElementType());
}

LogicalResult GroupedOuterOp::verify() {
  // moe_grouped_outer_c1
  if (failed(expectRank(*this, "lhs", getLhs(), 2)) || failed(expectRank(*this, "rhs", getRhs(), 2)))
    return failure();
  RankedTensorType lhs = typeOf(getLhs()), rhs = typeOf(getRhs());
  if (failed(expectType(*this, "rhs", getRhs(), {lhs.getDimSize(0), rhs.getDimSize(1)}, lhs.getElementType())))
    return failure();
  // moe_grouped_outer_c2
  if (failed(expectRank(*this, "offsets", getOffsets(), 1)))
    return failure();
  int64_t groups = typeOf(getOffsets()).getDimSize(0);
  if (failed(expectGroups(*this, groups, "offsets", getOffsets())))
    return failure();
  // moe_grouped_outer_c3
  return expectResult(*this, {groups, lhs.getDimSize(1), rhs.getDimSize(1)}, lhs.getElementType());
}

#define GET_OP_CLASSES
#include "raddle/Dialect/MoE/IR/MoEOps.cpp.inc"
