// Programs as entry points of a bundle.
#ifndef RADDLE_LIB_BUNDLE_ENTRYPOINTS_H
#define RADDLE_LIB_BUNDLE_ENTRYPOINTS_H

#include "Instructions.h"

namespace raddle {

/// Inputs, outputs, memory and instructions of a program. `states[i]` is the bundle's index of the program's state i.
Offset<bundle::EntryPoint> writeEntryPoint(flatbuffers::FlatBufferBuilder &builder, exec::ProgramOp program,
                                           const llvm::StringMap<uint32_t> &kernels, llvm::ArrayRef<uint32_t> states);

} // namespace raddle

#endif // RADDLE_LIB_BUNDLE_ENTRYPOINTS_H
