#ifndef RADDLE_LIB_IMPORT_ARGUMENTS_H
#define RADDLE_LIB_IMPORT_ARGUMENTS_H

#include "Archive.h"
#include "Batch.h"
#include "NodeBuilder.h"

namespace raddle::import {

/// An argument of the function, or a constant that is small enough to stand in the program.
struct PlannedArgument {
  llvm::SmallVector<llvm::StringRef, 1> placeholders; // several for tied weights
  mlir::RankedTensorType type;                        // as it is stored
  bool isByte = false;                                // of 8 bits without a sign
  mlir::NamedAttrList attributes;
  mlir::DenseElementsAttr constant;
  llvm::SmallVector<llvm::StringRef, 1> aliases;
};

struct ArgumentPlan {
  std::vector<PlannedArgument> arguments;
  /// What the user should know: buffers whose values the file does not have.
  std::vector<std::string> warnings;
};

/// Plans the arguments in the program's order. Parameters that share all of their storage become one; the error names
/// all parameters and buffers whose bytes are missing, too few, or shared in part.
llvm::Expected<ArgumentPlan> planArguments(mlir::MLIRContext *context, const GraphState &state,
                                           const WeightTable &weights, const Archive &archive, const Batch &batch);

/// How a parameter without values starts: one-dimensional weights of norms as ones, other one-dimensional parameters as
/// zeros, matrices normal with the standard deviation that transformers are commonly initialised with.
mlir::DictionaryAttr initializerOf(mlir::MLIRContext *context, llvm::StringRef name, int64_t rank);

/// Number of bytes an entry must have for a tensor of `shape` at `offset` with `strides` (elements of `elementBytes`);
/// nothing where a number is negative or overflows.
std::optional<uint64_t> requiredBytes(llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<int64_t> strides, int64_t offset,
                                      int64_t elementBytes);

/// Bytes of an element in a file: booleans take one.
int64_t storageBytes(mlir::Type element);

/// The values of a constant.
llvm::Expected<mlir::DenseElementsAttr> readConstant(const Archive &archive, const WeightEntry &entry,
                                                     mlir::RankedTensorType type);

} // namespace raddle::import

#endif // RADDLE_LIB_IMPORT_ARGUMENTS_H
