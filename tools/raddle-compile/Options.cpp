#include "Options.h"

#include "raddle/Codegen/CPU/ObjectCode.h"
#include "raddle/Pipeline/Pipeline.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"

#include <CLI/CLI.hpp>
#include <cmath>
#include <limits>

using namespace mlir;

namespace raddle::compile {

void addOptions(CLI::App &app, Options &o) {
  app.add_option("INPUT", o.inputPath, "A .pt2 file, or MLIR of a stage")->required();
  app.add_option("-o", o.outputPath, "Bundle to write");
  app.add_option("--mode", o.mode, "infer or train")->capture_default_str();
  app.add_option("--target", o.target, "Machine to generate code for: cpu or cuda:sm_90")->capture_default_str();
  app.add_option(
         "--cpu", o.cpu,
         "Processors to generate code for: native, the best that this machine's has, or a level of the x86-64 ABI, "
         "x86-64-v2, x86-64-v3 (AVX2) or x86-64-v4 (AVX-512), to run on all that have it")
      ->capture_default_str();
  app.add_option(
         "--opt-level", o.optLevel,
         "LLVM's level of optimisation of kernels for the CPU, 0 to 3; 0 compiles several times faster, what it "
         "makes is much slower")
      ->capture_default_str();
  app.add_option("--gpu-kernels", o.gpuKernels,
                 "What generates kernels for a GPU: nvvm; triton, which has to be installed, and nvvm what it cannot "
                 "express; auto: triton where a Python has it, named by RADDLE_PYTHON or found in the path")
      ->capture_default_str();
  app.add_option(
         "--gpu-attention", o.gpuAttention,
         "What computes attention on a GPU: cudnn, where it is of f16 or bf16, has no more than 256 elements a "
         "head, and their number divides by 8; cudnn-unordered: the same, but gradients of a query are summed in "
         "another order each time, which takes less memory; decompose: matrix products and kernels, with all "
         "scores in memory")
      ->capture_default_str();
  app.add_option("--ranks", o.ranks, "Number of ranks that share the work")->capture_default_str();
  app.add_option("--replicas", o.replicas, "Groups of ranks that hold a copy of all parameters each")
      ->capture_default_str();
  app.add_option(
         "--memory-budget", o.memoryBudget,
         "Bytes that a rank may use for states and intermediate results, with a unit such as 512MB if you like: "
         "buckets are held between forward and backward while they fit, and gathered again where not; default: "
         "as few as that allows")
      ->transform(CLI::AsSizeValue(/*kb_is_1000=*/false));
  app.add_option(
      "--recompute", o.recompute,
      "What backward computes again rather than hold: none; auto: kernels where that is cheaper, or what "
      "--memory-budget asks for; block: all but what passes between buckets; default: auto on CPUs, else none");
  app.add_option("--optimizer", o.optimizer, "sgd or adamw")->capture_default_str();
  app.add_option(
         "--dtype", o.dtype,
         "Type that matrix products, convolutions and attention take: f32, or bf16, with sums in f32 and everything "
         "else computed in f32")
      ->capture_default_str();
  app.add_option("--reduce-dtype", o.reduceDtype, "Type that gradients are reduced over the ranks in: f32 or bf16")
      ->capture_default_str();
  app.add_option("--loss", o.loss, "Index of the output that is the loss")->capture_default_str();
  app.add_option("--lr", o.learningRate, "Learning rate of a step that is not told another")->capture_default_str();
  app.add_option("--weight-decay", o.weightDecay, "Weight decay")->capture_default_str();
  app.add_option("--momentum", o.momentum, "Momentum of sgd")->capture_default_str();
  app.add_option("--betas", o.betas, "Decay of AdamW's moments: B1,B2")->delimiter(',')->capture_default_str();
  app.add_option("--eps", o.eps, "Term added to AdamW's denominator")->capture_default_str();
  app.add_option("--clip-norm", o.clipNorm, "Largest global norm of the gradient; 0: not clipped")
      ->capture_default_str();
  app.add_option("--quant", o.quant, "Not supported yet");
  app.add_option("--vwn", o.vwn, "Not supported yet");
  app.add_option("--bypass", o.bypass, "Not supported yet");
  app.add_option("--batch", o.batch, "Batch of all ranks together; default: the one that the model was exported with");
  app.add_option("--seed", o.seed, "Seed of everything random")->capture_default_str();
  app.add_option("--param-arguments", o.paramArguments, "Of MLIR: names of the leading arguments, which are parameters")
      ->delimiter(',');
  app.add_option("--param-constants", o.paramConstants,
                 "Of MLIR: regular expression of the resource keys of constants that are parameters");
  app.add_option("--dump-stages", o.dumpStages, "Write the IR of every stage into this folder, numbered");
  app.add_option("--stop-after", o.stopAfter,
                 "Print the IR of a stage and stop: import, rewrite, differentiate, step, shard, fuse, schedule or "
                 "generate");
  app.add_option("--start-at", o.startAt, "Resume from the IR of a stage that --stop-after or --dump-stages wrote");
  app.add_option(
      "--report", o.reportPath,
      "Write a report on the bundle, an HTML file, with the times that this machine's measured limits would allow; "
      "raddle-run --report adds the times that a run took");
  app.add_option("--timing", o.timing, "Print the times of stages and passes to standard error: text or json");
}

LogicalResult fail(const llvm::Twine &message) {
  llvm::errs() << "raddle-compile: error: " << message << "\n";
  return failure();
}

static bool isSameFile(const std::string &a, const std::string &b) { return a == b || llvm::sys::fs::equivalent(a, b); }

/// What is written must not replace what is read, nor one result the other.
static void checkFiles(const Options &o, SmallVectorImpl<std::string> &problems) {
  for (auto [option, path] : {std::pair{"-o ", &o.outputPath}, {"--report=", &o.reportPath}})
    if (!path->empty() && isSameFile(*path, o.inputPath))
      problems.push_back(option + *path + " is the input, which it would replace");
  if (!o.reportPath.empty() && isSameFile(o.reportPath, o.outputPath))
    problems.push_back("--report=" + o.reportPath + " is the file that -o names");
}

/// All that is wrong with the options, at once.
LogicalResult checkOptions(const CLI::App &app, const Options &o) {
  SmallVector<std::string> problems;
  auto oneOf = [&](StringRef option, StringRef value, ArrayRef<StringRef> allowed, ArrayRef<StringRef> planned = {}) {
    if (llvm::is_contained(allowed, value))
      return;
    bool known = llvm::is_contained(planned, value);
    problems.push_back((Twine("--") + option + "=" + value + (known ? " is not supported yet" : " is unknown") +
                        ", expected " + llvm::join(allowed, " or "))
                           .str());
  };
  oneOf("mode", o.mode, {"infer", "train"});
  oneOf("target", o.target, {"cpu", "cuda:sm_90"});
  oneOf("cpu", o.cpu, raddle::knownProcessors());
  if (o.target != "cpu" && o.cpu != "native")
    problems.push_back("--cpu=" + o.cpu + " is for --target=cpu, --target is " + o.target);
  if (o.optLevel > 3)
    problems.push_back("--opt-level expects 0 to 3, is " + std::to_string(o.optLevel));
  if (o.target != "cpu" && o.optLevel != 3)
    problems.push_back("--opt-level=" + std::to_string(o.optLevel) + " is for --target=cpu, --target is " + o.target);
  oneOf("optimizer", o.optimizer, {"sgd", "adamw"}, {"adamw8bit", "muon", "shampoo"});
  if (!o.recompute.empty())
    oneOf("recompute", o.recompute, {"none", "auto", "block"});
  oneOf("gpu-kernels", o.gpuKernels, {"auto", "triton", "nvvm"});
  if (o.target == "cpu" && o.gpuKernels != "auto")
    problems.push_back("--gpu-kernels=" + o.gpuKernels + " is for a GPU, --target is cpu");
  oneOf("gpu-attention", o.gpuAttention, {"cudnn", "cudnn-unordered", "decompose"});
  if (o.target == "cpu" && o.gpuAttention != "cudnn")
    problems.push_back("--gpu-attention=" + o.gpuAttention + " is for a GPU, --target is cpu");
  oneOf("dtype", o.dtype, {"f32", "bf16"});
  oneOf("reduce-dtype", o.reduceDtype, {"f32", "bf16"});
  if (!o.timing.empty())
    oneOf("timing", o.timing, {"text", "json"});
  for (auto [option, value] : {std::pair{"--quant", &o.quant}, {"--vwn", &o.vwn}, {"--bypass", &o.bypass}})
    if (!value->empty())
      problems.push_back(std::string(option) + " is not supported yet");
  auto notNegative = [&](StringRef option, double value) {
    if (!(value >= 0.0) || std::isinf(value))
      problems.push_back(
          (Twine("--") + option + " expects a number from 0 on, is " + Twine(std::to_string(value))).str());
  };
  auto belowOne = [&](StringRef option, double value) {
    if (!(value >= 0.0 && value < 1.0))
      problems.push_back(
          (Twine("--") + option + " expects numbers in [0, 1), is " + Twine(std::to_string(value))).str());
  };
  notNegative("lr", o.learningRate);
  notNegative("weight-decay", o.weightDecay);
  notNegative("eps", o.eps);
  notNegative("clip-norm", o.clipNorm);
  belowOne("momentum", o.momentum);
  if (o.betas.size() != 2)
    problems.push_back("--betas expects two numbers, is " + std::to_string(o.betas.size()));
  for (double beta : o.betas)
    belowOne("betas", beta);
  if (o.ranks < 1)
    problems.push_back("--ranks expects at least 1, is " + std::to_string(o.ranks));
  if (o.replicas < 1 || (o.ranks >= 1 && o.ranks % o.replicas != 0))
    problems.push_back("--replicas expects a divisor of the " + std::to_string(o.ranks) + " ranks, is " +
                       std::to_string(o.replicas));
  if (o.memoryBudget > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
    problems.push_back("--memory-budget expects fewer than 2^63 bytes, is " + std::to_string(o.memoryBudget));
  if (app.count("--batch") && o.batch < 1)
    problems.push_back("--batch expects at least 1, is " + std::to_string(o.batch));
  for (auto [option, value] : {std::pair{"--stop-after", &o.stopAfter}, {"--start-at", &o.startAt}})
    if (!value->empty() && !raddle::parseStage(*value))
      problems.push_back(std::string(option) + "=" + *value + " is no stage");
  if (o.isArchive() && !o.startAt.empty())
    problems.push_back("--start-at=" + o.startAt + " expects the IR of a stage, '" + o.inputPath + "' is a .pt2");
  checkFiles(o, problems);
  if (o.stopAfter.empty() && o.outputPath.empty())
    problems.push_back("expects -o OUT.raddle or --stop-after=STAGE");
  for (const std::string &problem : problems)
    (void)fail(problem);
  return success(problems.empty());
}

} // namespace raddle::compile
