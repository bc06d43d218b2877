#include "raddle/Utils/TensorQueries.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace raddle {

int64_t elementBytes(Type type) { return llvm::divideCeil(type.getIntOrFloatBitWidth(), 8); }

/// What a process can address.
static constexpr int64_t kMostBytes = int64_t(1) << 47;

std::optional<int64_t> arrayBytes(ShapedType type) {
  if (!type.hasStaticShape() || !type.getElementType().isIntOrFloat())
    return std::nullopt;
  int64_t bytes = elementBytes(type.getElementType());
  for (int64_t extent : type.getShape())
    if (llvm::MulOverflow(bytes, extent, bytes) || bytes > kMostBytes)
      return std::nullopt;
  return bytes;
}

bool isStorable(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && arrayBytes(tensor);
}

LogicalResult checkBody(FunctionOpInterface function) {
  Region &body = function.getFunctionBody();
  if (body.hasOneBlock() && !body.front().empty() && isa<func::ReturnOp>(body.front().back()))
    return success();
  return function->emitError("expects a body of one block that ends in 'func.return'");
}

bool isZeroFilled(Value value) {
  auto fill = value.getDefiningOp<linalg::FillOp>();
  return fill && matchPattern(fill.getInputs()[0], m_AnyZeroFloat());
}

Value castSource(Operation *op) {
  auto generic = dyn_cast<linalg::GenericOp>(op);
  if (!generic || generic.getNumDpsInputs() != 1 || generic->getNumResults() != 1 ||
      !llvm::all_of(generic.getIndexingMapsArray(), [](AffineMap map) { return map.isIdentity(); }))
    return {};
  Operation *cast = generic.getBody()->getTerminator()->getOperand(0).getDefiningOp();
  bool isCast =
      isa_and_nonnull<arith::ExtFOp, arith::TruncFOp>(cast) && cast->getOperand(0) == generic.getBody()->getArgument(0);
  return isCast ? generic.getInputs()[0] : Value();
}

bool isView(Operation *op) { return isa<tensor::CollapseShapeOp, tensor::ExpandShapeOp>(op); }

Value beforeViews(Value value) {
  while (Operation *view = value.getDefiningOp()) {
    if (!isView(view))
      break;
    value = view->getOperand(0);
  }
  return value;
}

} // namespace raddle
