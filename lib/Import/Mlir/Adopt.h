// Steps that make a module of another front end into what the importer of `.pt2` files makes.
#ifndef RADDLE_LIB_IMPORT_MLIR_ADOPT_H
#define RADDLE_LIB_IMPORT_MLIR_ADOPT_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include <optional>
#include <string>

namespace raddle::import {

struct AdoptOptions {
  /// The batch of all ranks together, for a dynamic dimension 0.
  std::optional<int64_t> batch;
  int64_t ranks = 1;
  /// Names of the leading arguments, which are parameters.
  llvm::SmallVector<std::string> paramArguments;
  /// Regular expression of resource keys; a floating-point constant with such a key is a parameter. Empty: none is.
  std::string paramConstants;
};

/// Finds `@main` and checks that it is a function of one block on ranked tensors of element types that have a
/// representation. Reports everything that is not so; null on failure.
mlir::func::FuncOp findModel(mlir::ModuleOp module);

/// Reports all ops that a model cannot have, by name and number.
llvm::LogicalResult checkOps(mlir::func::FuncOp function);

/// Replaces immutable globals by constants and removes globals without users.
llvm::LogicalResult inlineGlobals(mlir::ModuleOp module);

/// Says what arguments and results are where nothing says so, and makes parameters of arguments and constants.
llvm::LogicalResult adoptSignature(mlir::func::FuncOp function, const AdoptOptions &options);

/// Puts a rank's batch in the place of dynamic dimensions 0 and evaluates all other shapes.
llvm::LogicalResult makeStatic(mlir::func::FuncOp function, const AdoptOptions &options);

/// Turns assertions in bodies into checks before them, and keeps reads at computed positions in bounds.
llvm::LogicalResult adoptBodies(mlir::func::FuncOp function);

/// Computes in single precision what went to double precision and back only to keep sums accurate.
void narrowIslands(mlir::func::FuncOp function);

/// Raises convolutions and poolings, with the padding before them, to ops of the nn dialect.
void raiseWindows(mlir::func::FuncOp function);

/// Brings the other ops to the forms that differentiation and fusion know: no map with a constant result, no
/// concatenation, no padding, no composite op.
llvm::LogicalResult normaliseOps(mlir::func::FuncOp function);

} // namespace raddle::import

#endif // RADDLE_LIB_IMPORT_MLIR_ADOPT_H
