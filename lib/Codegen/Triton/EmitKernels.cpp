// codegen-triton: a version in Triton's language for every kernel that has one.
#include "WriteKernel.h"
#include "mlir/IR/Remarks.h"
#include "raddle/Codegen/Triton/Passes.h"
#include "raddle/Dialect/Exec/IR/ExecOps.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/Support/MathExtras.h"

namespace raddle {
#define GEN_PASS_DEF_CODEGENTRITON
#include "raddle/Codegen/Triton/Passes.h.inc"
} // namespace raddle

using namespace mlir;
using namespace raddle;

namespace {

/// Everything that a bundle's arrays begin in lies at a multiple of this.
constexpr int64_t kBaseAlignment = 256;

struct CodegenTritonPass : raddle::impl::CodegenTritonBase<CodegenTritonPass> {
  void runOnOperation() override {
    llvm::MapVector<StringAttr, KernelArrays> arrays = findArrays();
    for (auto kernel : getOperation().getOps<func::FuncOp>()) {
      if (!kernel->hasAttr("exec.kernel"))
        continue;
      std::string why;
      if (std::optional<TritonKernel> written = writeForTriton(kernel, arrays[kernel.getSymNameAttr()], why)) {
        OpBuilder builder(&getContext());
        kernel->setAttr("exec.triton", builder.getStringAttr(written->text));
        kernel->setAttr("exec.symbol", builder.getStringAttr(written->symbol));
        kernel->setAttr("exec.blocks", builder.getI64IntegerAttr(written->programs));
        kernel->setAttr("exec.warps", builder.getI64IntegerAttr(written->warps));
        ++numWritten;
        continue;
      }
      ++numLeft;
      std::string text = "kernel '" + kernel.getSymName().str() + "' is not written for Triton: " + why;
      remark::missed(kernel.getLoc(), remark::RemarkOpts::name("left").category("codegen-triton")) << text;
    }
  }

private:
  /// What all calls of a kernel have in common.
  llvm::MapVector<StringAttr, KernelArrays> findArrays() {
    llvm::MapVector<StringAttr, KernelArrays> result;
    getOperation().walk([&](exec::DispatchOp dispatch) {
      KernelArrays &arrays = result[dispatch.getKernelAttr().getAttr()];
      arrays.alignment.resize(dispatch.getIns().size() + dispatch.getOuts().size(), kBaseAlignment);
      for (auto [number, operand] : llvm::enumerate(llvm::concat<Value>(dispatch.getIns(), dispatch.getOuts()))) {
        auto buffer = operand.getDefiningOp<exec::BufferOp>();
        // Zero is a multiple of everything.
        int64_t offset = buffer ? static_cast<int64_t>(buffer.getOffset()) : 1;
        arrays.alignment[number] = llvm::MinAlign(arrays.alignment[number], offset);
      }
      for (auto [input, in] : llvm::enumerate(dispatch.getIns()))
        for (auto [output, out] : llvm::enumerate(dispatch.getOuts()))
          if (in == out && !llvm::is_contained(arrays.inPlace, std::make_pair(unsigned(input), unsigned(output))))
            arrays.inPlace.push_back({static_cast<unsigned>(input), static_cast<unsigned>(output)});
    });
    return result;
  }
};

} // namespace
