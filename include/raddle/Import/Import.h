#ifndef RADDLE_IMPORT_IMPORT_H
#define RADDLE_IMPORT_IMPORT_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/Support/MemoryBufferRef.h"
#include <cstdint>
#include <optional>

namespace raddle {

/// What the file leaves open. Batches count elements of dimension 0 of the inputs.
struct ImportOptions {
  /// The batch of all ranks together. Without it the size that the model was exported with.
  std::optional<int64_t> batch;
  /// Number of ranks that share the batch; at least 1.
  int64_t ranks = 1;
  /// Accept a file without a dynamic batch dimension; its shapes are then those of one rank.
  bool allowStaticBatch = true;
  /// Read all weights once and compare their checksums: the runtime reads parts of entries, which have none.
  bool verifyWeights = false;
};

/// Imports a `.pt2` archive of `torch.export.save` in functional form (`run_decompositions({})`).
///
/// The result is a module with one `func.func @main` on tensors of static shape: its arguments are the parameters,
/// buffers, constants and inputs of the exported program in its order, its results the user's outputs. The attributes
/// of arguments and results are those of the `nn` dialect. Weights stay in the archive.
///
/// The archive is untrusted. On an error the result is null and the context's diagnostic handlers have been told:
/// operators that are not known (all of them at once), weight entries that are missing or too small, a batch that does
/// not divide by the ranks, anything in the archive that does not fit the schema.
mlir::OwningOpRef<mlir::ModuleOp> importPt2(llvm::StringRef path, const ImportOptions &options,
                                            mlir::MLIRContext *context);

/// As above from memory. The identifier of `archive` is the path that the module gives as `nn.weights`.
mlir::OwningOpRef<mlir::ModuleOp> importPt2(llvm::MemoryBufferRef archive, const ImportOptions &options,
                                            mlir::MLIRContext *context);

/// Registers `--import-pt2` with the options `--batch` and `--ranks` for tools made with `mlirTranslateMain`.
void registerImportTranslation();

} // namespace raddle

#endif // RADDLE_IMPORT_IMPORT_H
