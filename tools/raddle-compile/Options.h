// The command line of raddle-compile.
#ifndef RADDLE_TOOLS_RADDLE_COMPILE_OPTIONS_H
#define RADDLE_TOOLS_RADDLE_COMPILE_OPTIONS_H

#include "mlir/Support/LLVM.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/Twine.h"

#include <cstdint>
#include <string>
#include <vector>

namespace CLI {
class App;
} // namespace CLI

namespace raddle::compile {

/// What the command line says. Names and meanings are those of docs and `--help`.
struct Options {
  std::string inputPath, outputPath, mode = "infer", target = "cpu", cpu = "native", optimizer = "adamw", dtype = "f32";
  std::string reduceDtype = "f32";
  std::string quant, vwn, bypass, dumpStages, stopAfter, startAt, reportPath, timing, paramConstants;
  std::string recompute, gpuKernels = "auto", gpuAttention = "cudnn";
  std::vector<std::string> paramArguments;
  int64_t ranks = 1, replicas = 1, batch = 0;
  uint64_t memoryBudget = 0;
  unsigned loss = 0, optLevel = 3;
  double learningRate = 1e-3, weightDecay = 0.0, momentum = 0.0, eps = 1e-8, clipNorm = 0.0;
  std::vector<double> betas{0.9, 0.999};
  uint64_t seed = 0;

  bool isArchive() const { return llvm::StringRef(inputPath).ends_with(".pt2"); }
};

void addOptions(CLI::App &app, Options &options);

/// Prints all that is wrong with the options, at once.
llvm::LogicalResult checkOptions(const CLI::App &app, const Options &options);

/// Prints an error of the tool.
llvm::LogicalResult fail(const llvm::Twine &message);

} // namespace raddle::compile

#endif // RADDLE_TOOLS_RADDLE_COMPILE_OPTIONS_H
