#ifndef RADDLE_LIB_IMPORT_SCALARS_H
#define RADDLE_LIB_IMPORT_SCALARS_H

#include "Program.h"
#include "mlir/IR/Builders.h"
#include <optional>

namespace raddle::import {

/// A Python number: an argument that takes part in PyTorch's type promotion as a "wrapped number".
struct Scalar {
  enum class Kind { Bool, Int, Float };

  Kind kind = Kind::Int;
  int64_t integer = 0; // of Bool and Int
  double real = 0;     // of all kinds

  static Scalar ofInt(int64_t value) { return {Kind::Int, value, double(value)}; }
  static Scalar ofBool(bool value) { return {Kind::Bool, value, double(value)}; }
  static Scalar ofFloat(double value) { return {Kind::Float, 0, value}; }

  bool isZero() const { return kind == Kind::Float ? real == 0 : integer == 0; }
};

/// The element type in which Raddle computes with a PyTorch dtype; null for those that it does not know. Bytes, which
/// have no sign, are numbers from 0 to 255 of 16 bits, and complex numbers pairs of real ones.
mlir::Type elementTypeOf(mlir::MLIRContext *context, int64_t dtype);
inline bool isByte(int64_t dtype) { return ScalarType(dtype) == ScalarType::UInt8; }
inline bool isComplex(int64_t dtype) {
  return ScalarType(dtype) == ScalarType::Complex64 || ScalarType(dtype) == ScalarType::Complex128;
}
/// PyTorch's name of a dtype ("uint8"), for errors.
std::string dtypeName(int64_t dtype);

/// The nearest integer towards zero; the nearest that there is beyond the range, 0 for what is no number.
int64_t toInteger(double real);
/// A typed constant in a region's body; converts as PyTorch does, integers wrap.
mlir::Value scalarConstant(mlir::OpBuilder &builder, mlir::Location loc, mlir::Type type, const Scalar &value);
/// Converts a number or boolean as `Tensor.to` does: to bool by comparison with zero, to integer by truncation.
mlir::Value convertScalar(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value value, mlir::Type type);

/// The type that arithmetic on elements of `type` is done in: f32 for the 16-bit floating-point types.
mlir::Type arithmeticType(mlir::Type type);

/// What an operand contributes to the type of a result.
struct PromotionOperand {
  mlir::Type type;      // of a tensor
  bool zeroDim = false; // a tensor of rank 0
  std::optional<Scalar> scalar;
};

/// PyTorch's result type: tensors with dimensions decide unless another operand is of a higher category
/// (boolean < integer < floating point).
mlir::Type promoteTypes(mlir::MLIRContext *context, llvm::ArrayRef<PromotionOperand> operands);

} // namespace raddle::import

#endif // RADDLE_LIB_IMPORT_SCALARS_H
