// Builds what the decompositions of convolutions and pooling share.
#ifndef RADDLE_LIB_DIALECT_NN_IR_WINDOWBUILDER_H
#define RADDLE_LIB_DIALECT_NN_IR_WINDOWBUILDER_H

#include "raddle/Dialect/NN/IR/Windows.h"
#include "raddle/Utils/LinalgBuilders.h"

namespace raddle::nn {

/// Tensors here are [lead..., spatial...]; loops are `lead` of them, then those of the kernel, then those of the
/// windows, unless a function says otherwise. The innermost loop runs over neighbours in memory.
class WindowBuilder {
public:
  WindowBuilder(mlir::OpBuilder &builder, mlir::Location loc, Windows windows)
      : builder(builder), loc(loc), windows(std::move(windows)) {}

  /// The input with `value` before and behind it, as far as windows reach; the input itself where they stay inside.
  mlir::Value pad(mlir::Value input, double value) const;
  /// The part of a padded tensor that is the input.
  mlir::Value unpad(mlir::Value padded) const;
  /// `type` with padded extents.
  mlir::RankedTensorType paddedType(mlir::RankedTensorType type) const;

  /// Map into a padded tensor: the loops `lead`, then, for each spatial dimension, o * stride + k * dilation for the
  /// loops of the kernel and of the windows, which begin at `kernelLoop` and `windowLoop`.
  mlir::AffineMap windowMap(unsigned loops, llvm::ArrayRef<int64_t> lead, int64_t kernelLoop, int64_t windowLoop) const;

  /// Map of the leading loops and those over the windows.
  mlir::AffineMap outputMap(int64_t lead) const;
  mlir::AffineMap windowMap(int64_t lead) const;
  unsigned loops(int64_t lead) const { return lead + 2 * windows.rank(); }

  /// Appends a tensor and its map for each loop over a window, which gives that loop its bound: no other operand has
  /// the loop alone as a dimension. The elements mean nothing.
  void addKernelBounds(int64_t lead, llvm::SmallVectorImpl<mlir::Value> &values,
                       llvm::SmallVectorImpl<mlir::AffineMap> &maps) const;

  /// For input [lead..., in...]: [lead..., k..., p...].
  mlir::Value unfold(mlir::Value input) const;
  /// For windows [lead..., k..., p...]: their sum [lead..., in...].
  mlir::Value fold(mlir::Value input) const;

  mlir::OpBuilder &builder;
  mlir::Location loc;
  Windows windows;
};

} // namespace raddle::nn

#endif // RADDLE_LIB_DIALECT_NN_IR_WINDOWBUILDER_H
