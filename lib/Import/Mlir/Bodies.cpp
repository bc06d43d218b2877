// Assertions and reads in the bodies of a module from outside.
#include "Adopt.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "raddle/Dialect/Exec/IR/ExecOps.h"
#include "raddle/Utils/LinalgBuilders.h"

using namespace mlir;

namespace raddle::import {
namespace {

class BodyAdopter {
public:
  explicit BodyAdopter(linalg::GenericOp op) : op(op), builder(op) {}

  void run() {
    SmallVector<cf::AssertOp> assertions(op.getBody()->getOps<cf::AssertOp>());
    for (cf::AssertOp assertion : assertions)
      collectBound(assertion);
    for (auto [argument, bound] : bounds)
      if (bound.isChecked())
        check(op->getOperand(argument.getArgNumber()), *bound.below, "element that is looked up");
    for (cf::AssertOp assertion : assertions) {
      auto found = bounds.find(boundedBy(assertion));
      if (found == bounds.end() || !found->second.isChecked())
        checkCondition(assertion);
      assertion.erase();
    }
    for (auto extract : op.getBody()->getOps<tensor::ExtractOp>())
      keepInBounds(extract);
  }

private:
  /// What assertions say of an element of an operand.
  struct Bound {
    bool notNegative = false;
    std::optional<int64_t> below;
    bool isChecked() const { return notNegative && below; }
  };

  /// The element that a value is, seen through casts between integers of memory and indices.
  BlockArgument elementOf(Value value) {
    if (auto cast = value.getDefiningOp<arith::IndexCastOp>())
      value = cast.getIn();
    auto argument = dyn_cast<BlockArgument>(value);
    return argument && argument.getOwner() == op.getBody() && argument.getArgNumber() < op.getNumDpsInputs() &&
                   isa<RankedTensorType>(op->getOperand(argument.getArgNumber()).getType())
               ? argument
               : BlockArgument();
  }

  BlockArgument boundedBy(cf::AssertOp assertion) {
    auto compare = assertion.getArg().getDefiningOp<arith::CmpIOp>();
    return compare ? elementOf(compare.getLhs()) : BlockArgument();
  }

  void collectBound(cf::AssertOp assertion) {
    BlockArgument element = boundedBy(assertion);
    auto compare = assertion.getArg().getDefiningOp<arith::CmpIOp>();
    APInt limit;
    if (!element || !matchPattern(compare.getRhs(), m_ConstantInt(&limit)))
      return;
    if (compare.getPredicate() == arith::CmpIPredicate::sge && limit.isZero())
      bounds[element].notNegative = true;
    else if (compare.getPredicate() == arith::CmpIPredicate::slt && limit.isStrictlyPositive())
      bounds[element].below = std::min(bounds[element].below.value_or(limit.getSExtValue()), limit.getSExtValue());
  }

  void check(Value indices, int64_t size, StringRef what) {
    exec::CheckIndexOp::create(builder, op.getLoc(), indices, builder.getI64IntegerAttr(size),
                               builder.getI64IntegerAttr(0), IntegerAttr(), builder.getStringAttr(what),
                               builder.getI64IntegerAttr(0));
  }

  /// Any other condition is computed apart: 0 where it holds, 1, which is out of range, where not.
  void checkCondition(cf::AssertOp assertion) {
    SmallVector<int64_t> shape = op.getStaticLoopRanges();
    SmallVector<AffineMap> maps = op.getIndexingMapsArray();
    auto type = RankedTensorType::get(shape, builder.getI64Type());
    SmallVector<AffineMap> inputMaps(maps.begin(), maps.begin() + op.getNumDpsInputs());
    Value broken = buildElementwise(
        builder, op.getLoc(), type, op.getInputs(), inputMaps, [&](const Scalars &s, ValueRange elements) {
          IRMapping mapping;
          mapping.map(op.getBody()->getArguments().take_front(elements.size()), elements);
          for (Operation &inner : op.getBody()->without_terminator()) {
            if (&inner == assertion)
              break;
            if (!isa<cf::AssertOp>(inner))
              s.builder.clone(inner, mapping);
          }
          Value holds = mapping.lookupOrDefault(assertion.getArg());
          return s.select(holds, s.constant(s.builder.getI64Type(), 0), s.constant(s.builder.getI64Type(), 1));
        });
    check(broken, 1, assertion.getMsg());
  }

  /// Whether the position lies in [0, size) whatever the data.
  bool isWithin(Value position, int64_t size) {
    if (auto index = position.getDefiningOp<linalg::IndexOp>())
      return op.getStaticLoopRanges()[index.getDim()] <= size;
    APInt constant;
    if (matchPattern(position, m_ConstantInt(&constant)))
      return !constant.isNegative() && constant.getSExtValue() < size;
    auto found = bounds.find(elementOf(position));
    return found != bounds.end() && found->second.isChecked() && *found->second.below <= size;
  }

  /// What is out of range moves to the nearest element.
  void keepInBounds(tensor::ExtractOp extract) {
    OpBuilder inside(extract);
    Location loc = extract.getLoc();
    auto constant = [&](int64_t value) { return arith::ConstantIndexOp::create(inside, loc, value); };
    for (auto [dim, operand] : llvm::enumerate(extract.getIndicesMutable())) {
      int64_t size = extract.getTensor().getType().getDimSize(dim);
      if (isWithin(operand.get(), size))
        continue;
      Value above = arith::MaxSIOp::create(inside, loc, operand.get(), constant(0));
      operand.assign(arith::MinSIOp::create(inside, loc, above, constant(size - 1)));
    }
  }

  linalg::GenericOp op;
  OpBuilder builder;
  llvm::MapVector<BlockArgument, Bound> bounds;
};

} // namespace

LogicalResult adoptBodies(func::FuncOp function) {
  for (auto op : function.getBody().front().getOps<linalg::GenericOp>())
    BodyAdopter(op).run();
  SmallVector<cf::AssertOp> left;
  function.getBody().walk([&](cf::AssertOp op) { left.push_back(op); });
  if (left.empty())
    return success();
  InFlightDiagnostic error = function.emitError()
                             << left.size() << " assertions outside of the bodies of 'linalg.generic' are not known to "
                             << "hold: their conditions must follow from shapes";
  error.attachNote(left.front().getLoc()) << "the first: \"" << left.front().getMsg() << "\"";
  return error;
}

} // namespace raddle::import
