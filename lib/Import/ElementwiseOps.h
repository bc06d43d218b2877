#ifndef RADDLE_LIB_IMPORT_ELEMENTWISEOPS_H
#define RADDLE_LIB_IMPORT_ELEMENTWISEOPS_H

// Handlers of operators that are one function of elements: the function is the template's argument, the handler decides
// the types.

#include "Body.h"
#include "Operators.h"

namespace raddle::import {

using UnaryFn = mlir::Value (*)(const Body &, mlir::Value);
using BinaryFn = mlir::Value (*)(const Body &, mlir::Value, mlir::Value);
/// `elements` are the operands' in their order.
using AnyFn = llvm::function_ref<mlir::Value(const Body &, mlir::ValueRange)>;

inline mlir::Value applyFn(NodeBuilder &node, llvm::ArrayRef<Operand> operands, mlir::Type compute, mlir::Type result,
                           AnyFn fn) {
  return node.elementwise(operands, compute, result,
                          [&](mlir::OpBuilder &builder, mlir::Location loc, mlir::ValueRange elements) {
                            return fn(Body{builder, loc}, elements);
                          });
}

inline mlir::Value applyUnary(NodeBuilder &node, mlir::Value input, mlir::Type compute, mlir::Type result, UnaryFn fn) {
  return applyFn(node, {input}, compute, result,
                 [&](const Body &body, mlir::ValueRange elements) { return fn(body, elements[0]); });
}

inline mlir::Value applyBinary(NodeBuilder &node, Operand lhs, Operand rhs, mlir::Type compute, mlir::Type result,
                               BinaryFn fn) {
  return applyFn(node, {lhs, rhs}, compute, result,
                 [&](const Body &body, mlir::ValueRange elements) { return fn(body, elements[0], elements[1]); });
}

/// Functions of real numbers: integers are computed in the default floating-point type, which the file declares for the
/// result.
template <UnaryFn fn> mlir::LogicalResult realUnary(NodeBuilder &node) {
  mlir::Value input = node.tensor("self");
  mlir::Type type = node.realType({input});
  return node.result(applyUnary(node, input, type, type, fn));
}

/// As realUnary, computed in f64: series that cancel or need many terms.
template <UnaryFn fn> mlir::LogicalResult wideUnary(NodeBuilder &node) {
  mlir::Value input = node.tensor("self");
  mlir::Type type = node.realType({input});
  return node.result(applyUnary(node, input, node.builder.getF64Type(), type, fn));
}

/// Functions that keep the type, integers too.
template <UnaryFn fn> mlir::LogicalResult typedUnary(NodeBuilder &node) {
  mlir::Value input = node.tensor("self");
  if (node.failed())
    return mlir::failure();
  mlir::Type type = node.elementOf(input);
  return node.result(applyUnary(node, input, type, type, fn));
}

/// Functions that give a boolean.
template <UnaryFn fn> mlir::LogicalResult booleanUnary(NodeBuilder &node) {
  mlir::Value input = node.tensor("self");
  if (node.failed())
    return mlir::failure();
  return node.result(applyUnary(node, input, node.elementOf(input), node.builder.getI1Type(), fn));
}

/// `self` and a second operand. Both may be tensors or numbers, but not both numbers.
bool readOperands(NodeBuilder &node, llvm::SmallVectorImpl<Operand> &operands, llvm::StringRef second = "other");

/// Functions of two operands in their common type.
template <BinaryFn fn> mlir::LogicalResult arithmetic(NodeBuilder &node) {
  llvm::SmallVector<Operand, 2> operands;
  if (!readOperands(node, operands))
    return mlir::failure();
  mlir::Type type = node.resultType(operands);
  return node.result(applyBinary(node, operands[0], operands[1], type, type, fn));
}

/// As arithmetic, but integers are computed in the default floating-point type.
template <BinaryFn fn> mlir::LogicalResult realBinary(NodeBuilder &node) {
  llvm::SmallVector<Operand, 2> operands;
  if (!readOperands(node, operands))
    return mlir::failure();
  mlir::Type type = node.realType(operands);
  return node.result(applyBinary(node, operands[0], operands[1], type, type, fn));
}

/// As realBinary, computed in f64.
template <BinaryFn fn> mlir::LogicalResult wideBinary(NodeBuilder &node) {
  llvm::SmallVector<Operand, 2> operands;
  if (!readOperands(node, operands))
    return mlir::failure();
  mlir::Type type = node.realType(operands);
  return node.result(applyBinary(node, operands[0], operands[1], node.builder.getF64Type(), type, fn));
}

/// Functions that give a boolean, of operands in their common type.
template <BinaryFn fn> mlir::LogicalResult booleanBinary(NodeBuilder &node) {
  llvm::SmallVector<Operand, 2> operands;
  if (!readOperands(node, operands))
    return mlir::failure();
  return node.result(applyBinary(node, operands[0], operands[1], node.promote(operands), node.builder.getI1Type(), fn));
}

} // namespace raddle::import

#endif // RADDLE_LIB_IMPORT_ELEMENTWISEOPS_H
