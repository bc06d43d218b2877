#include "DeviceMath.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;

namespace raddle {

StringRef deviceFunction(Operation *op) {
  return llvm::StringSwitch<StringRef>(op->getName().stripDialect())
      .Case("acos", "__nv_acos")
      .Case("acosh", "__nv_acosh")
      .Case("asin", "__nv_asin")
      .Case("asinh", "__nv_asinh")
      .Case("atan", "__nv_atan")
      .Case("atan2", "__nv_atan2")
      .Case("atanh", "__nv_atanh")
      .Case("cbrt", "__nv_cbrt")
      .Case("cos", "__nv_cos")
      .Case("cosh", "__nv_cosh")
      .Case("erf", "__nv_erf")
      .Case("erfc", "__nv_erfc")
      .Case("exp", "__nv_exp")
      .Case("exp2", "__nv_exp2")
      .Case("expm1", "__nv_expm1")
      .Case("log", "__nv_log")
      .Case("log10", "__nv_log10")
      .Case("log1p", "__nv_log1p")
      .Case("log2", "__nv_log2")
      .Case("powf", "__nv_pow")
      .Case("rsqrt", "__nv_rsqrt")
      .Case("sin", "__nv_sin")
      .Case("sinh", "__nv_sinh")
      .Case("tan", "__nv_tan")
      .Case("tanh", "__nv_tanh")
      .Default("");
}

void callDeviceMath(ModuleOp kernels) {
  SmallVector<Operation *> ops;
  kernels.walk([&](Operation *op) {
    if (isa<math::MathDialect>(op->getDialect()) && !deviceFunction(op).empty())
      ops.push_back(op);
  });
  OpBuilder builder(kernels.getContext());
  for (Operation *op : ops) {
    Type type = op->getResult(0).getType();
    bool isDouble = type.isF64();
    Type computed = isDouble ? type : builder.getF32Type();
    std::string name = (deviceFunction(op) + (isDouble ? "" : "f")).str();
    if (!kernels.lookupSymbol(name)) {
      builder.setInsertionPointToStart(kernels.getBody());
      SmallVector<Type> arguments(op->getNumOperands(), computed);
      func::FuncOp::create(builder, op->getLoc(), name, builder.getFunctionType(arguments, computed)).setPrivate();
    }
    builder.setInsertionPoint(op);
    SmallVector<Value> operands(op->getOperands());
    if (computed != type)
      for (Value &operand : operands)
        operand = arith::ExtFOp::create(builder, op->getLoc(), computed, operand);
    Value result = func::CallOp::create(builder, op->getLoc(), name, computed, operands).getResult(0);
    if (computed != type)
      result = arith::TruncFOp::create(builder, op->getLoc(), type, result);
    op->getResult(0).replaceAllUsesWith(result);
    op->erase();
  }
}

} // namespace raddle
