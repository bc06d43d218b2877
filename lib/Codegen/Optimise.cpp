#include "raddle/Codegen/Optimise.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/LegacyPassManager.h"

using namespace mlir;

namespace raddle {

std::unique_ptr<llvm::Module> translateCode(ModuleOp module, llvm::LLVMContext &context) {
  DialectRegistry registry;
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  registerNVVMDialectTranslation(registry);
  module.getContext()->appendDialectRegistry(registry);

  // Programs have no LLVM form: only the code is translated.
  OwningOpRef<ModuleOp> code = ModuleOp::create(module.getLoc());
  OpBuilder builder(code->getBodyRegion());
  for (Operation &op : *module.getBody())
    if (isa_and_nonnull<LLVM::LLVMDialect>(op.getDialect()))
      builder.clone(op);
  std::unique_ptr<llvm::Module> translated = translateModuleToLLVMIR(*code, context, "kernels");
  if (!translated)
    module.emitError("code cannot be translated to LLVM IR");
  return translated;
}

static llvm::OptimizationLevel levelOf(llvm::CodeGenOptLevel level) {
  switch (level) {
  case llvm::CodeGenOptLevel::None:
    return llvm::OptimizationLevel::O0;
  case llvm::CodeGenOptLevel::Less:
    return llvm::OptimizationLevel::O1;
  case llvm::CodeGenOptLevel::Default:
    return llvm::OptimizationLevel::O2;
  case llvm::CodeGenOptLevel::Aggressive:
    break;
  }
  return llvm::OptimizationLevel::O3;
}

void optimise(llvm::Module &module, llvm::TargetMachine &machine, function_ref<void(llvm::PassBuilder &)> extend) {
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager graph;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(&machine);
  extend(builder);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(graph);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, graph, modules);
  llvm::OptimizationLevel level = levelOf(machine.getOptLevel());
  bool isPlain = level == llvm::OptimizationLevel::O0;
  (isPlain ? builder.buildO0DefaultPipeline(level) : builder.buildPerModuleDefaultPipeline(level)).run(module, modules);
}

LogicalResult emitCode(llvm::Module &module, llvm::TargetMachine &machine, llvm::CodeGenFileType type,
                       llvm::raw_pwrite_stream &stream, std::string &why) {
  llvm::legacy::PassManager manager;
  if (machine.addPassesToEmitFile(manager, stream, nullptr, type)) {
    why = "the target cannot write files of this type";
    return failure();
  }
  manager.run(module);
  return success();
}

} // namespace raddle
