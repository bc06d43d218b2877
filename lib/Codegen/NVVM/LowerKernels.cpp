// codegen-nvvm: from kernels on tensors to kernels of the LLVM dialect that a GPU launches.
#include "../CPU/KernelBody.h"
#include "../PrepareKernels.h"
#include "CommonLoops.h"
#include "DeviceMath.h"
#include "Distribute.h"
#include "LaunchedKernel.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "raddle/Bundle/GpuAttention.h"
#include "raddle/Codegen/NVVM/Passes.h"
#include "raddle/Dialect/Exec/IR/ExecOps.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/MathExtras.h"

namespace raddle {
#define GEN_PASS_DEF_CODEGENNVVM
#include "raddle/Codegen/NVVM/Passes.h.inc"
} // namespace raddle

using namespace mlir;
using namespace raddle;

namespace {

/// Threads of a block in which each thread has a point of its own.
constexpr int64_t kBlock = 256;

struct CodegenNVVMPass : raddle::impl::CodegenNVVMBase<CodegenNVVMPass> {
  using CodegenNVVMBase::CodegenNVVMBase;

  void runOnOperation() override {
    if (failed(run()))
      signalPassFailure();
  }

private:
  struct Shape {
    int64_t pointers;
    Teams teams;
  };

  LogicalResult run() {
    if (failed(checkPrograms()))
      return failure();
    FailureOr<OwningOpRef<ModuleOp>> taken = takeKernels(getOperation(), fuse);
    if (failed(taken))
      return failure();
    ModuleOp kernels = **taken;
    if (failed(keepSmallBuffers(kernels)))
      return failure();
    llvm::StringMap<Shape> shapes;
    LogicalResult result = success();
    for (auto kernel : llvm::make_early_inc_range(kernels.getOps<func::FuncOp>())) {
      int64_t pointers = kernel.getNumArguments();
      FailureOr<Teams> teams = distribute(kernel);
      if (failed(teams))
        result = failure();
      else
        shapes[kernel.getSymName()] = {pointers, *teams};
    }
    if (failed(result) || failed(lowerToLLVM(kernels)))
      return failure();
    SmallVector<LLVM::LLVMFuncOp> bodies(kernels.getOps<LLVM::LLVMFuncOp>());
    for (LLVM::LLVMFuncOp body : bodies)
      if (auto found = shapes.find(body.getSymName()); found != shapes.end())
        if (failed(addEntry(body, found->second)))
          result = failure();
    returnKernels(kernels, getOperation());
    addCheckKernels(getOperation());
    getOperation()->setAttr("exec.target", StringAttr::get(&getContext(), "cuda:" + arch));
    return result;
  }

  /// Names every call of a library that the GPU's runtime has not.
  LogicalResult checkPrograms() {
    LogicalResult result = success();
    getOperation().walk([&](exec::AttentionOp call) {
      if (const char *reason = reasonAgainst(call))
        result = call.emitOpError("is a call of the CPU's runtime, --target=cuda:")
                 << arch << " has none (" << reason << "): compile from stage 'shard' or an earlier one";
    });
    return result;
  }

  static const char *reasonAgainst(exec::AttentionOp op) {
    auto elementOf = [&](size_t index) { return cast<ShapedType>(op.getIns()[index].getType()).getElementType(); };
    attention::GpuCall call;
    llvm::copy(op.getExtents(), call.extents.begin());
    call.has16Bits = elementOf(attention::Query).getIntOrFloatBitWidth() == 16;
    call.hiding = op.getHiding();
    if (op.getMasked()) {
      call.isAdditive = isa<FloatType>(elementOf(attention::hidingPosition));
      llvm::copy(op.getStrides().slice(attention::hidingPosition * call.maskStrides.size(), call.maskStrides.size()),
                 call.maskStrides.begin());
    }
    return attention::reasonAgainst(call);
  }

  /// Threads share what one op has to do, so that ops stay apart: each of them has many points, and neighbouring
  /// threads write neighbours.
  static void fuse(func::FuncOp kernel) {
    fuseProducers(kernel);
    computePartsInPlace(kernel);
    orderLoops(kernel);
  }

  /// A few numbers between ops are a thread's own.
  LogicalResult keepSmallBuffers(ModuleOp kernels) {
    PassManager manager(&getContext());
    manager.addNestedPass<func::FuncOp>(bufferization::createPromoteBuffersToStackPass());
    return runOnKernels(manager, kernels);
  }

  LogicalResult lowerToLLVM(ModuleOp kernels) {
    callDeviceMath(kernels);
    kernels.walk([](func::FuncOp kernel) {
      RewritePatternSet patterns(kernel.getContext());
      arith::populateExpandBFloat16Patterns(patterns);
      (void)applyPatternsGreedily(kernel, std::move(patterns));
    });
    PassManager manager(&getContext());
    addLoweringToLLVM(manager);
    return runOnKernels(manager, kernels);
  }

  /// Puts a kernel around a body that takes the pointers, a point and the thread's number in its team.
  LogicalResult addEntry(LLVM::LLVMFuncOp body, const Shape &shape) {
    int64_t points = shape.teams.points, team = shape.teams.team;
    Launch launch{team > 1 ? points : int64_t(llvm::divideCeil(points, kBlock)), team > 1 ? team : kBlock};
    // The parts begin behind a counter of their size; two blocks at least have room for both.
    if (shape.teams.sumsAcross)
      launch.scratchBytes = 2 * kPartBytes;
    if (launch.blocks > std::numeric_limits<int32_t>::max())
      return body.emitError("kernel '") << body.getSymName() << "' needs " << launch.blocks
                                        << " blocks, a GPU launches fewer than 2^31";
    OpBuilder builder(&getContext());
    Location loc = body.getLoc();
    EntryHead head = makeBody(body);
    builder.setInsertionPointAfter(body);
    LLVM::LLVMFuncOp entry = createKernel(builder, loc, head.name, shape.pointers, launch);
    for (NamedAttribute estimate : head.estimates)
      entry->setAttr(estimate.getName(), estimate.getValue());
    Value thread = threadNumber(builder, loc), point = blockNumber(builder, loc);
    if (team == 1) {
      Value threads = LLVM::ConstantOp::create(builder, loc, builder.getI64Type(), kBlock);
      point = LLVM::AddOp::create(builder, loc, LLVM::MulOp::create(builder, loc, point, threads), thread);
      continueBelow(builder, loc, point, points);
    }
    SmallVector<Value> arguments(entry.getArguments().begin(), entry.getArguments().end());
    arguments.append({point, thread});
    if (shape.teams.sumsAcross) {
      auto pointer = LLVM::LLVMPointerType::get(&getContext());
      Value counter = arguments[shape.pointers];
      Value parts = LLVM::GEPOp::create(builder, loc, pointer, builder.getI8Type(), counter,
                                        ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(kPartBytes)});
      arguments.erase(arguments.begin() + shape.pointers);
      arguments.append({counter, parts});
    }
    LLVM::CallOp::create(builder, loc, body, arguments);
    LLVM::ReturnOp::create(builder, loc, ValueRange{});
    return success();
  }
};

} // namespace
