#include "PrepareKernels.h"

#include "CPU/KernelBody.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/Transforms.h"
#include "mlir/Transforms/Passes.h"
#include "raddle/Dialect/Exec/IR/ExecOps.h"
#include "raddle/Utils/TensorQueries.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;

namespace raddle {

/// Pairs (argument, result) of a kernel.
using Pairs = llvm::SmallSetVector<std::pair<unsigned, unsigned>, 4>;

/// Which results of a kernel are written over an argument.
struct InPlace {
  Pairs always;    // in every dispatch: the kernel may rely on it
  Pairs sometimes; // in others the two are apart
};

/// Kernels are functions on tensors that become pointers; scalars have none. Upstream's passes take the dialect of
/// every op for granted.
static LogicalResult checkKernels(ArrayRef<func::FuncOp> kernels) {
  LogicalResult result = success();
  for (func::FuncOp kernel : kernels) {
    if (failed(checkBody(kernel))) {
      result = failure();
      continue;
    }
    FunctionType type = kernel.getFunctionType();
    for (Type part : llvm::concat<const Type>(type.getInputs(), type.getResults()))
      if (!isStorable(part))
        result = kernel.emitError("expects arguments and results of a kernel to be tensors of static shape of numbers, "
                                  "has ")
                 << part;
    kernel.walk([&](Operation *op) {
      if (!op->getDialect())
        result = op->emitOpError("is of an unknown dialect: it cannot become code");
    });
  }
  return result;
}

static Pairs pairsOf(exec::DispatchOp dispatch) {
  Pairs pairs;
  for (auto [result, output] : llvm::enumerate(dispatch.getOuts()))
    for (auto [argument, input] : llvm::enumerate(dispatch.getIns()))
      if (input == output)
        pairs.insert({static_cast<unsigned>(argument), static_cast<unsigned>(result)});
  return pairs;
}

/// Whether the kernel knows the two as one array: they have one type, and no other argument is that array as well.
static bool canShare(func::FuncOp kernel, const Pairs &pairs, std::pair<unsigned, unsigned> pair) {
  return kernel.getArgumentTypes()[pair.first] == kernel.getResultTypes()[pair.second] &&
         llvm::count_if(pairs, [&](auto other) { return other.second == pair.second; }) == 1;
}

/// Kernels of which a program gives an argument and a result the same address.
static llvm::MapVector<StringAttr, InPlace> findInPlace(ModuleOp module) {
  llvm::MapVector<StringAttr, SmallVector<Pairs>> dispatches;
  module.walk(
      [&](exec::DispatchOp dispatch) { dispatches[dispatch.getKernelAttr().getAttr()].push_back(pairsOf(dispatch)); });
  SymbolTable symbols(module);
  llvm::MapVector<StringAttr, InPlace> result;
  for (auto &[name, pairs] : dispatches) {
    auto kernel = symbols.lookup<func::FuncOp>(name);
    InPlace &inPlace = result[name];
    for (const Pairs &some : pairs)
      for (auto pair : some) {
        bool always = kernel && llvm::all_of(pairs, [&](const Pairs &others) {
                        return others.contains(pair) && canShare(kernel, others, pair);
                      });
        (always ? inPlace.always : inPlace.sometimes).insert(pair);
      }
  }
  return result;
}

/// What is written over an argument is that argument: then nothing of the loop over its elements depends on another
/// pass, which LLVM would have to find out when the kernel runs.
static void shareMemory(func::FuncOp kernel, unsigned numInputs, const Pairs &pairs) {
  for (auto [argument, result] : pairs)
    kernel.getArgument(numInputs + result).replaceAllUsesWith(kernel.getArgument(argument));
}

static LogicalResult bufferize(ModuleOp module) {
  PassManager manager(module.getContext());
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());
  manager.addPass(bufferization::createEmptyTensorEliminationPass());
  manager.addPass(bufferization::createEmptyTensorToAllocTensorPass());
  bufferization::OneShotBufferizePassOptions options;
  options.allowReturnAllocsFromLoops = true;
  manager.addPass(bufferization::createOneShotBufferizePass(options));
  manager.addNestedPass<func::FuncOp>(bufferization::createBufferHoistingPass());
  manager.addNestedPass<func::FuncOp>(bufferization::createBufferLoopHoistingPass());
  manager.addPass(createCanonicalizerPass());
  return runOnKernels(manager, module);
}

LogicalResult runOnKernels(PassManager &manager, ModuleOp kernels) {
  manager.enableVerifier(false);
  return manager.run(kernels);
}

FailureOr<OwningOpRef<ModuleOp>> takeKernels(ModuleOp module, function_ref<void(func::FuncOp)> fuse) {
  llvm::MapVector<StringAttr, InPlace> inPlace = findInPlace(module);
  SmallVector<func::FuncOp> kernels;
  for (auto function : module.getOps<func::FuncOp>())
    if (function->hasAttr("exec.kernel"))
      kernels.push_back(function);
  if (failed(checkKernels(kernels)))
    return failure();
  OwningOpRef<ModuleOp> taken = ModuleOp::create(module.getLoc());
  SmallVector<unsigned> numInputs;
  for (func::FuncOp kernel : kernels) {
    kernel->moveBefore(taken->getBody(), taken->getBody()->end());
    fuse(kernel);
    splitNarrowCasts(kernel);
    relaxArithmetic(kernel);
    numInputs.push_back(kernel.getNumArguments());
    passDestinations(kernel, inPlace[kernel.getSymNameAttr()].sometimes.getArrayRef());
  }
  if (failed(bufferize(*taken)))
    return failure();
  for (auto [kernel, inputs] : llvm::zip(kernels, numInputs))
    shareMemory(kernel, inputs, inPlace[kernel.getSymNameAttr()].always);
  return taken;
}

LogicalResult lowerForallLoops(func::FuncOp kernel) {
  IRRewriter rewriter(kernel.getContext());
  SmallVector<scf::ForallOp> loops;
  kernel.walk([&](scf::ForallOp loop) { loops.push_back(loop); });
  for (scf::ForallOp loop : loops) {
    rewriter.setInsertionPoint(loop);
    if (failed(scf::forallToForLoop(rewriter, loop)))
      return loop->emitOpError("cannot be lowered to loops");
  }
  return success();
}

LogicalResult checkAllocations(func::FuncOp kernel) {
  WalkResult allocates = kernel.walk([](memref::AllocOp op) {
    op->emitOpError("is left: a kernel must not allocate memory");
    return WalkResult::interrupt();
  });
  return failure(allocates.wasInterrupted());
}

EntryHead makeBody(LLVM::LLVMFuncOp kernel) {
  EntryHead head{kernel.getSymName().str(), {}};
  kernel.setSymName(head.name + "_body");
  kernel.setLinkage(LLVM::Linkage::Internal);
  kernel->removeAttr("exec.kernel");
  for (StringRef estimate : {"exec.flops", "exec.bytes"})
    if (Attribute value = kernel->removeAttr(estimate))
      head.estimates.emplace_back(estimate, value);
  return head;
}

void returnKernels(ModuleOp kernels, ModuleOp module) {
  module.getBody()->getOperations().splice(module.getBody()->end(), kernels.getBody()->getOperations());
}

void addLoweringToLLVM(PassManager &manager) {
  manager.addPass(createLoopInvariantCodeMotionPass());
  manager.addPass(createCSEPass());
  manager.addPass(memref::createExpandStridedMetadataPass());
  manager.addPass(createLowerAffinePass());
  manager.addPass(createSCFToControlFlowPass());
  manager.addPass(createConvertMathToLLVMPass());
  manager.addPass(createConvertMathToLibmPass());
  manager.addPass(createArithToLLVMConversionPass());
  manager.addPass(createFinalizeMemRefToLLVMConversionPass());
  ConvertFuncToLLVMPassOptions options;
  options.useBarePtrCallConv = true;
  manager.addPass(createConvertFuncToLLVMPass(options));
  manager.addPass(createConvertControlFlowToLLVMPass());
  manager.addPass(createReconcileUnrealizedCastsPass());
}

} // namespace raddle
