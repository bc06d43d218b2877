// Where each tensor of a function lies, before the arena has addresses.
#ifndef RADDLE_LIB_SCHEDULE_PLACEMENT_H
#define RADDLE_LIB_SCHEDULE_PLACEMENT_H

#include "Arena.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "raddle/Dialect/Exec/IR/ExecOps.h"
#include "raddle/Dialect/Ragged/IR/RaggedOps.h"
#include "raddle/Utils/TensorQueries.h"

namespace raddle {

/// An address: for the arena, `index` counts allocations and `offset` is from the allocation's start.
struct Place {
  exec::Space space;
  int64_t index;
  int64_t offset;

  bool operator==(const Place &other) const {
    return space == other.space && index == other.index && offset == other.offset;
  }
};

/// Bytes of a dense tensor or memref.
int64_t bytesOf(mlir::Type type);

/// Decides the places of all values of one function. Views lie where they look at; a gradient lies in its slot of the
/// packed bucket, an output in the caller's memory, the next value of a state in the state, wherever its producer can
/// write there. A product that is added to a value lies where that does, if nothing reads the value afterwards.
class Placement {
public:
  Placement(mlir::func::FuncOp function, mlir::SymbolTableCollection &symbols) : function(function), symbols(symbols) {}

  /// Places arguments, claims places for results, places everything. `addConstant` gives the index of constant data.
  llvm::LogicalResult run(llvm::function_ref<int64_t(mlir::ElementsAttr)> addConstant);

  Place lookup(mlir::Value value) const { return places.lookup(value).value(); }

  /// Whether the operand of a pack, or a result of the function, is not written in place and must be copied there.
  bool needsCopy(mlir::OpOperand &operand) const { return copies.contains(&operand); }

  /// Where the operand of the function's terminator goes.
  Place resultPlace(unsigned result) const { return resultPlaces[result]; }

  /// A new piece of the arena for values of a type.
  Place allocate(mlir::Type type, const llvm::Twine &name);

  llvm::SmallVector<Allocation> allocations;
  mlir::SmallVector<mlir::Attribute> inputs, outputs, states;

private:
  void placeArguments();
  llvm::LogicalResult placeResults();
  void claimPacks();
  void placeOps(llvm::function_ref<int64_t(mlir::ElementsAttr)> addConstant);

  bool claim(mlir::Value value, Place place, mlir::Operation *since = nullptr);
  std::optional<Place> placeOfAddend(mlir::Value result) const;
  bool canUpdateInPlace(mlir::Value state, mlir::Value next);

  mlir::func::FuncOp function;
  mlir::SymbolTableCollection &symbols;
  llvm::DenseMap<mlir::Value, std::optional<Place>> places;
  llvm::DenseMap<mlir::Value, Place> claims;
  llvm::DenseMap<mlir::Operation *, Place> packs;
  llvm::DenseSet<mlir::OpOperand *> copies;
  llvm::SmallVector<Place> resultPlaces;
};

} // namespace raddle

#endif // RADDLE_LIB_SCHEDULE_PLACEMENT_H
