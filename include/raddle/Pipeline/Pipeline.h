// The road from a model to a bundle, stage by stage.
#ifndef RADDLE_PIPELINE_PIPELINE_H
#define RADDLE_PIPELINE_PIPELINE_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/StringRef.h"
#include <optional>
#include <string>
#include <vector>

namespace raddle {

/// Stages that turn IR into IR, in the order of the road.
enum class Stage { Import, Rewrite, Differentiate, Step, Shard, Fuse, Schedule, Generate };

/// All stages, first to last.
llvm::ArrayRef<Stage> allStages();
/// "import", "rewrite", …
llvm::StringRef stageName(Stage stage);
std::optional<Stage> parseStage(llvm::StringRef name);

struct PipelineOptions {
  bool train = false;
  std::string target = "cpu";              ///< "cpu", or "cuda:sm_90"
  std::string gpuKernels = "nvvm";         ///< what makes a GPU's kernels: "nvvm", or "triton", and NVVM the others
  std::string gpuAttention = "cudnn";      ///< a GPU's attention: "cudnn", "cudnn-unordered" or "decompose"
  bool adopt = false;                      ///< the module comes from another front end
  int64_t batch = 0;                       ///< for its dynamic dimensions 0; 0: not given
  std::vector<std::string> paramArguments; ///< names of its leading arguments, which are parameters
  std::string paramConstants;              ///< regular expression: keys of its constants that are parameters
  int64_t ranks = 1;
  int64_t replicas = 1;     ///< groups of ranks that hold a copy of all parameters each; divides `ranks`
  int64_t memoryBudget = 0; ///< bytes that a rank may use for states and arena; 0: as few as gathering again allows
  std::string recompute = "none";  ///< what backward computes again: "none", "auto" or "block"
  std::string dtype = "f32";       ///< what products take: "f32" or "bf16"
  std::string reduceDtype = "f32"; ///< what gradients are reduced in: "f32" or "bf16"
  unsigned loss = 0;
  std::string optimizer = "adamw"; ///< "sgd" or "adamw"
  double weightDecay = 0.0;
  double momentum = 0.0;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double clipNorm = 0.0; ///< 0: gradients are not clipped
};

/// Adds the passes of one stage, the last of which checks what the stage guarantees. Import has only the
/// check: its module is there already.
void addStage(mlir::OpPassManager &manager, Stage stage, const PipelineOptions &options);

/// The stage whose result the module says it is (attribute `nn.stage`), if it says so.
std::optional<Stage> recordedStage(mlir::ModuleOp module);
void recordStage(mlir::ModuleOp module, Stage stage);

} // namespace raddle

#endif // RADDLE_PIPELINE_PIPELINE_H
