#ifndef RADDLE_LIB_DIALECT_NN_IR_SCANBUILDER_H
#define RADDLE_LIB_DIALECT_NN_IR_SCANBUILDER_H

#include "raddle/Utils/LinalgBuilders.h"

namespace raddle::nn {

/// A value that a walk hands from place to place.
struct Carry {
  mlir::Type type;
  double init;
};

/// What a place computes, from the elements there and what was carried there.
struct ScanElements {
  llvm::SmallVector<mlir::Value, 2> carries, results;
};
using ScanBody = llvm::function_ref<ScanElements(const Scalars &, mlir::ValueRange inputs, mlir::ValueRange carries,
                                                 mlir::Value position)>;

/// Walks dimension `dim` of `inputs`, which have one shape, from its start or its end. `position` (index) is the place
/// in the dimension. Gives a tensor of the inputs' shape for each of `resultTypes`.
llvm::SmallVector<mlir::Value> buildScan(mlir::OpBuilder &builder, mlir::Location loc, mlir::ValueRange inputs,
                                         int64_t dim, bool reverse, llvm::ArrayRef<Carry> carries,
                                         llvm::ArrayRef<mlir::Type> resultTypes, ScanBody body);

} // namespace raddle::nn

#endif // RADDLE_LIB_DIALECT_NN_IR_SCANBUILDER_H
