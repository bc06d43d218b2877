#ifndef RADDLE_DIALECT_RAGGED_IR_RAGGEDOPS_H
#define RADDLE_DIALECT_RAGGED_IR_RAGGEDOPS_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/BuiltinTypes.h"
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

/// Names of the module's attributes.
constexpr llvm::StringLiteral kMeshAttr = "ragged.mesh";
constexpr llvm::StringLiteral kRanksAttr = "ragged.ranks";

/// Ranks as replicas of shards: a grid of two axes, rank r holds shard r modulo `shards` of replica r / shards.
struct Mesh {
  int64_t ranks;  ///< all: of the grid, else `ragged.ranks` of the module, else those of its buckets
  int64_t shards; ///< ranks that share one copy of the buckets; divides `ranks`

  int64_t replicas() const { return ranks / shards; }
};

/// The mesh that a `shard.grid` of the module gives, by its shape replicas x shards, or shards: the one that
/// `ragged.mesh` names, or the only one. None where there is none. Reports a grid that is no such mesh.
mlir::FailureOr<std::optional<Mesh>> meshOfGrid(mlir::ModuleOp module);

/// The mesh of a module; its grid, its attribute, and all its buckets agree. Reports what does not fit.
std::optional<Mesh> verifyMesh(mlir::ModuleOp module);

/// Gives the module this mesh: a grid, if it has none, and the attributes. A grid that is there has this mesh.
void setMesh(mlir::ModuleOp module, const Mesh &mesh);

} // namespace raddle::ragged

#endif // RADDLE_DIALECT_RAGGED_IR_RAGGEDOPS_H
