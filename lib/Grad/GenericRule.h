// The gradient of structured ops by their bodies.
#ifndef RADDLE_LIB_GRAD_GENERICRULE_H
#define RADDLE_LIB_GRAD_GENERICRULE_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace raddle {

/// Builds the gradients of `op`'s operands at the builder's insertion point.
///
/// The rule: clone the scalar body, differentiate it, read the incoming gradient through the output's map and sum over
/// the loops that an operand's map lacks. It covers results that are parallel, `accumulator + f(inputs)`, and the
/// maximum or minimum of an accumulator and `f(inputs)`, alone (ties share the gradient) or beside the index that it
/// was found at (that index gets it all).
///
/// `resultGrads` has one value a result, null where none; `wanted` and `operandGrads` one entry an operand. On failure
/// `why` says what stands in the way.
llvm::LogicalResult differentiateStructuredOp(mlir::linalg::LinalgOp op, mlir::OpBuilder &builder,
                                              mlir::ValueRange resultGrads, llvm::ArrayRef<bool> wanted,
                                              llvm::SmallVectorImpl<mlir::Value> &operandGrads, std::string &why);

} // namespace raddle

#endif // RADDLE_LIB_GRAD_GENERICRULE_H
