// Weights that a module reads from an archive.
#ifndef RADDLE_LIB_IMPORT_WEIGHTSOURCES_H
#define RADDLE_LIB_IMPORT_WEIGHTSOURCES_H

#include "Archive.h"
#include "mlir/IR/BuiltinOps.h"

namespace raddle::import {

/// Checks that every `nn.source` of the module's functions names an entry of the archive and lies inside its bytes, and
/// that the checksums of these entries are right. Reports all that do not, with the archive's path. Reads all weights
/// once.
llvm::LogicalResult verifyWeightSources(mlir::ModuleOp module, const Archive &archive, llvm::StringRef path);

} // namespace raddle::import

#endif // RADDLE_LIB_IMPORT_WEIGHTSOURCES_H
