// MLIR of any stage: our parsers, verifiers, passes and the writer of bundles refuse what they cannot take with an
// error. The first line of an input, "// passes: PIPELINE", says what runs; without it, the stages that raddle-compile
// would run.
#include "Diagnostics.h"
#include "TextMutator.h"
#include "UpstreamParser.h"

#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"
#include "raddle/Bundle/WriteBundle.h"
#include "raddle/Dialect/Exec/IR/ExecOps.h"
#include "raddle/Passes.h"
#include "raddle/Pipeline/Pipeline.h"
#include "raddle/runtime/BundleFile.h"

using namespace mlir;
using namespace raddle;

static constexpr llvm::StringLiteral kPipelines[] = {
    "nn-decompose",
    "import-verify",
    "grad-verify",
    "raddle-grad",
    "raddle-grad{parameters-only}",
    "raddle-grad{with-cotangent}",
    "raddle-grad{parameters-only},train-build-step",
    "train-build-step{optimizer=sgd momentum=0.9}",
    "train-verify",
    "ragged-plan{ranks=2}",
    "ragged-plan{ranks=2},ragged-partition",
    "ragged-partition",
    "ragged-verify",
    "func.func(fuse-check-indices)",
    "fuse-outline",
    "nn-decompose,fuse-outline,fuse-verify",
    "fuse-verify",
    "schedule-assign",
    "schedule-assign,schedule-verify",
    "schedule-verify",
    "codegen-cpu",
    "schedule-assign,codegen-cpu",
    "codegen-verify",
};

static const DialectRegistry &registry() {
  static const DialectRegistry all = [] {
    DialectRegistry result;
    registerAllDialects(result);
    registerAllExtensions(result);
    registerDialects(result);
    registerRaddlePasses();
    registerCanonicalizerPass();
    registerCSEPass();
    return result;
  }();
  return all;
}

static LogicalResult addPasses(PassManager &manager, StringRef text) {
  auto [first, rest] = text.split('\n');
  if (first.consume_front(fuzz::kPassesPrefix))
    return parsePassPipeline(first, manager, llvm::nulls());
  PipelineOptions options;
  options.train = text.contains("nn.param");
  for (Stage stage : allStages())
    addStage(manager, stage, options);
  return success();
}

/// What the compiler writes, the runtime accepts.
static LogicalResult writeBundle(ModuleOp module) {
  if (module.getOps<exec::ProgramOp>().empty())
    return success();
  FailureOr<std::vector<uint8_t>> bundle = buildBundle(module, BundleOptions());
  return success(succeeded(bundle));
}

extern "C" int LLVMFuzzerInitialize(int *, char ***) {
  registry();
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  StringRef text(reinterpret_cast<const char *>(data), size);
  // The parser reads to a zero byte behind the text.
  std::string copy = text.str();
  static fuzz::SharedContext shared(registry());
  MLIRContext &context = shared.get();
  std::optional<fuzz::ErrorCount> errors(std::in_place, &context);
  fuzz::Parsed parsed = fuzz::parse(copy, &context);
  if (parsed.isBroken) {
    errors.reset();
    shared.abandon();
    return 0;
  }
  OwningOpRef<ModuleOp> module = std::move(parsed.module);
  if (!module)
    return 0;
  PassManager manager(&context);
  if (failed(addPasses(manager, copy)))
    return 0;
  if (failed(manager.run(*module)) || failed(writeBundle(*module)))
    errors->expectSome();
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t maxSize, unsigned seed) {
  return fuzz::mutateText(data, size, maxSize, seed, kPipelines);
}
