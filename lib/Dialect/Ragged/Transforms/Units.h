#ifndef RADDLE_LIB_DIALECT_RAGGED_TRANSFORMS_UNITS_H
#define RADDLE_LIB_DIALECT_RAGGED_TRANSFORMS_UNITS_H

#include "raddle/Dialect/Ragged/IR/Layout.h"
#include "raddle/Plan/Parameter.h"

namespace raddle::ragged {

/// What the functions of a module ask of the cut of a parameter.
struct Cut {
  mlir::StringAttr name; ///< of the parameter
  mlir::RankedTensorType type;
  llvm::SetVector<KeepAttr> keeps;
  LayoutAttr layout; ///< asked for, or null

  /// Adds what an argument that is the parameter asks; reports a second layout.
  llvm::LogicalResult add(mlir::FunctionOpInterface function, unsigned argument);

  /// Elements that stay together, in row-major order: whole rows for tiles and rows. `block` is that of the pass's
  /// option, for matrices. Two that ask for different numbers of rows, of which neither divides the other, are reported
  /// with both causes.
  llvm::FailureOr<int64_t> unit(mlir::Operation *op, const plan::Block &block) const;

  /// Reports where the slot is not cut as the layout asks.
  llvm::LogicalResult check(BucketOp bucket, SlotAttr slot) const;
};

} // namespace raddle::ragged

#endif // RADDLE_LIB_DIALECT_RAGGED_TRANSFORMS_UNITS_H
