// Groups that walk the same rows become one: a row's maximum, its exponentials, their sum and the quotients, say. What
// one op leaves for the next is then a row in the cache, and what several read comes from memory once.
#ifndef RADDLE_LIB_FUSE_ROWGROUPS_H
#define RADDLE_LIB_FUSE_ROWGROUPS_H

#include "RowFacts.h"
#include <functional>
#include <string>

namespace raddle {

/// What is asked of a kernel: that code can be generated for it at all; that it computes hardly anything twice, too; or
/// that also in stripes of rows, which it sums.
enum class Wanted { Code, Once, Stripes };

/// Whether one kernel of these ops, in the order of the block, is as wanted.
using KernelTest = std::function<bool(llvm::ArrayRef<mlir::Operation *> ops, mlir::Operation *place, Wanted wanted)>;

class RowGroups {
public:
  /// With a test, only kernels that pass it are made, and their rows lie in registers; else on a thread's stack.
  RowGroups(mlir::Block &block, std::vector<Group> &groups, KernelTest test = {})
      : block(block), table(block, groups, /*slicesInside=*/!!test), facts(table, /*rowsOnStack=*/!test),
        test(std::move(test)) {}

  /// Joins what can be joined; gives the number of groups that went into others.
  int64_t join();

  /// A remark for every tensor that goes through memory between two kernels, or a kernel and a library call. `joins`
  /// says whether kernels of this target are joined at all.
  void explainApart(bool joins) const;

  /// Leaves in `groups` those that are left, in the order of their places. The last call.
  void finish() { table.finish(); }

private:
  llvm::SmallVector<mlir::Value> wholeInputs(int group) const;
  const char *whyApart(int a, int b, unsigned &count, mlir::Operation *&place) const;
  bool tryJoin(int first, int second);
  bool tryPull(int group);
  bool tryStripes(int rows, int sums);
  mlir::Value roundedState(int group) const;
  bool outlives(int group, int next) const;
  int64_t joinCasts();
  int64_t joinSums();
  std::string reasonFor(int producer, int consumer, bool joins) const;

  mlir::Block &block;
  GroupTable table;
  RowFacts facts;
  KernelTest test;
};

} // namespace raddle

#endif // RADDLE_LIB_FUSE_ROWGROUPS_H
