#include "mlir/Tools/mlir-translate/Translation.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "raddle/Dialect/MoE/IR/MoEOps.h"
#include "raddle/Dialect/NN/IR/NNOps.h"
#include "raddle/Import/Import.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/SourceMgr.h"

using namespace mlir;

namespace raddle {

void registerImportTranslation() {
  static llvm::cl::opt<int64_t> batch(
      "batch", llvm::cl::desc("Batch of all ranks together (default: that of the export)"), llvm::cl::init(0));
  static llvm::cl::opt<int64_t> ranks("ranks", llvm::cl::desc("Number of ranks that share the batch"),
                                      llvm::cl::init(1));
  static TranslateToMLIRRegistration registration(
      "import-pt2", "import a .pt2 archive of torch.export.save",
      [](llvm::SourceMgr &sources, MLIRContext *context) -> OwningOpRef<Operation *> {
        ImportOptions options;
        if (batch.getNumOccurrences())
          options.batch = batch;
        options.ranks = ranks;
        return importPt2(sources.getMemoryBuffer(sources.getMainFileID())->getMemBufferRef(), options, context);
      },
      [](DialectRegistry &registry) {
        registry.insert<arith::ArithDialect, func::FuncDialect, linalg::LinalgDialect, math::MathDialect, nn::NNDialect,
                        moe::MoEDialect, tensor::TensorDialect>();
      });
}

} // namespace raddle
