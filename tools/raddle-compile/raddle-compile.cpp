// From a model to a bundle.
#include "mlir/IR/AsmState.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Support/FileUtilities.h"
#include "mlir/Support/Timing.h"
#include "raddle/Bundle/WriteBundle.h"
#include "raddle/Codegen/CPU/ObjectCode.h"
#include "raddle/Dialect/Ragged/IR/RaggedOps.h"
#include "raddle/Import/Import.h"
#include "raddle/Passes.h"
#include "raddle/Pipeline/Pipeline.h"
#include "raddle/Report/Report.h"
#include "raddle/Utils/Guard.h"
#include "raddle/runtime/BundleFile.h"
#include "raddle/runtime/MachineLimits.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/ToolOutputFile.h"
#include <CLI/CLI.hpp>
#include <chrono>
#include <filesystem>
#include <thread>

using namespace mlir;

namespace {

/// What the command line says. Names and meanings are those of docs and `--help`.
struct Options {
  std::string inputPath, outputPath, mode = "infer", target = "cpu", cpu = "native", optimizer = "adamw", dtype = "f32";
  std::string quant, vwn, bypass, dumpStages, stopAfter, startAt, reportPath, timing, paramConstants;
  std::string recompute, gpuKernels = "nvvm";
  std::vector<std::string> paramArguments;
  int64_t ranks = 1, replicas = 1, batch = 0;
  uint64_t memoryBudget = 0;
  unsigned loss = 0, optLevel = 3;
  double learningRate = 1e-3, weightDecay = 0.0, momentum = 0.0, eps = 1e-8, clipNorm = 0.0;
  std::vector<double> betas{0.9, 0.999};
  uint64_t seed = 0;
};

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
  app.add_option("--dtype", o.dtype, "Type to compute in: f32")->capture_default_str();
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

Options o;

bool isArchive() { return StringRef(o.inputPath).ends_with(".pt2"); }

LogicalResult fail(const llvm::Twine &message) {
  llvm::errs() << "raddle-compile: error: " << message << "\n";
  return failure();
}

bool isSameFile(const std::string &a, const std::string &b) { return a == b || llvm::sys::fs::equivalent(a, b); }

/// What is written must not replace what is read, nor one result the other.
void checkFiles(SmallVectorImpl<std::string> &problems) {
  for (auto [option, path] : {std::pair{"-o ", &o.outputPath}, {"--report=", &o.reportPath}})
    if (!path->empty() && isSameFile(*path, o.inputPath))
      problems.push_back(option + *path + " is the input, which it would replace");
  if (!o.reportPath.empty() && isSameFile(o.reportPath, o.outputPath))
    problems.push_back("--report=" + o.reportPath + " is the file that -o names");
}

/// All that is wrong with the options, at once.
LogicalResult checkOptions(const CLI::App &app) {
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
  if (o.target == "cpu" && o.gpuKernels != "nvvm")
    problems.push_back("--gpu-kernels=" + o.gpuKernels + " is for a GPU, --target is cpu");
  oneOf("dtype", o.dtype, {"f32"}, {"bf16"});
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
  if (isArchive() && !o.startAt.empty())
    problems.push_back("--start-at=" + o.startAt + " expects the IR of a stage, '" + o.inputPath + "' is a .pt2");
  checkFiles(problems);
  if (o.stopAfter.empty() && o.outputPath.empty())
    problems.push_back("expects -o OUT.raddle or --stop-after=STAGE");
  for (const std::string &problem : problems)
    (void)fail(problem);
  return success(problems.empty());
}

/// Prints a diagnostic and its notes without the IR around it.
void printDiagnostic(Diagnostic &diagnostic) {
  auto print = [](Diagnostic &entry) {
    std::string place;
    if (auto file = entry.getLocation()->findInstanceOf<FileLineColLoc>())
      place = (file.getFilename().getValue() + (file.getLine() ? ":" + Twine(file.getLine()) : "") + ": ").str();
    StringRef severity = entry.getSeverity() == DiagnosticSeverity::Note      ? "note: "
                         : entry.getSeverity() == DiagnosticSeverity::Warning ? "warning: "
                         : entry.getSeverity() == DiagnosticSeverity::Remark  ? "remark: "
                                                                              : "error: ";
    llvm::errs() << "raddle-compile: " << place << severity << entry << "\n";
  };
  print(diagnostic);
  for (Diagnostic &note : diagnostic.getNotes())
    print(note);
}

OwningOpRef<ModuleOp> importArchive(const raddle::ImportOptions &options, MLIRContext &context) {
  std::string why;
  auto file = openInputFile(o.inputPath, &why);
  if (!file)
    return (void)fail(why), nullptr;
  OwningOpRef<ModuleOp> module = raddle::importPt2(file->getMemBufferRef(), options, &context);
  if (!module || failed(raddle::verifyWeightSources(*module, file->getMemBufferRef())))
    return nullptr;
  return module;
}

OwningOpRef<ModuleOp> readInput(MLIRContext &context) {
  if (isArchive()) {
    raddle::ImportOptions options;
    if (o.batch)
      options.batch = o.batch;
    options.ranks = o.ranks;
    return importArchive(options, context);
  }
  std::string why;
  auto file = openInputFile(o.inputPath, &why);
  if (!file)
    return (void)fail(why), nullptr;
  llvm::SourceMgr sources;
  sources.AddNewSourceBuffer(std::move(file), SMLoc());
  return parseSourceFile<ModuleOp>(sources, ParserConfig(&context));
}

/// What the module was made for is not changed by options: they must agree.
LogicalResult checkAgainst(ModuleOp module, const CLI::App &app) {
  auto ranks = module->getAttrOfType<IntegerAttr>("ragged.ranks");
  if (ranks && app.count("--ranks") && ranks.getInt() != o.ranks)
    return fail("--ranks=" + Twine(o.ranks) + ": '" + o.inputPath + "' is sharded over " + Twine(ranks.getInt()) +
                " ranks already");
  FailureOr<std::optional<raddle::ragged::Mesh>> grid = raddle::ragged::meshOfGrid(module);
  if (failed(grid))
    return failure();
  if (*grid) {
    auto agree = [&](const char *option, int64_t &value, int64_t expected) -> LogicalResult {
      if (app.count(option) && value != expected)
        return fail(Twine(option) + "=" + Twine(value) + ": expected " + Twine(expected) + ", as the grid of '" +
                    o.inputPath + "' has");
      value = expected;
      return success();
    };
    LogicalResult isOne = agree("--ranks", o.ranks, (*grid)->ranks);
    if (failed(agree("--replicas", o.replicas, (*grid)->replicas())) || failed(isOne))
      return failure();
  }
  return success();
}

/// The first stage to run on a module that was read.
FailureOr<raddle::Stage> firstStage(ModuleOp module, bool imported) {
  std::optional<raddle::Stage> recorded = raddle::recordedStage(module);
  auto after = [](raddle::Stage stage) { return static_cast<raddle::Stage>(static_cast<int>(stage) + 1); };
  if (imported)
    return raddle::Stage::Rewrite;
  if (o.startAt.empty())
    return recorded ? after(*recorded) : raddle::Stage::Rewrite;
  raddle::Stage asked = *raddle::parseStage(o.startAt);
  // The result of a stage resumes behind it, whether that stage or the next one is named.
  if (recorded && asked == *recorded)
    return after(*recorded);
  if (recorded && asked != after(*recorded))
    return fail("--start-at=" + o.startAt + " expects the IR of that stage or of the one before, '" + o.inputPath +
                "' has that of " + raddle::stageName(*recorded));
  return asked == raddle::Stage::Import ? raddle::Stage::Rewrite : asked;
}

LogicalResult writeText(ModuleOp module, StringRef path) {
  std::string why;
  std::unique_ptr<llvm::ToolOutputFile> file = openOutputFile(path, &why);
  if (!file)
    return fail(why);
  module->print(file->os(), OpPrintingFlags().enableDebugInfo(/*enable=*/false).assumeVerified());
  file->os() << "\n";
  file->keep();
  return success();
}

/// Shows on a terminal what is being done and how long it took, and measures it for `--timing`.
class Progress {
public:
  Progress() {
    using Format = DefaultTimingManager::OutputFormat;
    manager.setEnabled(!o.timing.empty());
    manager.setDisplayMode(DefaultTimingManager::DisplayMode::Tree);
    manager.setOutput(createOutputStrategy(o.timing == "json" ? Format::Json : Format::Text, llvm::errs()));
    root = manager.getRootScope();
  }

  void begin(StringRef what) {
    scope = root.nest(what);
    if (!shown)
      return;
    started = std::chrono::steady_clock::now();
    llvm::errs() << llvm::formatv("{0,-14}", what);
  }
  void end() {
    scope.stop();
    if (!shown)
      return;
    std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - started;
    llvm::errs() << llvm::formatv("{0,8:F2} s\n", seconds.count());
  }

  /// What is being done, for the times of its parts.
  TimingScope &current() { return scope; }

private:
  DefaultTimingManager manager;
  TimingScope root, scope;
  bool shown = llvm::sys::Process::StandardErrIsDisplayed();
  std::chrono::steady_clock::time_point started;
};

raddle::PipelineOptions pipelineOptions(bool adopt) {
  raddle::PipelineOptions options;
  options.train = o.mode == "train";
  options.target = o.target;
  options.adopt = adopt;
  options.batch = o.batch;
  options.paramArguments = o.paramArguments;
  options.paramConstants = o.paramConstants;
  options.ranks = o.ranks;
  options.replicas = o.replicas;
  options.recompute = !o.recompute.empty() ? o.recompute : o.target == "cpu" ? "auto" : "none";
  options.gpuKernels = o.gpuKernels;
  options.memoryBudget = static_cast<int64_t>(o.memoryBudget);
  options.loss = o.loss;
  options.optimizer = o.optimizer;
  options.weightDecay = o.weightDecay;
  options.momentum = o.momentum;
  options.beta1 = o.betas[0];
  options.beta2 = o.betas[1];
  options.eps = o.eps;
  options.clipNorm = o.clipNorm;
  return options;
}

LogicalResult dump(ModuleOp module, raddle::Stage stage) {
  raddle::recordStage(module, stage);
  if (o.dumpStages.empty())
    return success();
  SmallString<128> path(o.dumpStages);
  llvm::sys::path::append(
      path, llvm::formatv("{0:02}-{1}.mlir", static_cast<int>(stage) + 1, raddle::stageName(stage)).str());
  return writeText(module, path);
}

/// Where the weights are, seen from the bundle's folder.
std::string relativeWeights(ModuleOp module) {
  auto weights = module->getAttrOfType<StringAttr>("nn.weights");
  if (!weights)
    return {};
  namespace fs = std::filesystem;
  std::error_code error;
  fs::path folder = fs::absolute(o.outputPath, error).parent_path();
  fs::path relative = fs::relative(weights.getValue().str(), folder, error);
  return error || relative.empty() ? weights.getValue().str() : relative.string();
}

/// What this machine would allow a rank, if all ranks ran on it.
raddle::runtime::Measurements machineLimits() {
  raddle::runtime::Measurements measured;
  if (o.target == "cpu")
    measured.limits = raddle::runtime::machineLimits(std::thread::hardware_concurrency()).shareOf(o.ranks);
  return measured;
}

LogicalResult writeOutputs(ModuleOp module, Progress &progress) {
  progress.begin("bundle");
  raddle::BundleOptions options;
  options.seed = o.seed;
  options.learningRate = o.learningRate;
  options.processor = o.cpu;
  options.optLevel = o.optLevel;
  options.weights = relativeWeights(module);
  FailureOr<std::vector<uint8_t>> bundle = raddle::buildBundle(module, options);
  if (failed(bundle))
    return failure();
  // The report first: after an error there is neither.
  if (!o.reportPath.empty())
    if (auto why = raddle::writeReport(*raddle::bundle::GetBundle(bundle->data()), o.reportPath, machineLimits()))
      return fail(*why);
  if (auto why = raddle::runtime::writeBundleFile(o.outputPath, bundle->data(), bundle->size())) {
    if (!o.reportPath.empty())
      llvm::sys::fs::remove(o.reportPath);
    return fail(*why);
  }
  progress.end();
  return success();
}

/// Whether upstream's verifier runs behind a stage, besides the stage's own. On a large model it takes as long as the
/// stage does: not between passes, nor for what was imported and not changed, nor where the next stage keeps the form
/// of the program, so that the same ops are verified behind that one.
bool isVerified(raddle::Stage stage, bool isShown) {
  if (stage == raddle::Stage::Import)
    return false;
  bool isKept = stage == raddle::Stage::Differentiate || stage == raddle::Stage::Shard;
  return isShown || !isKept;
}

LogicalResult runStage(ModuleOp module, raddle::Stage stage, bool imported, bool isShown, Progress &progress) {
  PassManager manager(module.getContext());
  manager.enableVerifier(false);
  manager.enableTiming(progress.current());
  raddle::addStage(manager, stage, pipelineOptions(/*adopt=*/!imported && !raddle::recordedStage(module)));
  if (failed(manager.run(module)))
    return failure();
  TimingScope scope = progress.current().nest("verify");
  return success(!isVerified(stage, isShown) || succeeded(verify(module)));
}

LogicalResult compile(MLIRContext &context, const CLI::App &app) {
  Progress progress;
  bool imported = isArchive();
  progress.begin("import");
  OwningOpRef<ModuleOp> module = readInput(context);
  if (!module)
    return failure();
  progress.end();
  FailureOr<raddle::Stage> first = firstStage(*module, imported);
  if (failed(first) || failed(checkAgainst(*module, app)))
    return failure();
  if (!o.dumpStages.empty())
    if (std::error_code error = llvm::sys::fs::create_directories(o.dumpStages))
      return fail("cannot make folder '" + o.dumpStages + "': " + error.message());
  std::optional<raddle::Stage> last = raddle::parseStage(o.stopAfter);
  bool behind = last && *last < *first && !(imported && *last == raddle::Stage::Import);
  if (behind && raddle::recordedStage(*module) != last)
    return fail("--stop-after=" + o.stopAfter + ": '" + o.inputPath + "' is behind that stage already, the next is " +
                raddle::stageName(*first));

  for (raddle::Stage stage : raddle::allStages()) {
    bool done = stage < *first && !(imported && stage == raddle::Stage::Import);
    if (done || (last && stage > *last))
      continue;
    progress.begin(raddle::stageName(stage));
    bool isShown = !o.dumpStages.empty() || stage == last;
    if (failed(runStage(*module, stage, imported, isShown, progress)) || failed(dump(*module, stage)))
      return failure();
    progress.end();
  }
  if (last) {
    progress.begin("print");
    LogicalResult written = writeText(*module, o.outputPath.empty() ? "-" : StringRef(o.outputPath));
    progress.end();
    return written;
  }
  return writeOutputs(*module, progress);
}

} // namespace

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  CLI::App app("Compiles a model into a bundle that raddle-run executes.");
  addOptions(app, o);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success &request) {
    return app.exit(request);
  } catch (const CLI::ParseError &error) {
    (void)fail(error.what());
    return 1;
  }
  if (failed(checkOptions(app)))
    return 1;
  DialectRegistry registry;
  registerAllDialects(registry);
  registerAllExtensions(registry);
  raddle::registerDialects(registry);
  MLIRContext context(registry);
  context.printOpOnDiagnostic(false);
  ScopedDiagnosticHandler handler(&context, [](Diagnostic &diagnostic) { printDiagnostic(diagnostic); });
  return raddle::runGuarded("raddle-compile", [&]() -> int { return failed(compile(context, app)); });
}
