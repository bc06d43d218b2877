// From a model to a bundle.
#include "mlir/IR/AsmState.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Support/FileUtilities.h"
#include "raddle/Bundle/WriteBundle.h"
#include "raddle/Import/Import.h"
#include "raddle/Passes.h"
#include "raddle/Pipeline/Pipeline.h"
#include "raddle/Report/Report.h"
#include "raddle/runtime/BundleFile.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/ToolOutputFile.h"
#include <chrono>
#include <filesystem>

using namespace mlir;
namespace cl = llvm::cl;

namespace {

cl::OptionCategory category("Raddle options");

cl::opt<std::string> inputPath(cl::Positional, cl::desc("INPUT (.pt2, or MLIR of a stage)"), cl::Required,
                               cl::cat(category));
cl::opt<std::string> outputPath("o", cl::desc("Bundle to write"), cl::value_desc("OUT.raddle"), cl::cat(category));
cl::opt<std::string> mode("mode", cl::desc("infer (default) or train"), cl::init("infer"), cl::cat(category));
cl::opt<std::string> target("target", cl::desc("Machine to generate code for: cpu"), cl::init("cpu"),
                            cl::cat(category));
cl::opt<int64_t> ranks("ranks", cl::desc("Number of ranks that share the work"), cl::init(1), cl::cat(category));
cl::opt<std::string> optimizer("optimizer", cl::desc("sgd or adamw (default)"), cl::init("adamw"), cl::cat(category));
cl::opt<std::string> dtype("dtype", cl::desc("Type to compute in: f32"), cl::init("f32"), cl::cat(category));
cl::opt<unsigned> loss("loss", cl::desc("Index of the output that is the loss"), cl::init(0), cl::cat(category));
cl::opt<double> learningRate("lr", cl::desc("Learning rate that a step uses unless told otherwise"), cl::init(1e-3),
                             cl::cat(category));
cl::opt<double> weightDecay("weight-decay", cl::desc("Weight decay"), cl::init(0.0), cl::cat(category));
cl::opt<double> momentum("momentum", cl::desc("Momentum of sgd"), cl::init(0.0), cl::cat(category));
cl::list<double> betas("betas", cl::desc("Decay of AdamW's moments, 0.9,0.999"), cl::value_desc("B1,B2"),
                       cl::CommaSeparated, cl::cat(category));
cl::opt<double> eps("eps", cl::desc("Term added to AdamW's denominator"), cl::init(1e-8), cl::cat(category));
cl::opt<double> clipNorm("clip-norm", cl::desc("Largest global norm of the gradient (default: not clipped)"),
                         cl::init(0.0), cl::cat(category));
cl::opt<std::string> quant("quant", cl::desc("Not supported yet"), cl::cat(category));
cl::opt<std::string> vwn("vwn", cl::desc("Not supported yet"), cl::cat(category));
cl::opt<std::string> bypass("bypass", cl::desc("Not supported yet"), cl::cat(category));
cl::opt<int64_t> batch("batch", cl::desc("Batch of all ranks together (default: the one exported with)"), cl::init(0),
                       cl::cat(category));
cl::opt<uint64_t> seed("seed", cl::desc("Seed of everything random"), cl::init(0), cl::cat(category));
cl::opt<std::string> dumpStages("dump-stages", cl::desc("Write the IR of every stage into a folder"),
                                cl::value_desc("DIR"), cl::cat(category));
cl::opt<std::string> stopAfter("stop-after", cl::desc("Print the IR of a stage and stop: import, rewrite, differentiate, "
                                                      "step, shard, fuse, schedule, generate"),
                               cl::value_desc("STAGE"), cl::cat(category));
cl::opt<std::string> startAt("start-at", cl::desc("Resume from the IR that --stop-after or --dump-stages wrote"),
                             cl::value_desc("STAGE"), cl::cat(category));
cl::opt<std::string> reportPath("report", cl::desc("Write a report on the bundle"), cl::value_desc("FILE.html"),
                                cl::cat(category));

LogicalResult fail(const llvm::Twine &message) {
  llvm::errs() << "raddle-compile: error: " << message << "\n";
  return failure();
}

/// All that is wrong with the options, at once.
LogicalResult checkOptions() {
  SmallVector<std::string> problems;
  auto oneOf = [&](StringRef option, StringRef value, ArrayRef<StringRef> allowed, ArrayRef<StringRef> planned = {}) {
    if (llvm::is_contained(allowed, value))
      return;
    bool known = llvm::is_contained(planned, value);
    problems.push_back((Twine("--") + option + "=" + value + (known ? " is not supported yet" : " is unknown") +
                        ", expected " + llvm::join(allowed, " or ")).str());
  };
  oneOf("mode", mode, {"infer", "train"});
  oneOf("target", target, {"cpu"}, {"cuda:sm_90"});
  oneOf("optimizer", optimizer, {"sgd", "adamw"}, {"adamw8bit", "muon", "shampoo"});
  oneOf("dtype", dtype, {"f32"}, {"bf16"});
  for (auto *option : {&quant, &vwn, &bypass})
    if (!option->empty())
      problems.push_back((Twine("--") + option->ArgStr + " is not supported yet").str());
  auto notNegative = [&](StringRef option, double value) {
    if (!(value >= 0.0) || std::isinf(value))
      problems.push_back((Twine("--") + option + " expects a number from 0 on, is " + Twine(std::to_string(value))).str());
  };
  auto belowOne = [&](StringRef option, double value) {
    if (!(value >= 0.0 && value < 1.0))
      problems.push_back((Twine("--") + option + " expects numbers in [0, 1), is " + Twine(std::to_string(value))).str());
  };
  notNegative("lr", learningRate);
  notNegative("weight-decay", weightDecay);
  notNegative("eps", eps);
  notNegative("clip-norm", clipNorm);
  belowOne("momentum", momentum);
  if (!betas.empty() && betas.size() != 2)
    problems.push_back("--betas expects two numbers, is " + std::to_string(betas.size()));
  for (double beta : betas)
    belowOne("betas", beta);
  if (ranks < 1)
    problems.push_back("--ranks expects at least 1, is " + std::to_string(ranks));
  if (batch < 0 || (batch.getNumOccurrences() && batch == 0))
    problems.push_back("--batch expects at least 1, is " + std::to_string(batch));
  for (auto *option : {&stopAfter, &startAt})
    if (!option->empty() && !raddle::parseStage(*option))
      problems.push_back((Twine("--") + option->ArgStr + "=" + *option + " is no stage").str());
  if (stopAfter.empty() && outputPath.empty())
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
      place = (file.getFilename().getValue() + ":" + Twine(file.getLine()) + ": ").str();
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
  if (StringRef(inputPath).ends_with(".pt2")) {
    raddle::ImportOptions options;
    if (batch)
      options.batch = batch;
    options.ranks = ranks;
    return raddle::importPt2(inputPath, options, &context);
  }
  std::string why;
  auto file = openInputFile(inputPath, &why);
  if (!file)
    return (void)fail(why), nullptr;
  llvm::SourceMgr sources;
  sources.AddNewSourceBuffer(std::move(file), SMLoc());
  return parseSourceFile<ModuleOp>(sources, ParserConfig(&context));
}

/// The first stage to run on a module that was read.
FailureOr<raddle::Stage> firstStage(ModuleOp module, bool imported) {
  std::optional<raddle::Stage> recorded = raddle::recordedStage(module);
  auto after = [](raddle::Stage stage) { return static_cast<raddle::Stage>(static_cast<int>(stage) + 1); };
  if (imported)
    return raddle::Stage::Rewrite;
  if (startAt.empty())
    return recorded ? after(*recorded) : raddle::Stage::Rewrite;
  raddle::Stage asked = *raddle::parseStage(startAt);
  // The result of a stage resumes behind it, whether that stage or the next one is named.
  if (recorded && asked == *recorded)
    return after(*recorded);
  if (recorded && asked != after(*recorded))
    return fail("--start-at=" + startAt + " expects the IR of that stage or of the one before, '" + inputPath +
                "' has that of " + raddle::stageName(*recorded));
  return asked == raddle::Stage::Import ? raddle::Stage::Rewrite : asked;
}

LogicalResult writeText(ModuleOp module, StringRef path) {
  std::string why;
  std::unique_ptr<llvm::ToolOutputFile> file = openOutputFile(path, &why);
  if (!file)
    return fail(why);
  module->print(file->os(), OpPrintingFlags().enableDebugInfo(/*enable=*/false));
  file->os() << "\n";
  file->keep();
  return success();
}

/// Shows on a terminal what is being done and how long it took.
class Progress {
public:
  void begin(StringRef what) {
    if (!shown)
      return;
    started = std::chrono::steady_clock::now();
    llvm::errs() << llvm::formatv("{0,-14}", what);
  }
  void end() {
    if (!shown)
      return;
    std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - started;
    llvm::errs() << llvm::formatv("{0,8:F2} s\n", seconds.count());
  }

private:
  bool shown = llvm::sys::Process::StandardErrIsDisplayed();
  std::chrono::steady_clock::time_point started;
};

raddle::PipelineOptions pipelineOptions() {
  raddle::PipelineOptions options;
  options.train = mode == "train";
  options.ranks = ranks;
  options.loss = loss;
  options.optimizer = optimizer;
  options.weightDecay = weightDecay;
  options.momentum = momentum;
  if (betas.size() == 2) {
    options.beta1 = betas[0];
    options.beta2 = betas[1];
  }
  options.eps = eps;
  options.clipNorm = clipNorm;
  return options;
}

LogicalResult dump(ModuleOp module, raddle::Stage stage) {
  raddle::recordStage(module, stage);
  if (dumpStages.empty())
    return success();
  SmallString<128> path(dumpStages);
  llvm::sys::path::append(path, llvm::formatv("{0:02}-{1}.mlir", static_cast<int>(stage) + 1, raddle::stageName(stage)).str());
  return writeText(module, path);
}

/// Where the weights are, seen from the bundle's folder.
std::string relativeWeights(ModuleOp module) {
  auto weights = module->getAttrOfType<StringAttr>("nn.weights");
  if (!weights)
    return {};
  namespace fs = std::filesystem;
  std::error_code error;
  fs::path folder = fs::absolute(outputPath.getValue(), error).parent_path();
  fs::path relative = fs::relative(weights.getValue().str(), folder, error);
  return error || relative.empty() ? weights.getValue().str() : relative.string();
}

LogicalResult writeOutputs(ModuleOp module, Progress &progress) {
  progress.begin("bundle");
  raddle::BundleOptions options;
  options.seed = seed;
  options.learningRate = learningRate;
  options.weights = relativeWeights(module);
  FailureOr<std::vector<uint8_t>> bundle = raddle::buildBundle(module, options);
  if (failed(bundle))
    return failure();
  if (auto why = raddle::runtime::writeBundleFile(outputPath, bundle->data(), bundle->size()))
    return fail(*why);
  progress.end();
  if (reportPath.empty())
    return success();
  if (auto why = raddle::writeReport(*raddle::bundle::GetBundle(bundle->data()), reportPath))
    return fail(*why);
  return success();
}

LogicalResult compile(MLIRContext &context) {
  Progress progress;
  bool imported = StringRef(inputPath).ends_with(".pt2");
  progress.begin("import");
  OwningOpRef<ModuleOp> module = readInput(context);
  if (!module)
    return failure();
  progress.end();
  FailureOr<raddle::Stage> first = firstStage(*module, imported);
  if (failed(first))
    return failure();
  if (!dumpStages.empty())
    if (std::error_code error = llvm::sys::fs::create_directories(dumpStages))
      return fail("cannot make folder '" + dumpStages + "': " + error.message());
  std::optional<raddle::Stage> last = raddle::parseStage(stopAfter);
  if (imported && failed(dump(*module, raddle::Stage::Import)))
    return failure();

  for (raddle::Stage stage : raddle::allStages()) {
    if (stage < *first || (last && stage > *last))
      continue;
    progress.begin(raddle::stageName(stage));
    PassManager manager(&context);
    raddle::addStage(manager, stage, pipelineOptions());
    if (failed(manager.run(*module)) || failed(dump(*module, stage)))
      return failure();
    progress.end();
  }
  if (last)
    return writeText(*module, outputPath.empty() ? "-" : StringRef(outputPath));
  return writeOutputs(*module, progress);
}

} // namespace

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  cl::HideUnrelatedOptions(category);
  cl::ParseCommandLineOptions(argc, argv, "Compiles a model into a bundle that raddle-run executes.\n");
  if (failed(checkOptions()))
    return 1;
  DialectRegistry registry;
  registerAllDialects(registry);
  registerAllExtensions(registry);
  raddle::registerDialects(registry);
  MLIRContext context(registry);
  context.printOpOnDiagnostic(false);
  ScopedDiagnosticHandler handler(&context, [](Diagnostic &diagnostic) { printDiagnostic(diagnostic); });
  return failed(compile(context));
}
