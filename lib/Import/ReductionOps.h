#ifndef RADDLE_LIB_IMPORT_REDUCTIONOPS_H
#define RADDLE_LIB_IMPORT_REDUCTIONOPS_H

// What reductions have in common, and reductions that other operators are made of.

#include "ElementwiseOps.h"

namespace raddle::import {

/// The arguments `self`, `dim` and `keepdim`, which reductions share.
struct ReductionArguments {
  mlir::Value self;
  llvm::SmallVector<int64_t> dims; // sorted; all where the node names none
  bool keep = false;
};

/// Nothing after an error. `tensor` is what the operator calls its operand.
std::optional<ReductionArguments> readReduction(NodeBuilder &node, llvm::StringRef tensor = "self");

/// Every dimension of a tensor.
llvm::SmallVector<int64_t> allDimensions(mlir::Value value);
/// The number of elements that fall together in one result.
int64_t reducedCount(mlir::Value value, llvm::ArrayRef<int64_t> dims);

/// The least (or greatest) number of a type: where a search for the maximum (minimum) starts.
Scalar extremeOf(mlir::Type type, bool maximum);

/// In `type`; 16-bit types are added in f32.
mlir::Value sumOver(NodeBuilder &node, mlir::Value value, llvm::ArrayRef<int64_t> dims, bool keep, mlir::Type type);
mlir::Value meanOver(NodeBuilder &node, mlir::Value value, llvm::ArrayRef<int64_t> dims, bool keep, mlir::Type type);
mlir::Value extremumOver(NodeBuilder &node, mlir::Value value, llvm::ArrayRef<int64_t> dims, bool keep, bool maximum);
/// (Σ |x|^order)^(1/order) in `type`: the count of what is not 0 for order 0, the greatest and least |x| for ±∞. Its
/// gradient is 0 where the norm, or the element for small orders, is 0.
mlir::Value normOver(NodeBuilder &node, mlir::Value value, llvm::ArrayRef<int64_t> dims, bool keep, double order,
                     mlir::Type type);

/// A square root whose gradient at 0 is 0, as PyTorch has it for norms and standard deviations.
mlir::Value flatRoot(const Body &body, mlir::Value x);

} // namespace raddle::import

#endif // RADDLE_LIB_IMPORT_REDUCTIONOPS_H
