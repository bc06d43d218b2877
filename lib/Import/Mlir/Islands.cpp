// Double precision between single precision.
#include "Adopt.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/EquivalenceClasses.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;

namespace raddle::import {
namespace {

bool isDouble(Type type) { return getElementTypeOrSelf(type).isF64(); }

Type narrowed(Type type) {
  Type single = Float32Type::get(type.getContext());
  if (auto shaped = dyn_cast<RankedTensorType>(type))
    return shaped.clone(single);
  return single;
}

/// Ops of one block that hand tensors of double precision to each other.
class Island {
public:
  explicit Island(ArrayRef<Operation *> ops) : ops(ops) {}

  /// Whether single precision gives the same up to rounding: it came from no more than that, goes to no more, and
  /// nothing cancels. A sum of squared distances from the mean is safe; a difference of means, as in
  /// E[x²] − E[x]², is not.
  bool canNarrow() {
    for (Operation *op : ops)
      for (Value value : op->getOperands())
        if (auto type = dyn_cast<RankedTensorType>(value.getType()))
          largest = std::max(largest, type.getNumElements());
    return llvm::all_of(ops, [&](Operation *op) { return canNarrow(op); });
  }

  void narrow() {
    for (Operation *op : ops) {
      SmallVector<Operation *> all;
      // Arguments of bodies before what reads them.
      op->walk<WalkOrder::PreOrder>([&](Operation *inner) { all.push_back(inner); });
      llvm::for_each(all, narrowOne);
    }
  }

private:
  bool canNarrow(Operation *op) {
    if (isa<tensor::EmptyOp, tensor::ExpandShapeOp, tensor::CollapseShapeOp>(op))
      return true;
    if (isa<linalg::FillOp>(op))
      return op->getOperand(0).getDefiningOp<arith::ConstantOp>() != nullptr;
    auto generic = dyn_cast<linalg::GenericOp>(op);
    if (!generic)
      return false;
    for (Operation &inner : generic.getBody()->without_terminator())
      if (touchesDouble(inner) && !canNarrowScalar(generic, inner))
        return false;
    return true;
  }

  static bool touchesDouble(Operation &op) {
    return llvm::any_of(op.getOperandTypes(), isDouble) || llvm::any_of(op.getResultTypes(), isDouble);
  }

  bool canNarrowScalar(linalg::GenericOp generic, Operation &inner) {
    for (Value operand : inner.getOperands())
      if (isDouble(operand.getType()) && operand.getParentBlock() != generic.getBody() &&
          !operand.getDefiningOp<arith::ConstantOp>())
        return false;
    if (isa<arith::SubFOp>(inner))
      return llvm::any_of(generic.getInputs(), [&](Value input) {
        auto type = dyn_cast<RankedTensorType>(input.getType());
        return type && type.getNumElements() == largest;
      });
    return isa<arith::AddFOp, arith::MulFOp, arith::DivFOp, arith::ExtFOp, arith::TruncFOp, math::SqrtOp, math::RsqrtOp,
               arith::ConstantOp>(inner);
  }

  static Value narrowConstant(OpBuilder &builder, arith::ConstantOp op) {
    double value = cast<FloatAttr>(op.getValue()).getValueAsDouble();
    return arith::ConstantOp::create(builder, op.getLoc(), builder.getF32FloatAttr(value));
  }

  static void narrowOne(Operation *op) {
    for (Region &region : op->getRegions())
      for (BlockArgument argument : region.getArguments())
        if (isDouble(argument.getType()))
          argument.setType(narrowed(argument.getType()));
    OpBuilder builder(op);
    if (auto constant = dyn_cast<arith::ConstantOp>(op); constant && isDouble(op->getResult(0).getType())) {
      constant.replaceAllUsesWith(narrowConstant(builder, constant));
      constant.erase();
      return;
    }
    // Constants outside are shared with others.
    for (OpOperand &operand : op->getOpOperands())
      if (operand.get().getType().isF64())
        if (auto constant = operand.get().getDefiningOp<arith::ConstantOp>())
          operand.set(narrowConstant(builder, constant));
    for (Value result : op->getResults())
      if (isDouble(result.getType()))
        result.setType(narrowed(result.getType()));
    // Casts between what are now equal types.
    if (isa<arith::ExtFOp, arith::TruncFOp>(op) && op->getOperand(0).getType() == op->getResult(0).getType()) {
      op->getResult(0).replaceAllUsesWith(op->getOperand(0));
      op->erase();
    }
  }

  ArrayRef<Operation *> ops;
  int64_t largest = 0;
};

} // namespace

void narrowIslands(func::FuncOp function) {
  // What a caller sees in double precision is asked for in it.
  auto asked = [](Type type) { return isDouble(type); };
  if (llvm::any_of(function.getArgumentTypes(), asked) || llvm::any_of(function.getResultTypes(), asked))
    return;
  llvm::EquivalenceClasses<Operation *> classes;
  auto isDoubleTensor = [](Value value) { return isa<RankedTensorType>(value.getType()) && isDouble(value.getType()); };
  for (Operation &op : function.getBody().front()) {
    if (isa<arith::ConstantOp>(op) || llvm::none_of(op.getResults(), isDoubleTensor))
      continue;
    for (Value result : op.getResults())
      if (isDoubleTensor(result))
        for (Operation *user : result.getUsers())
          classes.unionSets(&op, function.getBody().front().findAncestorOpInBlock(*user));
  }
  // In the order of the program.
  llvm::MapVector<Operation *, SmallVector<Operation *>> islands;
  for (Operation &op : function.getBody().front())
    if (auto found = classes.findLeader(&op); found != classes.member_end())
      islands[*found].push_back(&op);
  for (auto &[leader, ops] : islands)
    if (Island island(ops); island.canNarrow())
      island.narrow();
}

} // namespace raddle::import
