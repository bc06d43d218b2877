// Collectives of a program that is being written, on a stream of their own.
#ifndef RADDLE_LIB_SCHEDULE_COLLECTIVEWRITER_H
#define RADDLE_LIB_SCHEDULE_COLLECTIVEWRITER_H

#include "PendingCollectives.h"
#include "ProgramBuffers.h"
#include "raddle/Plan/Redistribute.h"

namespace raddle {

enum Stream : int64_t { Compute = 0, Communication = 1 };

/// Each collective begins behind what compute was asked for so far; compute waits for it before it touches its memory.
class CollectiveWriter {
public:
  /// `replicated`: parameters are cut over a part of the ranks, of which there are several.
  CollectiveWriter(mlir::OpBuilder &builder, mlir::Location waits, ProgramBuffers &buffers, const Placement &placement,
                   mlir::SymbolTableCollection &symbols, bool replicated)
      : builder(builder), waits(waits), buffers(buffers), placement(placement), symbols(symbols),
        replicated(replicated), compute(builder.getI64IntegerAttr(Compute)),
        communication(builder.getI64IntegerAttr(Communication)) {}

  void write(ragged::GatherOp gather);
  void write(ragged::ReduceScatterOp scatter);
  void write(ragged::AllReduceOp reduce);
  void write(ragged::RedistributeOp op);
  void write(ragged::GatherToRootsOp op);
  void write(ragged::ScatterFromRootsOp op);

  /// Compute waits for collectives that wrote what the op is about to touch, or for all.
  void waitForMemoryOf(mlir::Operation *op);
  void waitForAll() { waitFor(pending.waitForAll()); }

  /// How many events the program has so far.
  int64_t numEvents() const { return events; }

  /// Waits, and allocations that are not free before them, because a collective reads or writes them.
  llvm::ArrayRef<std::pair<mlir::Operation *, int64_t>> getHeldAllocations() const { return held; }

private:
  void waitFor(llvm::ArrayRef<PendingCollective> done);
  void write(mlir::Location loc, exec::CollectiveKind kind, exec::Reduction reduction, exec::Group group,
             mlir::Value src, mlir::Value dst, const llvm::Twine &what = "", mlir::DenseI64ArrayAttr pieces = {});
  void transfer(mlir::Location loc, mlir::Value src, mlir::Value dst, llvm::ArrayRef<plan::Piece> pieces);
  void clearPadding(mlir::Location loc, ragged::BucketOp bucket, mlir::Value slice);
  ragged::BucketOp bucketOf(mlir::Operation *op, mlir::FlatSymbolRefAttr name);
  /// The ranks of one replica: all, where there is one.
  exec::Group shards() const { return replicated ? exec::Group::Shards : exec::Group::All; }

  mlir::OpBuilder &builder;
  mlir::Location waits;
  ProgramBuffers &buffers;
  const Placement &placement;
  mlir::SymbolTableCollection &symbols;
  bool replicated;
  mlir::IntegerAttr compute, communication; // streams
  PendingCollectives pending;
  llvm::SmallVector<std::pair<mlir::Operation *, int64_t>> held;
  int64_t events = 0;
};

} // namespace raddle

#endif // RADDLE_LIB_SCHEDULE_COLLECTIVEWRITER_H
