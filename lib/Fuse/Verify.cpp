// fuse-verify: what stage 6 guarantees.
#include "Grouping.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "raddle/Dialect/Exec/IR/ExecOps.h"
#include "raddle/Dialect/Ragged/IR/RaggedOps.h"
#include "raddle/Passes.h"

namespace raddle {
#define GEN_PASS_DEF_FUSEVERIFY
#include "raddle/Passes.h.inc"
} // namespace raddle

using namespace mlir;
using namespace raddle;

namespace {

struct FuseVerifyPass : raddle::impl::FuseVerifyBase<FuseVerifyPass> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (function->hasAttr("exec.kernel"))
        continue;
      for (unsigned index = 0; index < function.getNumArguments(); ++index)
        if (auto name = function.getArgAttrOfType<StringAttr>(index, "nn.param")) {
          function.emitError("parameter '") << name.getValue() << "' is in no bucket: expects the result of 'shard'";
          signalPassFailure();
        }
      for (Operation &op : function.getBody().getOps()) {
        bool allowed = isView(&op) || isa<arith::ConstantOp, func::ReturnOp>(op) ||
                       isa<exec::ExecDialect, ragged::RaggedDialect>(op.getDialect());
        if (allowed)
          continue;
        op.emitOpError("is left outside of kernels after 'fuse'");
        signalPassFailure();
      }
    }
  }
};

} // namespace
