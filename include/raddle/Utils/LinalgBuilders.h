// Short forms for building `linalg` on static tensors, shared by decompositions, gradients and the importer.
#ifndef RADDLE_UTILS_LINALGBUILDERS_H
#define RADDLE_UTILS_LINALGBUILDERS_H

#include "mlir/Dialect/Utils/StructuredOpsUtils.h"
#include "mlir/IR/AffineMap.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace raddle {

/// Builds scalar arithmetic inside the body of a `linalg.generic`. Operands of one operation have one type; a constant
/// takes the type of `like`.
struct Scalars {
  mlir::OpBuilder &builder;
  mlir::Location loc;

  mlir::Value constant(mlir::Type type, double value) const;
  mlir::Value constantLike(mlir::Value like, double value) const { return constant(like.getType(), value); }
  mlir::Value add(mlir::Value a, mlir::Value b) const;
  mlir::Value sub(mlir::Value a, mlir::Value b) const;
  mlir::Value mul(mlir::Value a, mlir::Value b) const;
  mlir::Value div(mlir::Value a, mlir::Value b) const;
  mlir::Value neg(mlir::Value a) const;
  mlir::Value max(mlir::Value a, mlir::Value b) const;
  mlir::Value exp(mlir::Value a) const;
  mlir::Value log(mlir::Value a) const;
  mlir::Value sqrt(mlir::Value a) const;
  mlir::Value rsqrt(mlir::Value a) const;
  mlir::Value select(mlir::Value condition, mlir::Value a, mlir::Value b) const;
  /// Casts between floating-point types of any widths.
  mlir::Value castFloat(mlir::Value a, mlir::Type type) const;
  /// Index of the surrounding generic's dimension, as a value of integer type `type`.
  mlir::Value position(int64_t dimension, mlir::Type type) const;
};

/// Body of a generic: from the elements of the inputs (then, for a reduction, the accumulator) to the element to yield.
using BodyBuilder = llvm::function_ref<mlir::Value(const Scalars &, mlir::ValueRange)>;

/// `arith.constant` of a float, integer or index type.
mlir::Value buildScalarConstant(mlir::OpBuilder &builder, mlir::Location loc, mlir::Type type, double value);

/// `linalg.fill` of a new tensor of `type` with `value`.
mlir::Value buildFilled(mlir::OpBuilder &builder, mlir::Location loc, mlir::RankedTensorType type, double value);

/// Map of `rank` dimensions that reads the dimensions `dims`, in that order.
mlir::AffineMap projection(mlir::MLIRContext *context, unsigned rank, llvm::ArrayRef<int64_t> dims);

/// Elementwise generic with result `type`. `maps` has one map an input; empty: identities.
mlir::Value buildElementwise(mlir::OpBuilder &builder, mlir::Location loc, mlir::RankedTensorType type,
                             mlir::ValueRange inputs, llvm::ArrayRef<mlir::AffineMap> maps, BodyBuilder body);

/// Generic that reduces the loops which are no result of `outputMap` into a tensor of `type`, filled with `init`
/// before. Loops that occur in sums of `outputMap` scatter: different iterations add to one element. `body` sees the
/// inputs' elements and, last, the accumulator.
mlir::Value buildReduction(mlir::OpBuilder &builder, mlir::Location loc, mlir::RankedTensorType type,
                           mlir::ValueRange inputs, llvm::ArrayRef<mlir::AffineMap> maps, mlir::AffineMap outputMap,
                           double init, BodyBuilder body);

/// The type that sums of `element` are kept in: f32 for the 16-bit types, itself for others.
mlir::Type sumType(mlir::Type element);

/// The elements of a tensor as floating-point numbers of another width.
mlir::Value buildCast(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value value, mlir::Type element);

/// Sum of products: out[outputMap] = Σ lhs[lhsMap] * rhs[rhsMap]. Operands may be narrower than `type`, in which
/// products and sums are computed.
mlir::Value buildContraction(mlir::OpBuilder &builder, mlir::Location loc, mlir::RankedTensorType type, mlir::Value lhs,
                             mlir::Value rhs, mlir::AffineMap lhsMap, mlir::AffineMap rhsMap,
                             mlir::AffineMap outputMap);

/// Reinterprets the elements of a static tensor, in row-major order, under another shape, by collapse and expand.
mlir::Value buildReshape(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value value,
                         llvm::ArrayRef<int64_t> shape);

/// Elementwise sum of two tensors of one type.
mlir::Value buildSum(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value a, mlir::Value b);

/// A tensor type of `shape` with the element type of `like`.
mlir::RankedTensorType tensorLike(mlir::Value like, llvm::ArrayRef<int64_t> shape);

} // namespace raddle

#endif // RADDLE_UTILS_LINALGBUILDERS_H
