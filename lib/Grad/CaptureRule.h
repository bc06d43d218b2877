// The gradient of tensors that the body of a structured op reads by computed indices.
#ifndef RADDLE_LIB_GRAD_CAPTURERULE_H
#define RADDLE_LIB_GRAD_CAPTURERULE_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace raddle {

/// Builds the gradient of `captured`, which the body of the elementwise op reads through `tensor.extract`: a tensor of
/// zeros to which a loop over the op's elements, in row-major order, adds each element's share. Elements that are read
/// several times meet in that order, so the sum does not depend on the number of threads. On failure `why` says what
/// stands in the way.
llvm::FailureOr<mlir::Value> differentiateCapture(mlir::linalg::LinalgOp op, mlir::Value captured,
                                                  mlir::OpBuilder &builder, mlir::ValueRange resultGrads,
                                                  std::string &why);

} // namespace raddle

#endif // RADDLE_LIB_GRAD_CAPTURERULE_H
