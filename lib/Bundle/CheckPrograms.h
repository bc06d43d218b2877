// What a module must be like before a bundle is written from it.
#ifndef RADDLE_LIB_BUNDLE_CHECKPROGRAMS_H
#define RADDLE_LIB_BUNDLE_CHECKPROGRAMS_H

#include "mlir/IR/BuiltinOps.h"

namespace raddle {

/// Checks everything that the writer reads and that no verifier of an op knows: the tables of programs, that their ops
/// are on buffers and call code that is there, the attributes of parameters, the bytes of constants. A module may come
/// from a file, which is untrusted. Reports all problems.
llvm::LogicalResult checkPrograms(mlir::ModuleOp module);

} // namespace raddle

#endif // RADDLE_LIB_BUNDLE_CHECKPROGRAMS_H
