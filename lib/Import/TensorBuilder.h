#ifndef RADDLE_LIB_IMPORT_TENSORBUILDER_H
#define RADDLE_LIB_IMPORT_TENSORBUILDER_H

#include "Scalars.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/Builders.h"

namespace raddle::import {

using Shape = llvm::SmallVector<int64_t, 4>;

/// An operand of an elementwise computation.
struct Operand {
  mlir::Value tensor;
  Scalar scalar; // where `tensor` is null

  Operand(mlir::Value tensor) : tensor(tensor) {}
  Operand(Scalar scalar) : scalar(scalar) {}
};

/// Computes an element from elements.
using ElementFn = llvm::function_ref<mlir::Value(mlir::OpBuilder &, mlir::Location, mlir::ValueRange)>;

/// Builds `linalg` and `tensor` ops on tensors of static shape, checking first what their builders assert.
///
/// The first error is reported at the location and makes the builder fail: from then on every function returns null,
/// and accepts null operands, so that callers check `failed()` once.
class TensorBuilder {
public:
  TensorBuilder(mlir::OpBuilder &builder, mlir::Location loc) : builder(builder), loc(loc) {}

  bool failed() const { return hasFailed; }
  /// After an error that was reported elsewhere.
  void markFailed() { hasFailed = true; }
  std::nullptr_t fail(const llvm::Twine &message);

  static mlir::RankedTensorType typeOf(mlir::Value value) {
    return llvm::cast<mlir::RankedTensorType>(value.getType());
  }
  static llvm::ArrayRef<int64_t> shapeOf(mlir::Value value) { return typeOf(value).getShape(); }
  static mlir::Type elementOf(mlir::Value value) { return typeOf(value).getElementType(); }
  static int64_t rankOf(mlir::Value value) { return typeOf(value).getRank(); }

  /// Null where a size is negative or the number of elements does not fit in 64 bits.
  mlir::RankedTensorType tensorType(llvm::ArrayRef<int64_t> shape, mlir::Type element);
  /// "[2, 3]", for errors.
  static std::string describe(llvm::ArrayRef<int64_t> shape);

  mlir::Value empty(llvm::ArrayRef<int64_t> shape, mlir::Type element);
  mlir::Value fill(llvm::ArrayRef<int64_t> shape, mlir::Type element, const Scalar &value);

  // Shape
  mlir::Value reshape(mlir::Value value, llvm::ArrayRef<int64_t> shape);
  mlir::Value broadcast(mlir::Value value, llvm::ArrayRef<int64_t> shape);
  mlir::Value transpose(mlir::Value value, llvm::ArrayRef<int64_t> permutation);
  /// Elements start, start + step, … (size of them) of a dimension. In bounds or an error.
  mlir::Value slice(mlir::Value value, int64_t dim, int64_t start, int64_t size, int64_t step = 1);
  mlir::Value concat(llvm::ArrayRef<mlir::Value> values, int64_t dim);
  mlir::Value insertUnitDim(mlir::Value value, int64_t dim);
  /// The shape that operands broadcast to; an error where they do not.
  Shape broadcastShape(llvm::ArrayRef<Operand> operands);

  // Elements
  /// result[i] = convert(fn(convert(operands[i])...)) over the operands' common shape: operands are converted to
  /// `compute` (16-bit floating-point types to f32), what `fn` returns to `result`.
  mlir::Value elementwise(llvm::ArrayRef<Operand> operands, mlir::Type compute, mlir::Type result, ElementFn fn);
  /// result[i] = fn(tensors[i]...) over a shape that the tensors broadcast to, without conversions.
  mlir::Value mapElements(llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<mlir::Value> tensors, mlir::Type result,
                          ElementFn fn);
  mlir::Value cast(mlir::Value value, mlir::Type element);
  /// Between bytes as they are stored and the wider integers from 0 to 255 that they are computed with.
  mlir::Value convertBytes(mlir::Value value, mlir::Type element);
  mlir::Type promote(llvm::ArrayRef<Operand> operands);

  /// Combines the elements of `value` along `dims` (sorted, in range), starting from `init`: acc = fn(acc, element), in
  /// `accumulate`'s arithmetic type. The reduced dimensions stay with size 1 where `keep` is set.
  mlir::Value
  reduce(mlir::Value value, llvm::ArrayRef<int64_t> dims, bool keep, mlir::Type accumulate, const Scalar &init,
         llvm::function_ref<mlir::Value(mlir::OpBuilder &, mlir::Location, mlir::Value acc, mlir::Value element)> fn);

  /// lhs [m, k] times rhs [k, n], or [n, k] where `transposed`: [m, n] of the operands' element type.
  mlir::Value matmul(mlir::Value lhs, mlir::Value rhs, bool transposed);
  /// lhs [b, m, k] times rhs [b, k, n].
  mlir::Value batchMatmul(mlir::Value lhs, mlir::Value rhs);

  mlir::OpBuilder &builder;
  mlir::Location loc;

private:
  /// The operand without the dimensions of size 1 that `shape` stretches, and its map from the dimensions of `shape`.
  std::pair<mlir::Value, mlir::AffineMap> alignTo(mlir::Value value, llvm::ArrayRef<int64_t> shape);

  bool hasFailed = false;
};

/// True if PyTorch can stretch `from` to `to`.
bool broadcastsTo(llvm::ArrayRef<int64_t> from, llvm::ArrayRef<int64_t> to);

} // namespace raddle::import

#endif // RADDLE_LIB_IMPORT_TENSORBUILDER_H
