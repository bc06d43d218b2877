// raddle-grad: reverse-mode differentiation of a function on tensors.
#include "CaptureRule.h"
#include "GenericRule.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"
#include "raddle/Interfaces/DifferentiableOpInterface.h"
#include "raddle/Passes.h"
#include "raddle/Utils/LinalgBuilders.h"
#include "raddle/Utils/TensorQueries.h"
#include <map>

namespace raddle {
#define GEN_PASS_DEF_RADDLEGRAD
#include "raddle/Passes.h.inc"
} // namespace raddle

using namespace mlir;

namespace {

bool isFloatTensor(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && isa<FloatType>(tensor.getElementType());
}

/// Differentiates one function, in place: appends backward before its terminator.
class Differentiator {
public:
  /// `name` is that of the function in messages.
  Differentiator(func::FuncOp function, StringRef name)
      : function(function), name(name), builder(function.getContext()) {}

  /// Values that depend on a selected argument and carry derivatives.
  void markActive(ArrayRef<unsigned> arguments) {
    for (unsigned index : arguments)
      active.insert(function.getArgument(index));
    for (Operation &op : function.getBody().front().without_terminator()) {
      bool reads = false;
      op.walk([&](Operation *nested) {
        reads |= llvm::any_of(nested->getOperands(), [&](Value operand) { return active.contains(operand); });
      });
      if (!reads)
        continue;
      bool carries = false;
      for (Value result : op.getResults())
        // Scalars too, so that a path through one is refused and not forgotten.
        if (isFloatTensor(result.getType()) || isa<FloatType>(result.getType())) {
          active.insert(result);
          carries = true;
        }
      if (!carries && op.getNumResults())
        cuts.push_back(&op);
    }
  }

  bool isActive(Value value) const { return active.contains(value); }
  ArrayRef<Operation *> getCuts() const { return cuts; }
  Value getAdjoint(Value value) const { return adjoints.lookup(value); }
  int64_t getNumRules() const { return numRules; }

  /// Walks back from `result`, whose adjoint is `seed`. Reports all ops without a rule at once.
  LogicalResult run(Value result, Value seed) {
    builder.setInsertionPoint(function.getBody().front().getTerminator());
    adjoints[result] = seed;
    SmallVector<Operation *> ops;
    for (Operation &op : function.getBody().front().without_terminator())
      ops.push_back(&op);
    for (Operation *op : llvm::reverse(ops))
      if (llvm::any_of(op->getResults(), [&](Value value) { return active.contains(value) && adjoints.count(value); }))
        differentiate(op);
    return reportMissing();
  }

private:
  void addAdjoint(Value value, Value adjoint) {
    Value &slot = adjoints[value];
    slot = slot ? raddle::buildSum(builder, adjoint.getLoc(), slot, adjoint) : adjoint;
  }

  void differentiate(Operation *op) {
    SmallVector<bool> wanted;
    for (Value operand : op->getOperands())
      wanted.push_back(active.contains(operand));
    SmallVector<Value> resultGrads, operandGrads(op->getNumOperands());
    for (Value result : op->getResults())
      resultGrads.push_back(adjoints.lookup(result));

    std::string why;
    LogicalResult built = failure();
    SmallVector<Value> captures = activeCaptures(op);
    auto isActiveScalar = [&](Value value) { return isa<FloatType>(value.getType()) && active.contains(value); };
    if (llvm::any_of(captures, isActiveScalar) || llvm::any_of(op->getOperands(), isActiveScalar))
      why = "it reads a differentiated value that is no tensor";
    else if (!captures.empty() && !isa<linalg::LinalgOp>(op))
      why = "it reads a differentiated tensor from inside its body";
    else if (auto rule = dyn_cast<raddle::DifferentiableOpInterface>(op))
      built = rule.buildBackward(builder, resultGrads, wanted, operandGrads);
    else if (auto structured = dyn_cast<linalg::LinalgOp>(op))
      built = differentiateStructured(structured, captures, resultGrads, wanted, operandGrads, why);
    else
      why = "it has no derivative";
    if (failed(built)) {
      missing.push_back({op, why});
      // Go on as if it had a gradient: what lies above is reported in the same error.
      for (auto [operand, isWanted] : llvm::zip(op->getOperands(), wanted))
        if (isWanted && isFloatTensor(operand.getType()) && !adjoints.lookup(operand))
          adjoints[operand] =
              raddle::buildFilled(builder, op->getLoc(), cast<RankedTensorType>(operand.getType()), 0.0);
      return;
    }
    ++numRules;
    for (auto [operand, grad] : llvm::zip(op->getOperands(), operandGrads))
      if (grad)
        addAdjoint(operand, grad);
  }

  LogicalResult differentiateStructured(linalg::LinalgOp op, ArrayRef<Value> captures, ValueRange resultGrads,
                                        ArrayRef<bool> wanted, SmallVectorImpl<Value> &operandGrads, std::string &why) {
    SmallVector<Value> captureGrads;
    for (Value captured : captures) {
      FailureOr<Value> grad = raddle::differentiateCapture(op, captured, builder, resultGrads, why);
      if (failed(grad))
        return failure();
      captureGrads.push_back(*grad);
    }
    if (llvm::is_contained(wanted, true) &&
        failed(raddle::differentiateStructuredOp(op, builder, resultGrads, wanted, operandGrads, why)))
      return failure();
    for (auto [captured, grad] : llvm::zip(captures, captureGrads))
      addAdjoint(captured, grad);
    return success();
  }

  /// Active values that a region of the op reads and that are not its operands.
  SmallVector<Value> activeCaptures(Operation *op) const {
    llvm::SetVector<Value> captures;
    for (Region &region : op->getRegions())
      region.walk([&](Operation *nested) {
        for (Value operand : nested->getOperands())
          if (active.contains(operand) && !region.isAncestor(operand.getParentRegion()))
            captures.insert(operand);
      });
    return captures.takeVector();
  }

  LogicalResult reportMissing() {
    if (missing.empty())
      return success();
    // One error for all, grouped by op and reason, each at its first op: the walk went backwards.
    std::map<std::pair<StringRef, std::string>, SmallVector<Operation *>> groups;
    for (auto &[op, why] : missing)
      groups[{op->getName().getStringRef(), why}].push_back(op);
    InFlightDiagnostic error = function.emitError("cannot differentiate '")
                               << name << "': " << missing.size() << " ops on the way have no gradient";
    for (auto &[key, ops] : groups)
      error.attachNote(ops.back()->getLoc())
          << "'" << key.first << "' (" << ops.size()
          << " times): " << (key.second.empty() ? "its own rule refuses it" : key.second);
    return error;
  }

  func::FuncOp function;
  StringRef name;
  OpBuilder builder;
  llvm::DenseSet<Value> active;
  SmallVector<Operation *> cuts;
  llvm::DenseMap<Value, Value> adjoints;
  SmallVector<std::pair<Operation *, std::string>> missing;
  int64_t numRules = 0;
};

struct RaddleGradPass : raddle::impl::RaddleGradBase<RaddleGradPass> {
  using Base::Base;

  void runOnOperation() override {
    if (failed(run()))
      signalPassFailure();
  }

  LogicalResult run() {
    auto source = getOperation().lookupSymbol<func::FuncOp>(function);
    if (!source)
      return getOperation().emitError("has no function '") << function << "' to differentiate";
    if (failed(check(source)))
      return failure();
    SmallVector<unsigned> arguments = selectArguments(source);
    if (arguments.empty())
      return source.emitError("'") << function << "' has no argument to differentiate with respect to";

    func::FuncOp gradient = source.clone();
    gradient.setName(function + "_grad");
    // Nobody outside knows the new function yet: a name that is taken is an error, not a rename.
    if (getOperation().lookupSymbol(gradient.getName())) {
      auto error = source.emitError("a function '") << gradient.getName() << "' is there already";
      gradient.erase();
      return error;
    }
    getOperation().insert(std::next(source->getIterator()), gradient);
    return build(gradient, arguments);
  }

private:
  LogicalResult check(func::FuncOp source) {
    if (failed(raddle::checkBody(source)))
      return failure();
    if (result >= source.getNumResults())
      return source.emitError("expects result ")
             << unsigned(result) << " to be the loss, the results are 0 to below " << source.getNumResults();
    Type type = source.getResultTypes()[result];
    if (!isFloatTensor(type) || (!withCotangent && cast<RankedTensorType>(type).getNumElements() != 1))
      return source.emitError("expects result ") << unsigned(result) << " to be a floating-point tensor"
                                                 << (withCotangent ? "" : " of one element") << ", is " << type;
    for (Type argument : source.getArgumentTypes())
      if (auto tensor = dyn_cast<ShapedType>(argument); tensor && !tensor.hasStaticShape())
        return source.emitError("expects arguments of static shape, has ") << argument;
    return success();
  }

  SmallVector<unsigned> selectArguments(func::FuncOp source) {
    SmallVector<unsigned> arguments;
    for (unsigned index = 0; index < source.getNumArguments(); ++index) {
      if (!isFloatTensor(source.getArgument(index).getType()))
        continue;
      if (parametersOnly && (!source.getArgAttr(index, "nn.param") || source.getArgAttr(index, "nn.frozen")))
        continue;
      arguments.push_back(index);
    }
    return arguments;
  }

  LogicalResult build(func::FuncOp gradient, ArrayRef<unsigned> arguments) {
    Operation *terminator = gradient.getBody().front().getTerminator();
    Value differentiated = terminator->getOperand(result);
    auto type = cast<RankedTensorType>(differentiated.getType());
    OpBuilder builder(terminator);

    Differentiator differentiator(gradient, function);
    differentiator.markActive(arguments);
    if (!differentiator.isActive(differentiated)) {
      InFlightDiagnostic error = gradient.emitError("no path with a derivative leads from the arguments to result ")
                                 << unsigned(result) << " of '" << function << "'";
      for (Operation *op : differentiator.getCuts())
        error.attachNote(op->getLoc()) << "'" << op->getName() << "' ends a path: its result has no derivative";
      return error;
    }

    Value seed;
    if (withCotangent) {
      if (failed(gradient.insertArgument(gradient.getNumArguments(), type, {}, gradient.getLoc())))
        return failure();
      seed = gradient.getArguments().back();
    } else {
      seed = raddle::buildFilled(builder, gradient.getLoc(), type, 1.0);
    }
    if (failed(differentiator.run(differentiated, seed)))
      return failure();
    numRules += differentiator.getNumRules();

    SmallVector<Value> results(terminator->getOperands());
    for (unsigned index : arguments) {
      Value argument = gradient.getArgument(index);
      Value adjoint = differentiator.getAdjoint(argument);
      if (!adjoint)
        adjoint = raddle::buildFilled(builder, gradient.getLoc(), cast<RankedTensorType>(argument.getType()), 0.0);
      results.push_back(adjoint);
    }
    terminator->setOperands(results);
    SmallVector<Attribute> resultAttributes;
    if (ArrayAttr known = gradient.getResAttrsAttr())
      resultAttributes.assign(known.begin(), known.end());
    resultAttributes.resize(results.size(), DictionaryAttr::get(&getContext()));
    gradient.setType(FunctionType::get(&getContext(), gradient.getArgumentTypes(), ValueRange(results).getTypes()));
    if (gradient.getResAttrsAttr())
      gradient.setResAttrsAttr(ArrayAttr::get(&getContext(), resultAttributes));
    return success();
  }
};

} // namespace
