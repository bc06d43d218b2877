// fuse-verify: what stage 6 guarantees.
#include "Grouping.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "raddle/Dialect/Exec/IR/ExecOps.h"
#include "raddle/Dialect/Ragged/IR/RaggedOps.h"
#include "raddle/Fuse/VerifyFused.h"
#include "raddle/Passes.h"

namespace raddle {
#define GEN_PASS_DEF_FUSEVERIFY
#include "raddle/Passes.h.inc"
} // namespace raddle

using namespace mlir;
using namespace raddle;

namespace {

bool isAllowed(Operation &op) {
  return isView(&op) ||
         isa<arith::ConstantOp, func::ReturnOp, exec::DispatchOp, exec::GemmOp, exec::AttentionOp, exec::CheckIndexOp>(
             op) ||
         isa_and_nonnull<ragged::RaggedDialect>(op.getDialect());
}

LogicalResult verifyFunction(func::FuncOp function) {
  if (failed(checkBody(function)))
    return failure();
  LogicalResult result = success();
  for (unsigned index = 0; index < function.getNumArguments(); ++index)
    if (auto name = function.getArgAttrOfType<StringAttr>(index, "nn.param"))
      result = function.emitError("parameter '")
               << name.getValue() << "' is in no bucket: expects the result of 'shard'";
  for (auto [index, type] : llvm::enumerate(function.getArgumentTypes()))
    if (!isStorable(type))
      result = function.emitError("expects tensors of static shape of numbers, argument ") << index << " is " << type;
  for (Operation &op : function.getBody().getOps()) {
    if (!isAllowed(op)) {
      result = op.emitOpError("is left outside of kernels after 'fuse'");
      continue;
    }
    for (Type type : op.getResultTypes())
      if (!isStorable(type))
        result = op.emitOpError("expects tensors of static shape of numbers, is ") << type;
  }
  return result;
}

struct FuseVerifyPass : raddle::impl::FuseVerifyBase<FuseVerifyPass> {
  void runOnOperation() override {
    if (failed(verifyFused(getOperation())))
      signalPassFailure();
  }
};

} // namespace

LogicalResult raddle::verifyFused(ModuleOp module) {
  LogicalResult result = success();
  for (auto function : module.getOps<func::FuncOp>())
    if (!function->hasAttr("exec.kernel") && failed(verifyFunction(function)))
      result = failure();
  return result;
}
