#ifndef RADDLE_DIALECT_RAGGED_IR_RAGGEDOPS_H
#define RADDLE_DIALECT_RAGGED_IR_RAGGEDOPS_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "raddle/Interfaces/DifferentiableOpInterface.h"

#include "raddle/Dialect/Ragged/IR/RaggedDialect.h.inc"
#include "raddle/Dialect/Ragged/IR/RaggedEnums.h.inc"
#define GET_ATTRDEF_CLASSES
#include "raddle/Dialect/Ragged/IR/RaggedAttrs.h.inc"
#define GET_OP_CLASSES
#include "raddle/Dialect/Ragged/IR/RaggedOps.h.inc"

namespace raddle::ragged {

/// Ranks as replicas of shards.
struct Mesh {
  int64_t ranks;  ///< all: `ragged.ranks` of the module, or those of its buckets where it does not say
  int64_t shards; ///< ranks that share one copy of the buckets; divides `ranks`

  int64_t replicas() const { return ranks / shards; }
};

/// The mesh of a module; all its buckets are cut over the same number of ranks. Reports what does not fit.
std::optional<Mesh> verifyMesh(mlir::ModuleOp module);

} // namespace raddle::ragged

#endif // RADDLE_DIALECT_RAGGED_IR_RAGGEDOPS_H
