// One kernel in Triton's language.
#ifndef RADDLE_LIB_CODEGEN_TRITON_WRITEKERNEL_H
#define RADDLE_LIB_CODEGEN_TRITON_WRITEKERNEL_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace raddle {

/// What a kernel's callers know of its arrays, inputs and then outputs.
struct KernelArrays {
  llvm::SmallVector<int64_t> alignment; ///< bytes, a power of two
  /// Pairs (input, output) of which some call gives both one address.
  llvm::SmallVector<std::pair<unsigned, unsigned>> inPlace;
};

struct TritonKernel {
  std::string symbol; ///< of the function: equal ones have equal text, whatever the kernels are called
  std::string text;
  int64_t programs, warps;
  double repeated; ///< points of structured ops that it computes, of those that it has to; 1 where that does not matter
};

/// Writes a kernel on tensors, which is left alone, as a function on tiles. Where that cannot be, gives nothing and
/// `why` the reason.
std::optional<TritonKernel> writeForTriton(mlir::func::FuncOp kernel, const KernelArrays &arrays, std::string &why);

} // namespace raddle

#endif // RADDLE_LIB_CODEGEN_TRITON_WRITEKERNEL_H
