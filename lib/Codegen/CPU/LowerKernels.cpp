// codegen-cpu: from kernels on tensors to functions of the LLVM dialect.
#include "../PrepareKernels.h"
#include "KernelBody.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/AttrTypeSubElements.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "raddle/Passes.h"
#include <cmath>
#include <limits>

namespace raddle {
#define GEN_PASS_DEF_CODEGENCPU
#include "raddle/Passes.h.inc"
} // namespace raddle

using namespace mlir;
using namespace raddle;

namespace {

struct CodegenCPUPass : raddle::impl::CodegenCPUBase<CodegenCPUPass> {
  void runOnOperation() override {
    if (failed(run()))
      signalPassFailure();
  }

private:
  LogicalResult run() {
    FailureOr<OwningOpRef<ModuleOp>> taken = takeKernels(getOperation(), fuseKernelBody);
    if (failed(taken))
      return failure();
    OwningOpRef<ModuleOp> scratch = std::move(*taken);
    SmallVector<func::FuncOp> kernels(scratch->getOps<func::FuncOp>());
    llvm::StringMap<std::pair<int64_t, int64_t>> shape; // range and number of pointers of a kernel
    for (func::FuncOp kernel : kernels) {
      keepBuffersOnStack(kernel);
      int64_t pointers = kernel.getNumArguments(), range = findRange(kernel);
      if (failed(lowerToLoops(kernel)))
        return failure();
      splitRange(kernel, range);
      shape[kernel.getSymName()] = {range, pointers};
    }
    if (failed(lowerToLLVM(*scratch)))
      return failure();
    SmallVector<LLVM::LLVMFuncOp> bodies(scratch->getOps<LLVM::LLVMFuncOp>());
    for (LLVM::LLVMFuncOp body : bodies) {
      auto found = shape.find(body.getSymName());
      if (found != shape.end())
        addEntry(body, found->second.first, found->second.second);
    }
    returnKernels(*scratch, getOperation());
    return success();
  }

  /// Sine and cosine of large angles need more digits of π than upstream's polynomial has (positions of rotary
  /// embeddings are such angles): they stay calls of the C library.
  static void useLibraryForAngles(func::FuncOp kernel) {
    kernel.walk([](Operation *op) {
      if (!isa<math::SinOp, math::CosOp>(op) || !op->getOperand(0).getType().isF32())
        return;
      OpBuilder builder(op);
      Value angle = op->getOperand(0);
      Value result = isa<math::SinOp>(op)
                         ? LLVM::SinOp::create(builder, op->getLoc(), angle.getType(), angle).getResult()
                         : LLVM::CosOp::create(builder, op->getLoc(), angle.getType(), angle).getResult();
      op->getResult(0).replaceAllUsesWith(result);
      op->erase();
    });
  }

  /// Upstream's polynomials take numbers below the least normal one for it: those are multiplied by 2^23 first, and the
  /// logarithm of that is subtracted.
  static void scaleSubnormalLogarithms(func::FuncOp kernel) {
    kernel.walk([](Operation *op) {
      if (!isa<math::LogOp, math::Log2Op, math::Log10Op>(op) || !op->getOperand(0).getType().isF32())
        return;
      constexpr float kBits = 23;
      float shift = isa<math::Log2Op>(op) ? kBits : isa<math::LogOp>(op) ? kBits * M_LN2 : kBits * M_LN2 / M_LN10;
      OpBuilder builder(op);
      Location loc = op->getLoc();
      auto constant = [&](float value) -> Value {
        return arith::ConstantOp::create(builder, loc, builder.getF32FloatAttr(value));
      };
      Value operand = op->getOperand(0), least = constant(std::numeric_limits<float>::min());
      Value isSmall = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OLT, operand, least);
      Value scaled = arith::MulFOp::create(builder, loc, operand, constant(std::exp2(kBits)));
      op->setOperand(0, arith::SelectOp::create(builder, loc, isSmall, scaled, operand));
      builder.setInsertionPointAfter(op);
      Value moved = arith::SelectOp::create(builder, loc, isSmall, constant(shift), constant(0));
      auto result = arith::SubFOp::create(builder, loc, op->getResult(0), moved);
      op->getResult(0).replaceAllUsesExcept(result, result);
    });
  }

  /// Few processors compute in 16 bits; code for others would call a compiler's library. Each operation is one in f32
  /// whose result is rounded.
  LogicalResult widenArithmetic(ModuleOp module) {
    PassManager manager(&getContext());
    arith::ArithEmulateUnsupportedFloatsOptions arithmetic;
    arithmetic.sourceTypeStrs = {"bf16"};
    manager.addPass(arith::createArithEmulateUnsupportedFloats(arithmetic));
    manager.addPass(math::createMathExtendToSupportedTypes());
    return runOnKernels(manager, module);
  }

  /// What is left of bf16 after its arithmetic is loaded, chosen and stored: as integers, for LLVM would do some of
  /// that in 32 bits.
  static LogicalResult moveAsIntegers(ModuleOp module) {
    auto bits = IntegerType::get(module.getContext(), 16);
    AttrTypeReplacer replacer;
    replacer.addReplacement([=](BFloat16Type) -> Type { return bits; });
    replacer.addReplacement([=](FloatAttr value) -> std::optional<Attribute> {
      if (!value.getType().isBF16())
        return std::nullopt;
      return IntegerAttr::get(bits, value.getValue().bitcastToAPInt());
    });
    replacer.recursivelyReplaceElementsIn(module, /*replaceAttrs=*/true, /*replaceLocs=*/false, /*replaceTypes=*/true);
    module.walk([](LLVM::BitcastOp cast) {
      if (cast.getArg().getType() != cast.getType())
        return;
      cast.replaceAllUsesWith(cast.getArg());
      cast.erase();
    });
    // Arithmetic that was not widened has integers now, which its verifier refuses.
    return verify(module);
  }

  LogicalResult lowerToLLVM(ModuleOp module) {
    if (failed(widenArithmetic(module)))
      return failure();
    module.walk([](func::FuncOp kernel) {
      useLibraryForAngles(kernel);
      scaleSubnormalLogarithms(kernel);
      RewritePatternSet patterns(kernel.getContext());
      populateFunctionPatterns(patterns);
      // By integer arithmetic: processors without these casts would need a compiler's library.
      arith::populateExpandBFloat16Patterns(patterns);
      (void)applyPatternsGreedily(kernel, std::move(patterns));
    });
    PassManager manager(&getContext());
    addLoweringToLLVM(manager);
    if (failed(runOnKernels(manager, module)))
      return failure();
    return moveAsIntegers(module);
  }

  /// Puts the runtime's signature around a body that takes every pointer apart: void(ptr args, i64 begin, i64 end).
  void addEntry(LLVM::LLVMFuncOp body, int64_t range, int64_t pointers) {
    MLIRContext *context = &getContext();
    OpBuilder builder(context);
    Location loc = body.getLoc();
    EntryHead head = makeBody(body);
    builder.setInsertionPointAfter(body);
    auto pointer = LLVM::LLVMPointerType::get(context);
    Type i64 = builder.getI64Type();
    auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(context), {pointer, i64, i64});
    auto entry = LLVM::LLVMFuncOp::create(builder, loc, head.name, type);
    entry->setAttr("exec.kernel", builder.getUnitAttr());
    entry->setAttr("exec.range", builder.getI64IntegerAttr(range));
    entry->setAttr("exec.args", builder.getI64IntegerAttr(pointers));
    for (NamedAttribute estimate : head.estimates)
      entry->setAttr(estimate.getName(), estimate.getValue());
    Block *block = entry.addEntryBlock(builder);
    builder.setInsertionPointToStart(block);
    SmallVector<Value> arguments;
    for (int64_t index = 0; index < pointers; ++index) {
      Value slot = LLVM::GEPOp::create(builder, loc, pointer, pointer, block->getArgument(0),
                                       ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(index)});
      arguments.push_back(LLVM::LoadOp::create(builder, loc, pointer, slot));
    }
    arguments.push_back(block->getArgument(1));
    arguments.push_back(block->getArgument(2));
    LLVM::CallOp::create(builder, loc, body, arguments);
    LLVM::ReturnOp::create(builder, loc, ValueRange{});
  }
};

} // namespace
