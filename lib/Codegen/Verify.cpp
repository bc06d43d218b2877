// codegen-verify: what stage 8 guarantees.
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "raddle/Dialect/Exec/IR/ExecOps.h"
#include "raddle/Passes.h"

namespace raddle {
#define GEN_PASS_DEF_CODEGENVERIFY
#include "raddle/Passes.h.inc"
} // namespace raddle

using namespace mlir;
using namespace raddle;

namespace {

struct CodegenVerifyPass : raddle::impl::CodegenVerifyBase<CodegenVerifyPass> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      function.emitError("is not code after 'generate'");
      return signalPassFailure();
    }
    getOperation().walk([&](exec::DispatchOp dispatch) {
      auto kernel = getOperation().lookupSymbol<LLVM::LLVMFuncOp>(dispatch.getKernelAttr());
      auto arguments = kernel ? kernel->getAttrOfType<IntegerAttr>("exec.args") : IntegerAttr();
      auto range = kernel ? kernel->getAttrOfType<IntegerAttr>("exec.range") : IntegerAttr();
      int64_t passed = dispatch.getIns().size() + dispatch.getOuts().size();
      if (arguments && range && arguments.getInt() == passed)
        return;
      dispatch.emitOpError("expects code that takes ") << passed << " pointers and has a range";
      signalPassFailure();
    });
  }
};

} // namespace
