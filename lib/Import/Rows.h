#ifndef RADDLE_LIB_IMPORT_ROWS_H
#define RADDLE_LIB_IMPORT_ROWS_H

#include "NodeBuilder.h"
#include "raddle/Dialect/NN/IR/NNOps.h"

namespace raddle::import {

struct Body;

/// Integers other than booleans.
bool isIndexType(mlir::Type type);

/// Indices as i64 in [0, size). What is out of range is an error at run time that names the operator; negative ones
/// count from the end where `fromEnd` is set. Those that equal `ignored` pass as they are.
mlir::Value checkedIndex(NodeBuilder &node, mlir::Value indices, int64_t size, bool fromEnd,
                         std::optional<int64_t> ignored = std::nullopt);

/// Computes an i64 element from i64 coordinates of the loop and i64 elements.
using PlaceFn =
    llvm::function_ref<mlir::Value(const Body &, llvm::ArrayRef<mlir::Value> coordinates, mlir::ValueRange elements)>;

/// A tensor of `shape` that says where elements lie: fn(coordinates, tensors[i]...). The tensors are i64 and broadcast
/// to `shape`.
mlir::Value buildPlaces(NodeBuilder &node, llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<mlir::Value> tensors,
                        PlaceFn fn);

/// Σ coordinates[i] * strides[i].
mlir::Value linearise(const Body &body, llvm::ArrayRef<mlir::Value> coordinates, llvm::ArrayRef<int64_t> strides);

/// Elements between neighbours in each dimension of a row-major tensor.
Shape rowMajorStrides(llvm::ArrayRef<int64_t> shape);

/// Rows of `width` elements of `self`, read as one sequence of rows, at `places`; of shape `result`.
mlir::Value gatherRows(NodeBuilder &node, mlir::Value self, mlir::Value places, int64_t width,
                       llvm::ArrayRef<int64_t> result);

/// `self`, read as a sequence of rows of `width` elements, after `updates` has been written to the rows at `places`.
mlir::Value scatterRows(NodeBuilder &node, nn::ScatterKind kind, mlir::Value self, mlir::Value places,
                        mlir::Value updates, int64_t width);

/// How an operator with index tensors selects from a tensor: dimension i by indices[i], or whole where that is null.
/// The index tensors broadcast together; their dimensions stand where the first of them stood if all are neighbours,
/// otherwise in front. What lies behind the last indexed dimension is a row.
struct Selection {
  mlir::Value places; // of rows
  int64_t width = 1;  // elements of a row
  Shape shape;        // of what is selected
};

/// An error where the indices do not fit. `indices` has at least one tensor and at most one entry a dimension.
Selection select(NodeBuilder &node, mlir::Value self, llvm::ArrayRef<mlir::Value> indices, bool fromEnd);

/// The selection of whole slices of dimension `dim` by a vector of indices.
Selection selectSlices(NodeBuilder &node, mlir::Value self, int64_t dim, mlir::Value index, bool fromEnd);

/// The places of single elements: dimension `dim` by the index tensor, the others by the index tensor's own positions.
/// An error where a dimension of the index tensor but `dim` is larger than that of `self`.
mlir::Value placesAlong(NodeBuilder &node, mlir::Value self, mlir::Value index, int64_t dim);

/// Element places of the diagonal of dimensions `first` and `second` of a tensor of `shape`: the other dimensions, then
/// the diagonal. An error where the dimensions are equal. `diagonal` gets the shape.
mlir::Value placesOfDiagonal(NodeBuilder &node, llvm::ArrayRef<int64_t> shape, int64_t offset, int64_t first,
                             int64_t second, Shape &diagonal);

/// out[i, j, …] = self[positions[i, j, …], j, …] for dimension 0, and so on, for positions that are in range.
mlir::Value elementsAt(NodeBuilder &node, mlir::Value self, mlir::Value positions, int64_t dim);

} // namespace raddle::import

#endif // RADDLE_LIB_IMPORT_ROWS_H
