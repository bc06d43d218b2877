// Writes the loops of one structured op for a team of threads.
#ifndef RADDLE_LIB_CODEGEN_NVVM_TEAMLOOPWRITER_H
#define RADDLE_LIB_CODEGEN_NVVM_TEAMLOOPWRITER_H

#include "TeamLoops.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

namespace raddle {

class TeamLoopWriter {
public:
  TeamLoopWriter(mlir::linalg::LinalgOp op, mlir::Value thread, int64_t team)
      : op(op), builder(op), loc(op.getLoc()), thread(thread), team(team), body(op.getBlock()) {}

  /// The loops of one block; the leading ones stand at `fixed`.
  void run(mlir::ArrayRef<mlir::Value> fixed);

  /// The only result of an op without parallel loops, by all blocks.
  void runAcross(const GridSum &sum);

  /// Whether the op has one result that parts can be put together to.
  bool canSum() { return op.getNumDpsInits() == 1 && findCombiners(); }

private:
  // Loops (TeamLoops.cpp).
  bool resultsMove();
  void sortLoops(mlir::ArrayRef<mlir::Value> fixed);
  mlir::Value index(int64_t value);
  void setPositions(mlir::ArrayRef<unsigned> loops, mlir::ArrayRef<mlir::Value> positions);
  /// All points of the parallel loops from number `depth` on, one after the other.
  void writeNest(size_t depth, mlir::ArrayRef<int64_t> extents);
  mlir::SmallVector<mlir::Value> placeOf(mlir::OpOperand &operand);
  mlir::Value load(mlir::OpOperand &operand);
  /// What the results hold before; null for one that the body does not read.
  mlir::SmallVector<mlir::Value> loadResults();
  void store(mlir::ValueRange values);
  /// The body at the present positions, with these values of the results before.
  mlir::SmallVector<mlir::Value> writeBody(mlir::ValueRange before);
  /// One point of the parallel loops, by one thread.
  void writePoint();
  /// The same where results move with loops that are not independent: every step reads and writes memory.
  void writeSteps(size_t depth);
  mlir::SmallVector<mlir::Value> writeSums(size_t depth, mlir::SmallVector<mlir::Value> before);

  // Sums of a team (TeamSums.cpp).
  /// Finds the op that puts two parts of each result together, and what it starts from; false if there is none.
  bool findCombiners();
  mlir::Value combine(size_t index, mlir::Value left, mlir::Value right);
  mlir::SmallVector<mlir::Value> neutralValues();
  /// One point of the parallel loops: every thread adds a part, then halves of the threads add those of the others.
  void writeTogether();
  /// What a thread adds of the steps from `first` on, `stride` apart.
  mlir::SmallVector<mlir::Value> addSteps(mlir::Value first, int64_t stride);
  /// Puts the parts of all threads together: the first elements of the memory that is given back hold the results.
  mlir::SmallVector<mlir::Value> addParts(mlir::ValueRange parts);
  void addHalf(mlir::ArrayRef<mlir::Value> parts, int64_t half);
  /// Calls `write` for what only the first thread does.
  void onFirst(llvm::function_ref<void()> write);

  mlir::linalg::LinalgOp op;
  mlir::OpBuilder builder;
  mlir::Location loc;
  mlir::Value thread;
  int64_t team;
  mlir::Block *body;
  mlir::SmallVector<mlir::Value> ivs;
  /// Loops whose points write apart, and those that one thread walks in order or that are summed.
  mlir::SmallVector<unsigned> parallelLoops, reductionLoops;
  mlir::SmallVector<int64_t> parallelExtents, reductionExtents;
  int64_t results = 1, steps = 1;
  mlir::SmallVector<mlir::Operation *> combiners;
  mlir::SmallVector<mlir::TypedAttr> neutral;
};

} // namespace raddle

#endif // RADDLE_LIB_CODEGEN_NVVM_TEAMLOOPWRITER_H
