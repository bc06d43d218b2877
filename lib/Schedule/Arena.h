// Addresses for buffers that live for a part of a program.
#ifndef RADDLE_LIB_SCHEDULE_ARENA_H
#define RADDLE_LIB_SCHEDULE_ARENA_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
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
  bool livesAt(int64_t instant) const { return first <= instant && instant <= last; }
  int64_t end() const { return offset + bytes; }
  bool overlapsInTime(const Allocation &other) const { return first <= other.last && other.first <= last; }
};

/// Gives every used allocation an offset, a multiple of 128 bytes, so that no two that live at one time overlap.
/// Returns the size of the arena.
int64_t assignOffsets(llvm::MutableArrayRef<Allocation> allocations);

/// The same, for the allocations that `order` lists one after the other: each lies at the lowest place that is free
/// while it lives.
int64_t placeInOrder(llvm::MutableArrayRef<Allocation> allocations, llvm::ArrayRef<unsigned> order);

/// The used allocations, those of most bytes first.
llvm::SmallVector<unsigned> largestFirst(llvm::ArrayRef<Allocation> allocations);

/// The most bytes that live at one time, which no assignment can do with less than, and the first such time.
struct LiveBytes {
  int64_t bytes = 0, instant = 0;
};
LiveBytes mostLiveBytes(llvm::ArrayRef<Allocation> allocations);

} // namespace raddle

#endif // RADDLE_LIB_SCHEDULE_ARENA_H
