// Addresses for the buffers of a program in the arena.
#ifndef RADDLE_LIB_SCHEDULE_ADDRESSES_H
#define RADDLE_LIB_SCHEDULE_ADDRESSES_H

#include "Arena.h"
#include "raddle/Dialect/Exec/IR/ExecOps.h"

namespace raddle {

/// Gives every allocation that a buffer of the program names the instructions of its uses and an offset, and the
/// buffers, the arena's size and the table of allocations to the program. `held` are further uses: instructions, and
/// allocations that are not free before them.
void assignAddresses(exec::ProgramOp program, llvm::MutableArrayRef<Allocation> allocations,
                     llvm::ArrayRef<std::pair<mlir::Operation *, int64_t>> held);

} // namespace raddle

#endif // RADDLE_LIB_SCHEDULE_ADDRESSES_H
