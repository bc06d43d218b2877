// train-build-step: gradients, clipping and optimizer in one function.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"
#include "raddle/Dialect/NN/IR/NNOps.h"
#include "raddle/Passes.h"
#include "raddle/Utils/ArgumentAppender.h"
#include "raddle/Utils/LinalgBuilders.h"
#include "raddle/Utils/TensorQueries.h"

namespace raddle {
#define GEN_PASS_DEF_TRAINBUILDSTEP
#include "raddle/Passes.h.inc"
} // namespace raddle

using namespace mlir;
using namespace raddle;

namespace {

/// Torch adds this to the norm before it divides, `torch.nn.utils.clip_grad_norm_`.
constexpr double kClipEpsilon = 1e-6;

struct TrainBuildStepPass : raddle::impl::TrainBuildStepBase<TrainBuildStepPass> {
  using Base::Base;

  void runOnOperation() override {
    if (failed(run()))
      signalPassFailure();
  }

  LogicalResult run() {
    ModuleOp module = getOperation();
    auto forward = module.lookupSymbol<func::FuncOp>("main");
    auto step = module.lookupSymbol<func::FuncOp>("main_grad");
    if (!forward || !step)
      return module.emitError("expects functions 'main' and 'main_grad', as 'raddle-grad' leaves them");
    if (optimizer != "adamw" && optimizer != "sgd")
      return module.emitError("expects optimizer 'sgd' or 'adamw', is '") << optimizer << "'";
    if (failed(checkBody(forward)) || failed(checkBody(step)) || failed(checkForms(forward, step)))
      return failure();
    if (failed(collectParameters(forward, step)))
      return failure();
    forward.setName("eval");
    step.setName("train_step");
    forward.setResultAttr(loss, "nn.output", StringAttr::get(&getContext(), "loss"));
    build(step, forward.getNumResults());
    evaluate(forward);
    return success();
  }

private:
  /// A parameter that is updated: its argument and its gradient.
  struct Parameter {
    unsigned argument;
    StringAttr name;
    Value grad;
  };

  /// `step` computes what `forward` does, and the loss is one number.
  LogicalResult checkForms(func::FuncOp forward, func::FuncOp step) {
    if (loss >= forward.getNumResults())
      return forward.emitError("expects the loss to be a result below ")
             << forward.getNumResults() << ", is " << unsigned(loss);
    auto type = dyn_cast<RankedTensorType>(forward.getResultTypes()[loss]);
    if (!type || !type.hasStaticShape() || type.getNumElements() != 1)
      return forward.emitError("expects the loss to be a tensor of one element, is ") << forward.getResultTypes()[loss];
    if (forward.getArgumentTypes() == step.getArgumentTypes() &&
        forward.getResultTypes() == step.getResultTypes().take_front(forward.getNumResults()))
      return success();
    return step.emitError("expects the arguments and first the results of 'main', ")
           << forward.getFunctionType() << ", is " << step.getFunctionType();
  }

  LogicalResult collectParameters(func::FuncOp forward, func::FuncOp step) {
    Operation *terminator = step.getBody().front().getTerminator();
    unsigned next = forward.getNumResults();
    for (unsigned index = 0; index < step.getNumArguments(); ++index) {
      auto name = step.getArgAttrOfType<StringAttr>(index, "nn.param");
      auto type = dyn_cast<RankedTensorType>(step.getArgument(index).getType());
      if (!name || step.getArgAttr(index, "nn.frozen") || !type || !isa<FloatType>(type.getElementType()))
        continue;
      if (next >= terminator->getNumOperands() || terminator->getOperand(next).getType() != type)
        return step.emitError("expects a gradient of type ") << type << " for parameter '" << name.getValue() << "'";
      Value grad = terminator->getOperand(next++);
      // As in torch, a parameter without a gradient is not touched, not even by weight decay.
      if (isZeroFilled(grad)) {
        for (func::FuncOp function : {forward, step})
          function.setArgAttr(index, "nn.frozen", UnitAttr::get(&getContext()));
        continue;
      }
      parameters.push_back({index, name, grad});
    }
    if (parameters.empty())
      return step.emitError("has no trainable parameter that the loss depends on");
    return success();
  }

  Value addState(ArgumentAppender &arguments, const Parameter &parameter, StringRef role) {
    Builder attrs(&getContext());
    std::string name = (parameter.name.getValue() + "." + role).str();
    auto attributes = attrs.getDictionaryAttr(attrs.getNamedAttr("nn.state", attrs.getStringAttr(name)));
    return arguments.add(parameter.grad.getType(), attributes, parameter.grad.getLoc());
  }

  Value addRuntimeInput(ArgumentAppender &arguments, Type element, StringRef role, Location loc) {
    Builder attrs(&getContext());
    auto attributes = attrs.getDictionaryAttr({attrs.getNamedAttr("nn.input", attrs.getStringAttr(role)),
                                               attrs.getNamedAttr("nn.role", attrs.getStringAttr(role))});
    return arguments.add(RankedTensorType::get({}, element), attributes, loc);
  }

  /// The number of the call that random numbers are drawn by is that of the step: who resumes training draws on.
  Value findStepNumber(func::FuncOp step, ArgumentAppender &arguments) {
    Builder attrs(&getContext());
    for (unsigned index = 0; index < step.getNumArguments(); ++index) {
      auto role = step.getArgAttrOfType<StringAttr>(index, "nn.role");
      if (!role || role != "call")
        continue;
      for (StringRef attribute : {"nn.input", "nn.role"})
        step.setArgAttr(index, attribute, attrs.getStringAttr("step"));
      return step.getArgument(index);
    }
    return addRuntimeInput(arguments, attrs.getI64Type(), "step", step.getLoc());
  }

  void build(func::FuncOp step, unsigned numForwardResults) {
    Operation *terminator = step.getBody().front().getTerminator();
    OpBuilder builder(terminator);
    Location loc = step.getLoc();
    Value lossValue = terminator->getOperand(loss);
    // The learning rate is single precision whatever the model's type is: it comes from the caller.
    ArgumentAppender arguments(step);
    Value lr = addRuntimeInput(arguments, builder.getF32Type(), "lr", loc);
    Value number = findStepNumber(step, arguments);

    SmallVector<Value> grads;
    for (const Parameter &parameter : parameters)
      grads.push_back(parameter.grad);
    Value norm, scale;
    buildNorm(builder, loc, grads, norm, scale);

    results.clear();
    addResult(buildReshape(builder, loc, lossValue, {}), "nn.output", "loss");
    addResult(norm, "nn.output", "grad_norm");
    for (const Parameter &parameter : parameters)
      buildUpdate(builder, step.getArgument(parameter.argument), arguments, parameter, lr, number, scale);
    arguments.finish();
    keepBufferUpdates(step, terminator->getOperands().take_front(numForwardResults));
    terminator->setOperands(results);
    step.setType(FunctionType::get(&getContext(), step.getArgumentTypes(), ValueRange(results).getTypes()));
    step.setResAttrsAttr(ArrayAttr::get(&getContext(), resultAttributes));
  }

  void buildNorm(OpBuilder &builder, Location loc, ValueRange grads, Value &norm, Value &scale) {
    // In the widest type among the gradients', f32 at least.
    Type widest = builder.getF32Type();
    for (Value grad : grads)
      if (Type element = cast<RankedTensorType>(grad.getType()).getElementType();
          element.getIntOrFloatBitWidth() > widest.getIntOrFloatBitWidth())
        widest = element;
    auto scalarType = RankedTensorType::get({}, widest);
    Value squares = nn::SquaredNormOp::create(builder, loc, scalarType, grads);
    norm = buildElementwise(builder, loc, scalarType, {squares}, {},
                            [](const Scalars &s, ValueRange args) { return s.sqrt(args[0]); });
    if (clipNorm == 0.0)
      return;
    scale = buildElementwise(builder, loc, scalarType, {norm}, {}, [&](const Scalars &s, ValueRange args) {
      Value bound = s.add(args[0], s.constantLike(args[0], kClipEpsilon));
      Value factor = s.div(s.constantLike(args[0], clipNorm), bound);
      return arith::MinimumFOp::create(s.builder, s.loc, factor, s.constantLike(args[0], 1.0)).getResult();
    });
  }

  void buildUpdate(OpBuilder &builder, Value param, ArgumentAppender &arguments, const Parameter &parameter, Value lr,
                   Value number, Value scale) {
    Type type = param.getType();
    Location loc = param.getLoc();
    if (optimizer == "adamw") {
      Value m = addState(arguments, parameter, "exp_avg"), v = addState(arguments, parameter, "exp_avg_sq");
      auto update = nn::AdamWOp::create(builder, loc, TypeRange{type, type, type}, param, parameter.grad, m, v, lr,
                                        number, scale, builder.getF64FloatAttr(beta1), builder.getF64FloatAttr(beta2),
                                        builder.getF64FloatAttr(eps), builder.getF64FloatAttr(weightDecay));
      addUpdates(parameter, update.getResults(), {"exp_avg", "exp_avg_sq"});
      return;
    }
    Value buffer = addState(arguments, parameter, "momentum_buffer");
    auto update = nn::SGDOp::create(builder, loc, TypeRange{type, type}, param, parameter.grad, buffer, lr, scale,
                                    builder.getF64FloatAttr(momentum), builder.getF64FloatAttr(weightDecay));
    addUpdates(parameter, update.getResults(), {"momentum_buffer"});
  }

  /// Makes a forward pass of training one of evaluation: batch norms use their running statistics, nothing is dropped
  /// out, and no buffer changes.
  void evaluate(func::FuncOp forward) {
    forward.walk([](nn::BatchNormOp op) {
      if (op.getRunningMean())
        op.setTraining(false);
    });
    forward.walk([](nn::DropoutOp op) {
      op.replaceAllUsesWith(op.getInput());
      op.erase();
    });
    llvm::BitVector updates(forward.getNumResults());
    for (unsigned index = 0; index < forward.getNumResults(); ++index)
      if (forward.getResultAttr(index, "nn.updates"))
        updates.set(index);
    forward.getBody().front().getTerminator()->eraseOperands(updates);
    // Results without a place in other functions cannot fail to go.
    (void)forward.eraseResults(updates);
  }

  /// Next values of buffers, which the forward pass gives among its results.
  void keepBufferUpdates(func::FuncOp step, ValueRange forwardResults) {
    for (auto [index, value] : llvm::enumerate(forwardResults))
      if (auto name = step.getResultAttrOfType<StringAttr>(index, "nn.updates"))
        addResult(value, "nn.updates", name);
  }

  /// The first value is the parameter's next one, the others those of its states.
  void addUpdates(const Parameter &parameter, ValueRange values, ArrayRef<StringRef> roles) {
    addResult(values[0], "nn.updates", parameter.name.getValue());
    for (auto [value, role] : llvm::zip(values.drop_front(), roles))
      addResult(value, "nn.updates", (parameter.name.getValue() + "." + role).str());
  }

  void addResult(Value value, StringRef attribute, StringRef name) {
    Builder attrs(&getContext());
    results.push_back(value);
    resultAttributes.push_back(attrs.getDictionaryAttr(attrs.getNamedAttr(attribute, attrs.getStringAttr(name))));
  }

  SmallVector<Parameter> parameters;
  SmallVector<Value> results;
  SmallVector<Attribute> resultAttributes;
};

} // namespace
