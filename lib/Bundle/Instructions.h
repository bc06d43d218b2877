// Instructions of programs as tables of a bundle.
#ifndef RADDLE_LIB_BUNDLE_INSTRUCTIONS_H
#define RADDLE_LIB_BUNDLE_INSTRUCTIONS_H

#include "Tables.h"
#include "raddle/Dialect/Exec/IR/ExecOps.h"
#include "llvm/ADT/StringMap.h"

namespace raddle {

/// Writes the instructions of a program. `kernels` has the bundle's index of each kernel, `states[i]` that of the
/// program's state i.
Offset<flatbuffers::Vector<Offset<bundle::Instruction>>> writeInstructions(flatbuffers::FlatBufferBuilder &builder,
                                                                           exec::ProgramOp program,
                                                                           const llvm::StringMap<uint32_t> &kernels,
                                                                           llvm::ArrayRef<uint32_t> states);

} // namespace raddle

#endif // RADDLE_LIB_BUNDLE_INSTRUCTIONS_H
