// How much memory a function needs at each of its ops, before addresses are given.
#ifndef RADDLE_LIB_SCHEDULE_LIVEMEMORY_H
#define RADDLE_LIB_SCHEDULE_LIVEMEMORY_H

#include "Placement.h"
#include "Profile.h"
#include "mlir/IR/BuiltinOps.h"

namespace raddle {

/// The bytes of the arena that are in use at every op of a function, as `schedule-assign` will place its values.
/// Positions stay those of the ops when the object was made.
class LiveMemory {
public:
  /// Reports values that cannot be placed.
  static llvm::FailureOr<LiveMemory> compute(mlir::func::FuncOp function, mlir::SymbolTableCollection &symbols);

  /// Number of the op in its block.
  int64_t position(mlir::Operation *op) const { return positions.lookup(op); }
  mlir::Operation *at(int64_t position) const { return ops[position]; }

  /// The bytes in use at each position. Moves of ops are added to it by those who move them.
  Profile bytes;

  /// What a budget for states and arena leaves for the arena.
  int64_t roomWithin(int64_t budget) const { return budget - states; }

  /// The size of the arena, with the gaps that addresses leave; without what was added to `bytes` since.
  int64_t arenaBytes() const;

  /// The positions of ops that read a tensor of a gathered bucket, sorted, each once.
  llvm::SmallVector<int64_t> uses(ragged::GatherOp gather) const;

private:
  llvm::DenseMap<mlir::Operation *, int64_t> positions;
  llvm::SmallVector<mlir::Operation *> ops;
  /// Op number n is at instant 2n + 1; compute waits for collectives at the instant before.
  llvm::SmallVector<Allocation> allocations;
  int64_t states = 0;
};

/// Calls `visit` for every function of the module that is to become a program, until one fails.
llvm::LogicalResult
forEachProgram(mlir::ModuleOp module,
               llvm::function_ref<llvm::LogicalResult(mlir::func::FuncOp, mlir::SymbolTableCollection &)> visit);

/// By how much the peak is lowered at a time for an arena that is too large by `excess`: gaps may shrink by more than
/// the peak, and more than is needed should not be given up.
inline int64_t lessFor(int64_t excess) { return excess > 0 ? excess / 8 + 1 : 0; }

/// A slot of a bucket or a reshape: it shows memory that its operand has.
bool showsMemory(mlir::Operation *op);

} // namespace raddle

#endif // RADDLE_LIB_SCHEDULE_LIVEMEMORY_H
