// The rows that groups of ops walk.
#ifndef RADDLE_LIB_FUSE_ROWFACTS_H
#define RADDLE_LIB_FUSE_ROWFACTS_H

#include "GroupTable.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace raddle {

/// What joining asks of a group: its rows, whether they are columns of what it reads, the loops of its ops.
class RowFacts {
public:
  /// `rowsOnStack`: what lies between ops of a kernel is in memory of a thread.
  RowFacts(const GroupTable &table, bool rowsOnStack);

  /// Whether all of the group's ops move row by row; only then may it join another.
  bool walksRows(int group) const { return !facts[group].extents.empty(); }

  /// Whether its rows are columns of what it reads, over whose rows it sums.
  bool walksColumns(int group) const { return walksRows(group) && facts[group].columns; }

  /// Whether a group sums over just the rows that another group walks. Elementwise groups walk elements: they want more
  /// threads than stripes of rows have.
  bool sumsRowsOf(int sums, int rows) const;

  /// Whether the group writes a state's next value over the old one.
  bool updatesState(int group) const { return facts[group].updates; }

  /// Why two groups are two kernels as far as their rows decide it; null if they can be one, with `count` row loops.
  const char *whyApart(int a, int b, unsigned &count) const;

  /// Group `b` has the ops of `a` now, and `count` row loops.
  void join(int a, int b, unsigned count);

private:
  struct Facts {
    llvm::SmallVector<int64_t> extents; // of the rows; empty: joins nothing
    bool columns = false;
    bool updates = false;
  };

  void gather(int group);
  bool placeInside(mlir::linalg::GenericOp op);
  unsigned commonRowsOf(int a, int b) const;
  bool bothByColumn(int a, int b) const;
  bool looksUp(int a, int b) const;

  const GroupTable &table;
  bool rowsOnStack;
  llvm::DenseMap<mlir::Operation *, llvm::SmallVector<unsigned>> rows;
  std::vector<Facts> facts;
};

} // namespace raddle

#endif // RADDLE_LIB_FUSE_ROWFACTS_H
