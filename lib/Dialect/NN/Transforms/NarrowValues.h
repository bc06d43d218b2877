// Tensors of f32 and the bf16 tensors that stand for them.
#ifndef RADDLE_LIB_DIALECT_NN_TRANSFORMS_NARROWVALUES_H
#define RADDLE_LIB_DIALECT_NN_TRANSFORMS_NARROWVALUES_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"

namespace raddle::nn {

/// Whether the value is a tensor of f32.
bool isSingle(mlir::Value value);

/// The tensors of f32 that an op copies its elements from, in order, without change: of views, transposes, slices,
/// concatenations and the like. Empty for every other op.
llvm::SmallVector<mlir::Value> movedTensors(mlir::Operation *op);

/// Of the tensors of f32 of a function, the bf16 tensors that are made of them.
class NarrowValues {
public:
  explicit NarrowValues(mlir::MLIRContext *context) : narrow(mlir::BFloat16Type::get(context)) {}

  /// The value rounded to bf16, each value once: what only moves elements moves those of bf16. New ops stand where the
  /// builder is.
  mlir::Value get(mlir::OpBuilder &builder, mlir::Value value);

  /// Whether all elements are numbers of bf16.
  bool isExact(mlir::Value value) const;

  /// A tensor of f32 with the elements of a tensor of bf16.
  mlir::Value widen(mlir::OpBuilder &builder, mlir::Value value);

  /// Puts the value, rounded to bf16 and widened again, in the place of it: for all that read it.
  mlir::Value round(mlir::OpBuilder &builder, mlir::Value value);

  /// An op that moves numbers of bf16 moves them as such; gives what takes the place of its result, or null where
  /// elements are none.
  mlir::Value move(mlir::OpBuilder &builder, mlir::Operation *op);

  /// `type` with elements of bf16.
  mlir::RankedTensorType typeOf(mlir::Value value) const {
    return llvm::cast<mlir::RankedTensorType>(value.getType()).clone(narrow);
  }

private:
  mlir::Value cloneNarrow(mlir::OpBuilder &builder, mlir::Operation *op);
  bool isWorthMoving(mlir::Operation *op) const;

  mlir::Type narrow;
  llvm::DenseMap<mlir::Value, mlir::Value> rounded;
  llvm::DenseSet<mlir::Value> exact;
};

/// Whether an op reads its tensors of f32 as bf16: products of matrices, convolutions, attention.
bool isNarrowable(mlir::Operation *op);

} // namespace raddle::nn

#endif // RADDLE_LIB_DIALECT_NN_TRANSFORMS_NARROWVALUES_H
