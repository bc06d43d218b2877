// What the verifiers of the dialect's files share.
#ifndef RADDLE_LIB_DIALECT_NN_IR_EXPECT_H
#define RADDLE_LIB_DIALECT_NN_IR_EXPECT_H

#include "raddle/Dialect/NN/IR/NNOps.h"

namespace raddle::nn {

inline mlir::RankedTensorType typeOf(mlir::Value value) { return llvm::cast<mlir::RankedTensorType>(value.getType()); }
inline llvm::ArrayRef<int64_t> shapeOf(mlir::Value value) { return typeOf(value).getShape(); }

/// Checks the type of the value called `name`.
inline llvm::LogicalResult expectType(mlir::Operation *op, llvm::StringRef name, mlir::Value value,
                                      mlir::Type expected) {
  if (value.getType() == expected)
    return llvm::success();
  return op->emitOpError("expects '") << name << "' of type " << expected << ", is " << value.getType();
}

inline llvm::LogicalResult expectShape(mlir::Operation *op, llvm::StringRef name, mlir::Value value,
                                       llvm::ArrayRef<int64_t> shape, mlir::Value like) {
  return expectType(op, name, value, mlir::RankedTensorType::get(shape, typeOf(like).getElementType()));
}

inline llvm::LogicalResult expectRank(mlir::Operation *op, llvm::StringRef name, mlir::Value value, int64_t rank) {
  if (typeOf(value).getRank() == rank)
    return llvm::success();
  return op->emitOpError("expects '") << name << "' of rank " << rank << ", is " << value.getType();
}

inline llvm::LogicalResult expectFinite(mlir::Operation *op, llvm::StringRef name, const llvm::APFloat &value) {
  if (value.isFinite())
    return llvm::success();
  return op->emitOpError("expects '") << name << "' to be finite, is " << value.convertToDouble();
}

/// Indices of any shape followed by the width of what they select.
inline llvm::SmallVector<int64_t> selectedShape(mlir::Value indices, int64_t width) {
  llvm::SmallVector<int64_t> shape(shapeOf(indices));
  shape.push_back(width);
  return shape;
}

} // namespace raddle::nn

#endif // RADDLE_LIB_DIALECT_NN_IR_EXPECT_H
