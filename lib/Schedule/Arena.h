// Addresses for buffers that live for a part of a program.
#ifndef RADDLE_LIB_SCHEDULE_ARENA_H
#define RADDLE_LIB_SCHEDULE_ARENA_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <string>

namespace raddle {

/// A piece of the arena: its size, and the first and last instruction that use it, both inclusive.
struct Allocation {
  std::string name;
  int64_t bytes = 0;
  int64_t first = -1;
  int64_t last = -1;
  int64_t offset = 0;

  bool isUsed() const { return first >= 0; }
  bool overlapsInTime(const Allocation &other) const { return first <= other.last && other.first <= last; }
};

/// Gives every used allocation an offset, a multiple of 128 bytes, so that no two that live at one time overlap: the
/// largest first, each at the lowest place that is free while it lives. Returns the size of the arena.
int64_t assignOffsets(llvm::MutableArrayRef<Allocation> allocations);

/// The most bytes that live at one time: no assignment needs less.
int64_t lowerBoundBytes(llvm::ArrayRef<Allocation> allocations);

} // namespace raddle

#endif // RADDLE_LIB_SCHEDULE_ARENA_H
