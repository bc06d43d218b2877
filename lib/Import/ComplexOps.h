#ifndef RADDLE_LIB_IMPORT_COMPLEXOPS_H
#define RADDLE_LIB_IMPORT_COMPLEXOPS_H

// A complex tensor of shape S is a real one of shape S × 2, with the real and the imaginary part of each number beside
// each other, as in memory.

#include "ElementwiseOps.h"

namespace raddle::import {

/// The parts of a tensor, each of its shape. `imaginary` is null for a real tensor.
struct ComplexParts {
  mlir::Value real, imaginary;
};

ComplexParts splitParts(NodeBuilder &node, llvm::StringRef argument);
mlir::Value joinParts(NodeBuilder &node, const ComplexParts &parts);

/// Operators that are linear in all of their tensors together, or move elements: done to both parts in turn by the
/// handler for real numbers.
mlir::LogicalResult linearInParts(NodeBuilder &node);
/// Operators that are linear in each of their first two tensors.
mlir::LogicalResult bilinearInParts(NodeBuilder &node);

/// Whether a tensor that the node reads or gives is complex.
bool touchesComplex(const Program &program, const Node &node);

} // namespace raddle::import

#endif // RADDLE_LIB_IMPORT_COMPLEXOPS_H
