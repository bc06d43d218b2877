// What operators over spatial dimensions have in common.
#ifndef RADDLE_LIB_IMPORT_SPATIAL_H
#define RADDLE_LIB_IMPORT_SPATIAL_H

#include "NodeBuilder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

namespace raddle::import {

/// An input [N, C, spatial...]; one without a batch gets a batch of one.
struct SpatialInput {
  mlir::Value value;
  int64_t rank = 0; // number of spatial dimensions
  bool batched = true;

  llvm::ArrayRef<int64_t> extents() const { return TensorBuilder::shapeOf(value).drop_front(2); }
  /// A result [N, C, ...] in the form that the input had.
  mlir::Value restore(NodeBuilder &node, mlir::Value result) const;
};

/// The elements that an operator takes.
enum class SpatialElements { Floats, Numbers, All };

/// The node's tensor `name` as one with `spatialRank` spatial dimensions; fails where it has other ranks or elements.
SpatialInput readSpatial(NodeBuilder &node, llvm::StringRef name, int64_t spatialRank,
                         SpatialElements elements = SpatialElements::Floats);

/// `rank` numbers from `least` on: the node's list `name`, one number for all dimensions, or `absent`.
llvm::SmallVector<int64_t> readPerDimension(NodeBuilder &node, llvm::StringRef name, int64_t rank, int64_t least,
                                            llvm::ArrayRef<int64_t> absent);

/// `element` numbers along dimension `dim` of `rank`, to be broadcast: a constant of shape [1, …, n, …, 1].
mlir::Value constantAlong(NodeBuilder &node, llvm::ArrayRef<double> values, mlir::Type element, int64_t dim,
                          int64_t rank);

/// A constant of floating-point type, its elements in row-major order.
mlir::Value constantTensor(NodeBuilder &node, llvm::ArrayRef<double> values, mlir::Type element,
                           llvm::ArrayRef<int64_t> shape);

/// The elements of `value` at the positions `table` of dimension `dim`, all in range.
mlir::Value gatherAlong(NodeBuilder &node, mlir::Value value, int64_t dim, llvm::ArrayRef<int64_t> table);

} // namespace raddle::import

#endif // RADDLE_LIB_IMPORT_SPATIAL_H
