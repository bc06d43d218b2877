// Shapes of a module from outside, made static.
#include "Adopt.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace raddle::import {
namespace {

/// Walks a block once, in order: when the shapes of an op's operands are known, so is that of its results.
class ShapeEvaluator {
public:
  explicit ShapeEvaluator(func::FuncOp function) : function(function), builder(function.getContext()) {}

  LogicalResult run() {
    Block &block = function.getBody().front();
    for (Operation &op : llvm::make_early_inc_range(block.without_terminator()))
      evaluate(&op);
    function.setType(builder.getFunctionType(block.getArgumentTypes(), block.getTerminator()->getOperandTypes()));
    return reportDynamic();
  }

private:
  static bool isDynamic(Type type) {
    auto shaped = dyn_cast<ShapedType>(type);
    return shaped && !shaped.hasStaticShape();
  }

  void replace(Operation *op, ValueRange values) {
    op->replaceAllUsesWith(values);
    op->erase();
  }

  void evaluate(Operation *op) {
    builder.setInsertionPoint(op);
    if (isa<arith::ConstantOp>(op))
      return;
    SmallVector<Value> folded;
    if (succeeded(builder.tryFold(op, folded)) && !folded.empty())
      return replace(op, folded);
    if (auto assertion = dyn_cast<cf::AssertOp>(op); assertion && matchPattern(assertion.getArg(), m_One()))
      return op->erase();
    // What is written into a tensor has its type.
    if (auto destination = dyn_cast<DestinationStyleOpInterface>(op))
      for (OpResult result : op->getResults())
        result.setType(destination.getTiedOpOperand(result)->get().getType());
    bool stale = llvm::any_of(op->getResultTypes(), isDynamic) || isa<tensor::CastOp>(op);
    if (stale)
      if (Value value = rebuild(op))
        replace(op, value);
  }

  /// Sizes with those that are constants as attributes.
  static SmallVector<OpFoldResult> known(ArrayRef<OpFoldResult> sizes) {
    SmallVector<OpFoldResult> result;
    for (OpFoldResult size : sizes) {
      std::optional<int64_t> value = getConstantIntValue(size);
      result.push_back(value ? IntegerAttr::get(IndexType::get(size.getContext()), *value) : size);
    }
    return result;
  }

  /// The op with what is known by now; null where that makes no difference.
  Value rebuild(Operation *op) {
    Location loc = op->getLoc();
    return llvm::TypeSwitch<Operation *, Value>(op)
        .Case([&](tensor::EmptyOp op) {
          return tensor::EmptyOp::create(builder, loc, known(op.getMixedSizes()), op.getType().getElementType());
        })
        .Case([&](tensor::CastOp op) { return isDynamic(op.getSource().getType()) ? Value() : op.getSource(); })
        .Case([&](tensor::CollapseShapeOp op) {
          return tensor::CollapseShapeOp::create(builder, loc, op.getSrc(), op.getReassociationIndices());
        })
        .Case([&](tensor::ExpandShapeOp op) { return expand(op); })
        .Case([&](tensor::ExtractSliceOp op) {
          SmallVector<OpFoldResult> offsets = known(op.getMixedOffsets()), sizes = known(op.getMixedSizes()),
                                    strides = known(op.getMixedStrides());
          auto type = tensor::ExtractSliceOp::inferCanonicalRankReducedResultType(op.getType().getRank(),
                                                                                  op.getSourceType(), sizes);
          return tensor::ExtractSliceOp::create(builder, loc, type, op.getSource(), offsets, sizes, strides);
        })
        .Case([&](tensor::InsertSliceOp op) {
          return tensor::InsertSliceOp::create(builder, loc, op.getSource(), op.getDest(), known(op.getMixedOffsets()),
                                               known(op.getMixedSizes()), known(op.getMixedStrides()));
        })
        .Case([&](tensor::ConcatOp op) { return tensor::ConcatOp::create(builder, loc, op.getDim(), op.getInputs()); })
        .Case([&](tensor::PadOp op) { return pad(op); })
        .Default([](Operation *) { return Value(); });
  }

  Value expand(tensor::ExpandShapeOp op) {
    SmallVector<int64_t> shape;
    SmallVector<OpFoldResult> sizes = known(op.getMixedOutputShape());
    for (OpFoldResult size : sizes)
      shape.push_back(getConstantIntValue(size).value_or(ShapedType::kDynamic));
    auto type = RankedTensorType::get(shape, op.getResultType().getElementType());
    return tensor::ExpandShapeOp::create(builder, op.getLoc(), type, op.getSrc(), op.getReassociationIndices(), sizes);
  }

  Value pad(tensor::PadOp op) {
    SmallVector<OpFoldResult> low = known(op.getMixedLowPad()), high = known(op.getMixedHighPad());
    auto constants = [](ArrayRef<OpFoldResult> sizes) {
      return llvm::map_to_vector(
          sizes, [](OpFoldResult size) { return getConstantIntValue(size).value_or(ShapedType::kDynamic); });
    };
    auto type = tensor::PadOp::inferResultType(op.getSourceType(), constants(low), constants(high));
    auto result = tensor::PadOp::create(builder, op.getLoc(), type, op.getSource(), low, high, op.getNofold());
    result.getRegion().takeBody(op.getRegion());
    return result;
  }

  LogicalResult reportDynamic() {
    llvm::MapVector<OperationName, SmallVector<Operation *>> dynamic;
    function.getBody().walk([&](Operation *op) {
      if (llvm::any_of(op->getResultTypes(), isDynamic))
        dynamic[op->getName()].push_back(op);
    });
    if (dynamic.empty())
      return success();
    InFlightDiagnostic error = function.emitError("shapes do not follow from the batch and the weights: ");
    llvm::interleaveComma(dynamic, error, [&](const auto &entry) {
      error << "'" << entry.first.getStringRef() << "' (" << entry.second.size()
            << (entry.second.size() == 1 ? " time)" : " times)");
    });
    for (auto &[name, ops] : dynamic)
      error.attachNote(ops.front()->getLoc())
          << "the first '" << name.getStringRef() << "' gives " << ops.front()->getResult(0).getType();
    return error;
  }

  func::FuncOp function;
  OpBuilder builder;
};

/// The argument's type with the batch in place of its dynamic dimension 0.
FailureOr<RankedTensorType> bindBatch(func::FuncOp function, unsigned index, const AdoptOptions &options) {
  auto type = cast<RankedTensorType>(function.getArgument(index).getType());
  auto fail = [&](const Twine &message) {
    return function.emitError("argument ") << index << " of type " << type << ": " << message;
  };
  for (int64_t dim = 1; dim < type.getRank(); ++dim)
    if (type.isDynamicDim(dim))
      return fail("dimension " + Twine(dim) + " is dynamic: only dimension 0, the batch, may be");
  if (!options.batch)
    return fail("dimension 0 is dynamic: give the batch of all ranks");
  if (*options.batch % options.ranks != 0)
    return fail("batch " + Twine(*options.batch) + " does not divide by " + Twine(options.ranks) + " ranks");
  SmallVector<int64_t> shape(type.getShape());
  shape[0] = *options.batch / options.ranks;
  return RankedTensorType::get(shape, type.getElementType());
}

} // namespace

LogicalResult makeStatic(func::FuncOp function, const AdoptOptions &options) {
  bool valid = true, dynamic = false;
  for (auto [index, argument] : llvm::enumerate(function.getArguments())) {
    if (cast<RankedTensorType>(argument.getType()).hasStaticShape())
      continue;
    dynamic = true;
    FailureOr<RankedTensorType> type = bindBatch(function, index, options);
    valid &= succeeded(type);
    if (succeeded(type))
      argument.setType(*type);
  }
  if (!valid)
    return failure();
  if (dynamic)
    function->getParentOfType<ModuleOp>()->setAttr(
        "nn.batch", Builder(function.getContext()).getI64IntegerAttr(*options.batch / options.ranks));
  return ShapeEvaluator(function).run();
}

} // namespace raddle::import
