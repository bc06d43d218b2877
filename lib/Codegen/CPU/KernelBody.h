// Steps that turn a kernel on tensors into loops on buffers.
#ifndef RADDLE_LIB_CODEGEN_CPU_KERNELBODY_H
#define RADDLE_LIB_CODEGEN_CPU_KERNELBODY_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/PatternMatch.h"

namespace raddle {

/// Fuses the elementwise ops of a kernel into one loop nest and takes composite tensor ops apart.
void fuseProducers(mlir::func::FuncOp kernel);

/// What is computed only to be put into a part of a tensor is computed there.
void computePartsInPlace(mlir::func::FuncOp kernel);

/// All of that, and makes what is left of several ops walk its rows together, for one thread.
void fuseKernelBody(mlir::func::FuncOp kernel);

/// Merges structured ops that run over the same loops, as far as their order allows: one op with several results.
void mergeLoops(mlir::func::FuncOp kernel);

/// Puts a parallel loop over rows around the ops of a kernel, each of which computes one row, or a few neighbouring
/// columns where that is how memory lies; changes nothing in kernels that have no common rows or need no such loop.
void tileRows(mlir::func::FuncOp kernel);

/// Gives the kernel destinations: tensors become memrefs, results become arguments that the kernel writes. `inPlace`
/// has the pairs (argument, result) that may share their memory.
void passDestinations(mlir::func::FuncOp kernel, llvm::ArrayRef<std::pair<unsigned, unsigned>> inPlace);

/// Casts between f64 and 16 bits go through f32, as PyTorch has it: in one step they are calls of a compiler's library.
void splitNarrowCasts(mlir::func::FuncOp kernel);

/// Sums over an accumulator may be reordered and products contracted: that is what vectorising them means.
void relaxArithmetic(mlir::func::FuncOp kernel);

/// Polynomials of functions of single precision that LLVM vectorises; errors of a few units in the last place.
void populateFunctionPatterns(mlir::RewritePatternSet &patterns);

/// Bytes of the buffers of a kernel, at most: all threads have a stack of several times that.
constexpr int64_t kLargestStack = 1 << 20;

/// Gives a kernel's buffers a place on the stack of the thread that runs it, outside of all loops.
void keepBuffersOnStack(mlir::func::FuncOp kernel);

/// Turns memory copies into structured ops, for a kernel calls no library.
void copiesToLoops(mlir::func::FuncOp kernel);

/// Turns structured ops and memory copies into loops.
llvm::LogicalResult lowerToLoops(mlir::func::FuncOp kernel);

/// Makes the outermost loops run over [begin, end), two new arguments of index type, if any part of their range may be
/// computed apart from the others; gives the extent of the range, or 1. Call between destination passing and
/// `lowerToLoops` to find the extent, which `splitRange` then applies.
int64_t findRange(mlir::func::FuncOp kernel);
void splitRange(mlir::func::FuncOp kernel, int64_t range);

} // namespace raddle

#endif // RADDLE_LIB_CODEGEN_CPU_KERNELBODY_H
