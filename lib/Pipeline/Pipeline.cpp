#include "raddle/Pipeline/Pipeline.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Transforms/Passes.h"
#include "raddle/Codegen/NVVM/Passes.h"
#include "raddle/Codegen/Triton/Passes.h"
#include "raddle/Passes.h"

using namespace mlir;

namespace raddle {

static constexpr std::pair<Stage, StringLiteral> kStages[] = {
    {Stage::Import, "import"},     {Stage::Rewrite, "rewrite"},  {Stage::Differentiate, "differentiate"},
    {Stage::Step, "step"},         {Stage::Shard, "shard"},      {Stage::Fuse, "fuse"},
    {Stage::Schedule, "schedule"}, {Stage::Generate, "generate"}};

ArrayRef<Stage> allStages() {
  static const SmallVector<Stage> stages = llvm::map_to_vector(kStages, [](const auto &entry) { return entry.first; });
  return stages;
}

StringRef stageName(Stage stage) { return kStages[static_cast<unsigned>(stage)].second; }

std::optional<Stage> parseStage(StringRef name) {
  for (auto [stage, text] : kStages)
    if (text == name)
      return stage;
  return std::nullopt;
}

/// What a stage leaves tidy: constants folded, equal values computed once, dead ones gone. One function at a time, so
/// that several are done beside each other.
static void addCleanup(OpPassManager &manager) {
  GreedyRewriteConfig config;
  // Functions of one block have nothing to simplify in their regions, and looking takes as long as all patterns.
  config.setRegionSimplificationLevel(GreedySimplifyRegionLevel::Disabled);
  // Upwards, a chain of ops that give their operand would hand all its users from each op to the one before.
  config.setUseTopDownTraversal(true);
  OpPassManager &functions = manager.nest<func::FuncOp>();
  functions.addPass(createCanonicalizerPass(config));
  functions.addPass(createCSEPass());
}

/// Gradients of what the model computes in f32 come first: those of products are products, which are narrowed as well.
static void addDifferentiate(OpPassManager &manager, const PipelineOptions &options) {
  if (options.train) {
    RaddleGradOptions grad;
    grad.parametersOnly = true;
    grad.result = options.loss;
    manager.addPass(createRaddleGrad(grad));
    addCleanup(manager);
  }
  if (options.dtype == "bf16") {
    manager.addPass(createNNNarrowProducts({/*storeParameters=*/!options.train}));
    addCleanup(manager);
  }
  if (options.train)
    manager.addPass(createGradVerify());
}

static void addStep(OpPassManager &manager, const PipelineOptions &options) {
  TrainBuildStepOptions step;
  step.optimizer = options.optimizer;
  step.loss = options.loss;
  step.weightDecay = options.weightDecay;
  step.momentum = options.momentum;
  step.beta1 = options.beta1;
  step.beta2 = options.beta2;
  step.eps = options.eps;
  step.clipNorm = options.clipNorm;
  // What it adds is tidy; the next stage cleans up behind its own changes.
  manager.addPass(createTrainBuildStep(step));
  manager.addPass(createTrainVerify());
}

/// Kernels that Triton does not take are left to the generator that takes all.
static void addDeviceCode(OpPassManager &manager, const std::string &arch, StringRef kernels) {
  if (kernels != "nvvm") {
    manager.addPass(createCodegenTriton());
    CodegenTritonCompileOptions options;
    options.arch = arch;
    options.required = kernels == "triton";
    manager.addPass(createCodegenTritonCompile(options));
  }
  manager.addPass(createCodegenNVVM({arch}));
}

void addStage(OpPassManager &manager, Stage stage, const PipelineOptions &options) {
  switch (stage) {
  case Stage::Import:
    manager.addPass(createImportVerify());
    return;
  case Stage::Rewrite:
    if (options.adopt) {
      ImportAdoptOptions adopt;
      adopt.ranks = options.ranks;
      adopt.batch = options.batch;
      adopt.paramArguments.assign(options.paramArguments.begin(), options.paramArguments.end());
      adopt.paramConstants = options.paramConstants;
      manager.addPass(createImportAdopt(adopt));
    }
    addCleanup(manager);
    manager.addPass(createImportVerify());
    return;
  case Stage::Differentiate:
    addDifferentiate(manager, options);
    return;
  case Stage::Step:
    if (options.train)
      addStep(manager, options);
    return;
  case Stage::Shard: {
    RaggedPlanOptions plan;
    plan.ranks = options.ranks;
    plan.replicas = options.replicas;
    manager.addPass(createRaggedPlan(plan));
    manager.addPass(createRaggedPartition({options.reduceDtype}));
    manager.addPass(createRaggedCastBeforeGather());
    manager.addPass(createRaggedAssignRoots());
    // A few constants twice are what it leaves: the next stage cleans up after it has decomposed ops, as it must
    // anyway.
    manager.addPass(createRaggedVerify());
    return;
  }
  case Stage::Fuse:
    manager.addNestedPass<func::FuncOp>(createFuseCheckIndices());
    if (options.target == "cpu")
      manager.addNestedPass<func::FuncOp>(createFuseAttention());
    else if (options.gpuAttention != "decompose")
      manager.addNestedPass<func::FuncOp>(
          createFuseAttention({/*cudnn=*/true, /*unordered=*/options.gpuAttention == "cudnn-unordered"}));
    manager.addPass(createNNDecompose());
    addCleanup(manager);
    // Rows of several ops in one kernel suit a thread with caches, and programs on tiles; by NVVM, a GPU's threads
    // share out one op after the other. A GPU's library computes some of what follows a product with it.
    manager.addPass(createFuseOutline({/*joinRows=*/options.target == "cpu" || options.gpuKernels == "triton",
                                       /*tiles=*/options.gpuKernels == "triton",
                                       /*epilogues=*/options.target != "cpu"}));
    addCleanup(manager);
    manager.addPass(createFuseVerify());
    return;
  case Stage::Schedule:
    manager.addPass(createScheduleRecompute({options.recompute, options.memoryBudget}));
    manager.addPass(createRaggedReshard({options.memoryBudget}));
    manager.addPass(createRaggedPrefetch({options.memoryBudget}));
    manager.addPass(createScheduleAssign({options.memoryBudget}));
    manager.addPass(createScheduleVerify());
    return;
  case Stage::Generate:
    if (options.target == "cpu")
      manager.addPass(createCodegenCPU());
    else
      addDeviceCode(manager, StringRef(options.target).split(':').second.str(), options.gpuKernels);
    manager.addPass(createCodegenVerify());
    return;
  }
}

std::optional<Stage> recordedStage(ModuleOp module) {
  auto name = module->getAttrOfType<StringAttr>("nn.stage");
  return name ? parseStage(name.getValue()) : std::nullopt;
}

void recordStage(ModuleOp module, Stage stage) {
  module->setAttr("nn.stage", StringAttr::get(module.getContext(), stageName(stage)));
}

} // namespace raddle
