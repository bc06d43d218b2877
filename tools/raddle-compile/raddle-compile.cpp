// From a model to a bundle.
#include "../CommandLine.h"
#include "Options.h"
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
#include "raddle/Codegen/Triton/FindTriton.h"
#include "raddle/Dialect/Ragged/IR/RaggedOps.h"
#include "raddle/Import/Import.h"
#include "raddle/Passes.h"
#include "raddle/Pipeline/Pipeline.h"
#include "raddle/Report/Report.h"
#include "raddle/Utils/Guard.h"
#include "raddle/runtime/BundleFile.h"
#include "raddle/runtime/MachineLimits.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/ToolOutputFile.h"
#include <chrono>
#include <filesystem>
#include <thread>

using namespace mlir;
using raddle::compile::fail;

namespace {

raddle::compile::Options o;

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

OwningOpRef<ModuleOp> readInput(MLIRContext &context) {
  std::string why;
  auto file = openInputFile(o.inputPath, &why);
  if (!file)
    return (void)fail(why), nullptr;
  if (o.isArchive()) {
    raddle::ImportOptions options;
    if (o.batch)
      options.batch = o.batch;
    options.ranks = o.ranks;
    options.verifyWeights = true;
    return raddle::importPt2(file->getMemBufferRef(), options, &context);
  }
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
  if (o.target != "cpu")
    options.gpuKernels = o.gpuKernels != "auto" ? o.gpuKernels : raddle::findTriton() ? "triton" : "nvvm";
  options.gpuAttention = o.gpuAttention;
  options.memoryBudget = static_cast<int64_t>(o.memoryBudget);
  options.dtype = o.dtype;
  options.reduceDtype = o.reduceDtype;
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
  bool imported = o.isArchive();
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
  raddle::compile::addOptions(app, o);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success &request) {
    return app.exit(request);
  } catch (const CLI::ParseError &error) {
    (void)fail(raddle::describeError(app, error));
    return 1;
  }
  if (failed(raddle::compile::checkOptions(app, o)))
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
