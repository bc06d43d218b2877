// What a module from outside may contain.
#include "Adopt.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "raddle/Dialect/MoE/IR/MoEOps.h"
#include "raddle/Dialect/NN/IR/NNOps.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;

namespace raddle::import {

/// Element types that a bundle holds.
static bool isStorable(Type type) {
  return type.isInteger(1) || type.isInteger(8) || type.isInteger(16) || type.isInteger(32) || type.isInteger(64) ||
         isa<Float16Type, BFloat16Type, Float32Type, Float64Type>(type);
}

/// Why a type cannot be that of an argument or result; empty if it can.
static StringRef problemOf(Type type) {
  if (isa<BaseMemRefType>(type))
    return "a model starts on tensors, before bufferization";
  if (isa<UnrankedTensorType>(type))
    return "its rank must be known";
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor)
    return "expected a tensor";
  if (tensor.getEncoding())
    return "tensors with an encoding are not supported";
  if (isa<ComplexType>(tensor.getElementType()))
    return "complex numbers are not supported: pass their parts";
  if (isa<IndexType>(tensor.getElementType()))
    return "values of type index have no size in memory: use i64";
  return isStorable(tensor.getElementType()) ? "" : "its element type is not supported";
}

static LogicalResult checkTypes(func::FuncOp function, StringRef what, ArrayRef<Type> types) {
  bool valid = true;
  for (auto [index, type] : llvm::enumerate(types)) {
    StringRef problem = problemOf(type);
    if (problem.empty())
      continue;
    function.emitError() << what << " " << index << " is " << type << ": " << problem;
    valid = false;
  }
  return success(valid);
}

func::FuncOp findModel(ModuleOp module) {
  auto model = module.lookupSymbol<func::FuncOp>("main");
  auto fail = [&](const Twine &message) -> func::FuncOp {
    InFlightDiagnostic error = module.emitError() << message;
    for (auto function : module.getOps<func::FuncOp>())
      error.attachNote(function.getLoc())
          << "function '" << function.getName() << "'" << (function.isExternal() ? " has no body" : "");
    return nullptr;
  };
  if (!model)
    return fail("expects a function 'main' of one block");
  if (model.isExternal() || !model.getBody().hasOneBlock())
    return fail(model.isExternal() ? Twine("expects a function 'main' of one block, it has no body")
                                   : "expects a function 'main' of one block, it has " +
                                         Twine(model.getBody().getBlocks().size()) + " of them");
  bool arguments = succeeded(checkTypes(model, "argument", model.getArgumentTypes()));
  bool results = succeeded(checkTypes(model, "result", model.getResultTypes()));
  return arguments && results ? model : nullptr;
}

LogicalResult checkOps(func::FuncOp function) {
  llvm::MapVector<OperationName, SmallVector<Operation *>> refused;
  function.getBody().walk([&](Operation *op) {
    bool known = isa_and_nonnull<arith::ArithDialect, linalg::LinalgDialect, math::MathDialect, scf::SCFDialect,
                                 tensor::TensorDialect, nn::NNDialect, moe::MoEDialect>(op->getDialect()) ||
                 isa<cf::AssertOp, func::ReturnOp>(op);
    if (!known)
      refused[op->getName()].push_back(op);
  });
  if (refused.empty())
    return success();
  InFlightDiagnostic error = function.emitError("ops that a model cannot have: ");
  llvm::interleaveComma(refused, error, [&](const auto &entry) {
    error << "'" << entry.first.getStringRef() << "' (" << entry.second.size()
          << (entry.second.size() == 1 ? " time)" : " times)");
  });
  error << "; expected linalg, tensor, arith, math and scf on tensors";
  for (auto &[name, ops] : refused) {
    Diagnostic &note = error.attachNote(ops.front()->getLoc());
    note << "the first '" << name.getStringRef() << "'";
    if (auto call = dyn_cast<func::CallOp>(ops.front()))
      note << ", of '" << call.getCallee() << "': inline functions before (--inline)";
  }
  return error;
}

LogicalResult inlineGlobals(ModuleOp module) {
  LogicalResult result = success();
  SymbolTable symbols(module);
  module.walk([&](ml_program::GlobalLoadConstOp load) {
    auto global = symbols.lookup<ml_program::GlobalOp>(load.getGlobal().getLeafReference());
    auto value = global ? dyn_cast_if_present<ElementsAttr>(global.getValueAttr()) : ElementsAttr();
    if (!value) {
      result = load.emitOpError("expects a global with a value");
      return;
    }
    OpBuilder builder(load);
    load.replaceAllUsesWith(arith::ConstantOp::create(builder, load.getLoc(), cast<TypedAttr>(value)).getResult());
    load.erase();
  });
  // torch-mlir declares a seed of random numbers whether one is drawn or not.
  for (auto global : llvm::make_early_inc_range(module.getOps<ml_program::GlobalOp>()))
    if (SymbolTable::symbolKnownUseEmpty(global, module))
      global.erase();
  return result;
}

} // namespace raddle::import
