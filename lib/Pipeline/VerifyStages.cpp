// Checks of what stages 1 to 4 guarantee.
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "raddle/Passes.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"

namespace raddle {
#define GEN_PASS_DEF_IMPORTVERIFY
#define GEN_PASS_DEF_GRADVERIFY
#define GEN_PASS_DEF_TRAINVERIFY
#include "raddle/Passes.h.inc"
} // namespace raddle

using namespace mlir;

namespace {

bool isTrainable(func::FuncOp function, unsigned argument) {
  auto type = dyn_cast<RankedTensorType>(function.getArgumentTypes()[argument]);
  return type && isa<FloatType>(type.getElementType()) && function.getArgAttr(argument, "nn.param") &&
         !function.getArgAttr(argument, "nn.frozen");
}

/// Types of the results that have `attribute`, by its value.
llvm::StringMap<Type> resultsWith(func::FuncOp function, StringRef attribute) {
  llvm::StringMap<Type> types;
  for (unsigned index = 0; index < function.getNumResults(); ++index)
    if (auto value = function.getResultAttrOfType<StringAttr>(index, attribute))
      types.try_emplace(value.getValue(), function.getResultTypes()[index]);
  return types;
}

/// Checks that a result with `nn.updates` that is no parameter's or state's is the next value of a buffer, of its type.
LogicalResult checkBufferUpdates(func::FuncOp function) {
  llvm::StringMap<Type> buffers;
  llvm::StringSet<> others;
  for (unsigned index = 0; index < function.getNumArguments(); ++index) {
    if (auto name = function.getArgAttrOfType<StringAttr>(index, "nn.buffer"))
      buffers[name.getValue()] = function.getArgumentTypes()[index];
    for (StringRef kind : {"nn.param", "nn.state"})
      if (auto name = function.getArgAttrOfType<StringAttr>(index, kind))
        others.insert(name.getValue());
  }
  bool fits = true;
  for (unsigned index = 0; index < function.getNumResults(); ++index) {
    auto name = function.getResultAttrOfType<StringAttr>(index, "nn.updates");
    if (!name || others.contains(name.getValue()) ||
        buffers.lookup(name.getValue()) == function.getResultTypes()[index])
      continue;
    function.emitError("result ") << index << " updates '" << name.getValue()
                                  << "', of which there is no buffer of type " << function.getResultTypes()[index];
    fits = false;
  }
  return success(fits);
}

struct ImportVerifyPass : raddle::impl::ImportVerifyBase<ImportVerifyPass> {
  void runOnOperation() override {
    auto main = getOperation().lookupSymbol<func::FuncOp>("main");
    if (!main || !main.getBody().hasOneBlock()) {
      getOperation().emitError("expects a function 'main' of one block");
      return signalPassFailure();
    }
    for (auto [index, type] : llvm::enumerate(main.getArgumentTypes()))
      checkType(main, "argument", index, type);
    for (auto [index, type] : llvm::enumerate(main.getResultTypes()))
      checkType(main, "result", index, type);
    checkNames(main);
    if (failed(checkBufferUpdates(main)))
      signalPassFailure();
  }

private:
  void checkType(func::FuncOp main, StringRef what, unsigned index, Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (tensor && tensor.hasStaticShape())
      return;
    main.emitError("expects tensors of static shape, ") << what << " " << index << " is " << type;
    signalPassFailure();
  }

  void checkNames(func::FuncOp main) {
    llvm::StringMap<unsigned> names;
    for (unsigned index = 0; index < main.getNumArguments(); ++index) {
      StringRef role;
      for (StringRef candidate : {"nn.param", "nn.buffer", "nn.input"}) {
        auto name = main.getArgAttrOfType<StringAttr>(index, candidate);
        if (!name)
          continue;
        if (!role.empty()) {
          main.emitError("argument ") << index << " is both '" << role << "' and '" << candidate << "'";
          signalPassFailure();
        }
        role = candidate;
        auto [entry, inserted] = names.try_emplace((candidate + ":" + name.getValue()).str(), index);
        if (!inserted) {
          main.emitError("arguments ") << entry->second << " and " << index << " are both '" << candidate << "' \""
                                       << name.getValue() << "\"";
          signalPassFailure();
        }
      }
    }
  }
};

struct GradVerifyPass : raddle::impl::GradVerifyBase<GradVerifyPass> {
  void runOnOperation() override {
    auto main = getOperation().lookupSymbol<func::FuncOp>("main");
    auto grad = getOperation().lookupSymbol<func::FuncOp>("main_grad");
    if (!main || !grad) {
      getOperation().emitError("expects functions 'main' and 'main_grad'");
      return signalPassFailure();
    }
    SmallVector<Type> expected(main.getResultTypes());
    for (unsigned index = 0; index < main.getNumArguments(); ++index)
      if (isTrainable(main, index))
        expected.push_back(main.getArgumentTypes()[index]);
    if (main.getArgumentTypes() == grad.getArgumentTypes() && TypeRange(expected) == TypeRange(grad.getResultTypes()))
      return;
    grad.emitError("expects the arguments of 'main', its results and a gradient of each trainable parameter: ")
        << FunctionType::get(&getContext(), main.getArgumentTypes(), expected) << ", is " << grad.getFunctionType();
    signalPassFailure();
  }
};

struct TrainVerifyPass : raddle::impl::TrainVerifyBase<TrainVerifyPass> {
  void runOnOperation() override {
    auto step = getOperation().lookupSymbol<func::FuncOp>("train_step");
    auto eval = getOperation().lookupSymbol<func::FuncOp>("eval");
    if (!step || !eval) {
      getOperation().emitError("expects functions 'train_step' and 'eval'");
      return signalPassFailure();
    }
    for (auto [function, output] :
         {std::pair<func::FuncOp, StringRef>{step, "loss"}, {step, "grad_norm"}, {eval, "loss"}})
      if (!resultsWith(function, "nn.output").contains(output)) {
        function.emitError("expects an output '") << output << "'";
        signalPassFailure();
      }
    llvm::StringMap<Type> updates = resultsWith(step, "nn.updates");
    if (failed(checkBufferUpdates(step)) || failed(checkBufferUpdates(eval)))
      signalPassFailure();
    for (unsigned index = 0; index < step.getNumArguments(); ++index) {
      auto name = step.getArgAttrOfType<StringAttr>(index, isTrainable(step, index) ? "nn.param" : "nn.state");
      if (!name)
        continue;
      Type updated = updates.lookup(name.getValue());
      if (updated == step.getArgumentTypes()[index])
        continue;
      InFlightDiagnostic error = step.emitError("expects a result of type ")
                                 << step.getArgumentTypes()[index] << " that updates '" << name.getValue() << "', ";
      updated ? error << "is " << updated : error << "there is none";
      signalPassFailure();
    }
  }
};

} // namespace
