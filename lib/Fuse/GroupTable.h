// Which group of a block's ops computes what, and where a kernel of two of them could stand.
#ifndef RADDLE_LIB_FUSE_GROUPTABLE_H
#define RADDLE_LIB_FUSE_GROUPTABLE_H

#include "Grouping.h"

namespace raddle {

/// Groups have the numbers that they had at first; those that went into others are found by theirs.
class GroupTable {
public:
  /// `slicesInside`: a kernel may read slices of what it computes itself.
  GroupTable(mlir::Block &block, std::vector<Group> &groups, bool slicesInside);

  int size() const { return static_cast<int>(groups.size()); }
  /// The group that this one went into, or itself.
  int find(int group) const;
  llvm::ArrayRef<mlir::Operation *> opsOf(int group) const { return groups[group].ops; }
  /// The ops of two groups, in the order of the block.
  llvm::SmallVector<mlir::Operation *> opsOfBoth(int a, int b) const;
  /// The group that computes an op, as it is now; −1 for others.
  int groupOf(mlir::Operation *op) const;
  int64_t positionOf(int group) const { return positions.lookup(groups[group].place); }

  /// Values that the op's body looks up.
  llvm::ArrayRef<mlir::Value> capturedBy(mlir::Operation *op) const;
  /// Values that the op's work needs, those of its body too.
  llvm::SmallVector<mlir::Value> usedBy(mlir::Operation *op) const;
  /// Groups whose results the group's ops read, the nearest first.
  llvm::SmallVector<int> producersOf(int group) const;

  /// Where a value, or a view of it, is read last.
  int64_t lastNeedOf(mlir::Value value) const;

  /// The only group that reads a group's results, directly or slices of them; −1 if there are others, or other readers.
  int onlyReaderOf(int group) const;

  /// The place of a kernel for both groups, of which `a` comes first; else null, and why not.
  mlir::Operation *findPlace(int a, int b, const char *&why) const;

  /// Puts the ops of `a` into `b`, whose kernel runs at `place`.
  void join(int a, int b, mlir::Operation *place);
  /// Drops groups that went into others and sorts the rest by their places. Numbers are void from here on.
  void finish();

private:
  std::optional<int64_t> readyAt(mlir::Value value, int a, int b, bool direct = true, bool again = true) const;
  bool collectReaders(mlir::Value value, int group, llvm::SmallSetVector<int, 4> &readers) const;
  int64_t neededAt(mlir::Value value, int a, int b) const;

  mlir::Block &block;
  std::vector<Group> &groups;
  bool slicesInside;
  llvm::SmallVector<int> parents; // the group that took each, or −1
  llvm::DenseMap<mlir::Operation *, int64_t> positions;
  llvm::SmallVector<int64_t> checks; // positions of checks of indices
  llvm::DenseMap<mlir::Operation *, int> firstGroups;
  llvm::DenseMap<mlir::Operation *, llvm::SmallVector<mlir::Value>> captured;
};

} // namespace raddle

#endif // RADDLE_LIB_FUSE_GROUPTABLE_H
