#ifndef RADDLE_LIB_IMPORT_LINEAROPS_H
#define RADDLE_LIB_IMPORT_LINEAROPS_H

#include "NodeBuilder.h"

namespace raddle::import {

/// A product of tensors by PyTorch's rules of `matmul`: vectors are rows or columns, leading dimensions broadcast.
mlir::Value generalMatmul(NodeBuilder &node, mlir::Value lhs, mlir::Value rhs);

/// input [..., k] times weight [n, k], with all leading dimensions as rows of one matrix, plus bias [n] where there is
/// one.
mlir::Value applyLinear(NodeBuilder &node, mlir::Value input, mlir::Value weight, mlir::Value bias);

} // namespace raddle::import

#endif // RADDLE_LIB_IMPORT_LINEAROPS_H
