// codegen-triton-compile: machine code of kernels that have a Triton version.
#include "CodeInfo.h"
#include "RunTriton.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/Remarks.h"
#include "raddle/Codegen/Triton/Passes.h"

namespace raddle {
#define GEN_PASS_DEF_CODEGENTRITONCOMPILE
#include "raddle/Codegen/Triton/Passes.h.inc"
} // namespace raddle

using namespace mlir;
using namespace raddle;

namespace {

constexpr int64_t kWarp = 32;

/// A remark on what stays with another code generator.
void explain(Operation *op, const Twine &why) {
  remark::failed(op->getLoc(), remark::RemarkOpts::name("left").category("codegen-triton-compile")) << why.str();
}

struct CodegenTritonCompilePass : raddle::impl::CodegenTritonCompileBase<CodegenTritonCompilePass> {
  using CodegenTritonCompileBase::CodegenTritonCompileBase;

  void runOnOperation() override {
    SmallVector<func::FuncOp> kernels;
    SmallVector<size_t> numbers; // of their sources
    std::vector<TritonSource> sources;
    llvm::DenseMap<std::pair<Attribute, Attribute>, size_t> known; // those of one text and one number of warps
    for (auto kernel : getOperation().getOps<func::FuncOp>())
      if (auto text = kernel->getAttrOfType<StringAttr>("exec.triton")) {
        auto warps = kernel->getAttrOfType<IntegerAttr>("exec.warps");
        auto [number, isNew] = known.try_emplace({text, warps}, sources.size());
        if (isNew)
          sources.push_back({text.str(), warps.getInt()});
        kernels.push_back(kernel);
        numbers.push_back(number->second);
      }
    if (kernels.empty())
      return;
    llvm::Expected<std::vector<TritonCode>> codes = runTriton(sources, arch, python);
    if (!codes)
      return leaveAll(kernels, codes.takeError());
    for (auto [kernel, number] : llvm::zip_equal(kernels, numbers))
      if (llvm::Error error = replace(kernel, (*codes)[number]))
        leave(kernel, "kernel '" + kernel.getSymName() + "': " + llvm::toString(std::move(error)));
  }

private:
  void leaveAll(ArrayRef<func::FuncOp> kernels, llvm::Error error) {
    bool isMissing = error.isA<TritonMissing>();
    std::string why = llvm::toString(std::move(error));
    if (required || !isMissing) {
      getOperation().emitError(why);
      return signalPassFailure();
    }
    explain(getOperation(), why);
    for (func::FuncOp kernel : kernels)
      dropVersion(kernel);
  }

  void leave(func::FuncOp kernel, const Twine &why) {
    explain(kernel, why);
    dropVersion(kernel);
  }

  static void dropVersion(func::FuncOp kernel) {
    for (StringRef name : {"exec.triton", "exec.symbol", "exec.blocks", "exec.warps"})
      kernel->removeAttr(name);
  }

  /// Puts a declaration with the code in the kernel's place. What a launch passes is what the code object takes.
  llvm::Error replace(func::FuncOp kernel, const TritonCode &code) {
    if (!code.error.empty())
      return llvm::createStringError("Triton refuses it: " + code.error);
    auto symbol = kernel->getAttrOfType<StringAttr>("exec.symbol");
    llvm::Expected<CodeInfo> info = readCodeInfo(code.cubin, symbol ? symbol.getValue() : kernel.getSymName());
    if (!info)
      return info.takeError();
    int64_t arrays = kernel.getNumArguments() + kernel.getNumResults(), threads = code.warps * kWarp;
    if (info->parameters < arrays)
      return llvm::createStringError("its code takes " + Twine(info->parameters) + " pointers, expected at least " +
                                     Twine(arrays));
    if (info->requiredThreads != threads)
      return llvm::createStringError("its code wants blocks of " + Twine(info->requiredThreads) +
                                     " threads, expected " + Twine(threads));
    // Kernels of other generators leave zeros in scratch memory for each other.
    if (code.scratchBytes != 0)
      return llvm::createStringError("it needs scratch memory of " + Twine(code.scratchBytes) + " bytes a program");
    OpBuilder builder(kernel);
    SmallVector<Type> types(info->parameters, LLVM::LLVMPointerType::get(&getContext()));
    auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(&getContext()), types);
    auto entry = LLVM::LLVMFuncOp::create(builder, kernel.getLoc(), kernel.getSymName(), type);
    for (StringRef kept : {"exec.kernel", "exec.flops", "exec.bytes", "exec.blocks", "exec.triton", "exec.symbol"})
      if (Attribute value = kernel->getAttr(kept))
        entry->setAttr(kept, value);
    auto set = [&](StringRef name, int64_t value) { entry->setAttr(name, builder.getI64IntegerAttr(value)); };
    set("exec.args", arrays);
    set("exec.range", 1);
    set("exec.threads", threads);
    set("exec.shared", code.sharedBytes);
    set("exec.trailing", info->parameters - arrays);
    entry->setAttr("exec.cubin", builder.getStringAttr(code.cubin));
    kernel.erase();
    ++numCompiled;
    return llvm::Error::success();
  }
};

} // namespace
