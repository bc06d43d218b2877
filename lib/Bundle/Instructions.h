// Programs as tables of a bundle.
#ifndef RADDLE_LIB_BUNDLE_INSTRUCTIONS_H
#define RADDLE_LIB_BUNDLE_INSTRUCTIONS_H

#include "raddle/Bundle/bundle_generated.h"
#include "raddle/Dialect/Exec/IR/ExecOps.h"
#include "llvm/ADT/StringMap.h"

namespace raddle {

/// The bundle's name of an element type. Types that it lacks are refused by `checkTypes` before.
std::optional<bundle::DType> dtypeOf(mlir::Type element);

/// A static shape as a vector of the bundle.
flatbuffers::Offset<flatbuffers::Vector<uint64_t>> writeShape(flatbuffers::FlatBufferBuilder &builder,
                                                              llvm::ArrayRef<int64_t> shape);

/// Indices that programs share.
struct BundleIndices {
  llvm::StringMap<uint32_t> kernels;
  llvm::StringMap<uint32_t> states;
};

/// Writes the instructions of a program. `states[i]` is the bundle's index of the program's state i.
flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<bundle::Instruction>>>
writeInstructions(flatbuffers::FlatBufferBuilder &builder, exec::ProgramOp program, const BundleIndices &indices,
                  llvm::ArrayRef<uint32_t> states);

} // namespace raddle

#endif // RADDLE_LIB_BUNDLE_INSTRUCTIONS_H
