// Gradients of the data movement ops of upstream's tensor dialect.
#ifndef RADDLE_GRAD_TENSORRULES_H
#define RADDLE_GRAD_TENSORRULES_H

#include "mlir/IR/DialectRegistry.h"

namespace raddle {

/// Attaches `DifferentiableOpInterface` to `tensor` ops that move data: cast, collapse_shape, expand_shape,
/// extract_slice, insert_slice, concat and pad.
void registerTensorGradients(mlir::DialectRegistry &registry);

} // namespace raddle

#endif // RADDLE_GRAD_TENSORRULES_H
