#include "CollectiveWriter.h"

using namespace mlir;

namespace raddle {

//===----------------------------------------------------------------------===//
// Waiting
//===----------------------------------------------------------------------===//

void CollectiveWriter::waitForMemoryOf(Operation *op) {
  SmallVector<Place> touched;
  for (Value value : llvm::concat<Value>(SmallVector<Value>(op->getOperands()), SmallVector<Value>(op->getResults())))
    if (isa<TensorType>(value.getType()))
      touched.push_back(placement.lookup(value));
  waitFor(pending.waitFor(touched));
}

/// Compute waits for the last of them and so for all.
void CollectiveWriter::waitFor(ArrayRef<PendingCollective> done) {
  if (done.empty())
    return;
  auto wait = exec::WaitOp::create(builder, waits, builder.getI64IntegerAttr(done.back().event), compute);
  for (const PendingCollective &collective : done)
    for (const Place &place : collective.places)
      if (place.space == exec::Space::Arena)
        held.push_back({wait, place.index});
}

//===----------------------------------------------------------------------===//
// Collectives
//===----------------------------------------------------------------------===//

static exec::Reduction reductionOf(ragged::Reduction reduction) {
  return static_cast<exec::Reduction>(static_cast<uint32_t>(reduction));
}

void CollectiveWriter::write(Location loc, exec::CollectiveKind kind, exec::Reduction reduction, exec::Group group,
                             Value src, Value dst, const Twine &what, DenseI64ArrayAttr pieces) {
  IntegerAttr ready = builder.getI64IntegerAttr(events++), done = builder.getI64IntegerAttr(events++);
  Value from = buffers.of(src), into = buffers.of(dst);
  MLIRContext *context = builder.getContext();
  exec::RecordOp::create(builder, loc, ready, compute);
  exec::WaitOp::create(builder, loc, ready, communication);
  exec::CollectiveOp::create(builder, loc, exec::CollectiveKindAttr::get(context, kind),
                             exec::ReductionAttr::get(context, reduction), from, into,
                             exec::GroupAttr::get(context, group), pieces,
                             what.isTriviallyEmpty() ? StringAttr() : builder.getStringAttr(what), communication);
  exec::RecordOp::create(builder, loc, done, communication);
  pending.start(
      {kind == exec::CollectiveKind::ReduceScatter, done.getInt(), {placement.lookup(src), placement.lookup(dst)}});
}

void CollectiveWriter::write(ragged::GatherOp gather) {
  write(gather.getLoc(), exec::CollectiveKind::AllGather, exec::Reduction::Sum, shards(), gather.getSlice(),
        gather.getFull(), "gather of " + gather.getBucket());
}

void CollectiveWriter::write(ragged::ReduceScatterOp scatter) {
  waitFor(pending.waitForScatters());
  write(scatter.getLoc(), exec::CollectiveKind::ReduceScatter, reductionOf(scatter.getReduction()), shards(),
        scatter.getFull(), scatter.getSlice(), "gradients of " + scatter.getBucket());
}

void CollectiveWriter::write(ragged::AllReduceOp reduce) {
  auto group = static_cast<exec::Group>(static_cast<uint32_t>(reduce.getGroup()));
  write(reduce.getLoc(), exec::CollectiveKind::AllReduce, reductionOf(reduce.getReduction()), group, reduce.getInput(),
        reduce.getResult());
}

//===----------------------------------------------------------------------===//
// Transfers of pieces
//===----------------------------------------------------------------------===//

static plan::Interval intervalOf(ragged::BucketOp bucket, ragged::SlotAttr slot) {
  return {slot.getOffset(), static_cast<int64_t>(bucket.getShard())};
}

ragged::BucketOp CollectiveWriter::bucketOf(Operation *op, FlatSymbolRefAttr name) {
  return symbols.lookupNearestSymbolFrom<ragged::BucketOp>(op, name);
}

void CollectiveWriter::transfer(Location loc, Value src, Value dst, ArrayRef<plan::Piece> pieces) {
  SmallVector<int64_t> numbers;
  for (const plan::Piece &piece : pieces)
    numbers.append({piece.from, piece.to, piece.source, piece.target, piece.count});
  write(loc, exec::CollectiveKind::Transfer, exec::Reduction::Sum, shards(), src, dst, "",
        builder.getDenseI64ArrayAttr(numbers));
}

/// What no slot covers is zero.
void CollectiveWriter::clearPadding(Location loc, ragged::BucketOp bucket, Value slice) {
  if (bucket.getPadding() != 0)
    exec::ZeroOp::create(builder, loc, buffers.of(slice), compute);
}

void CollectiveWriter::write(ragged::RedistributeOp op) {
  ragged::BucketOp source = bucketOf(op, op.getSourceAttr()), target = bucketOf(op, op.getTargetAttr());
  std::vector<plan::Piece> pieces;
  for (auto slot : source.getSlots().getAsRange<ragged::SlotAttr>())
    plan::appendRedistribution(pieces, intervalOf(source, slot), intervalOf(target, target.findSlot(slot.getName())),
                               slot.getElements());
  clearPadding(op.getLoc(), target, op.getResult());
  transfer(op.getLoc(), op.getSlice(), op.getResult(), pieces);
}

void CollectiveWriter::write(ragged::GatherToRootsOp op) {
  ragged::BucketOp bucket = bucketOf(op, op.getBucketAttr());
  for (auto [slot, tensor, root] :
       llvm::zip(bucket.getSlots().getAsRange<ragged::SlotAttr>(), op.getTensors(), *op.getRoots()))
    transfer(op.getLoc(), op.getSlice(), tensor,
             plan::gatherToRoot(intervalOf(bucket, slot), slot.getElements(), root));
}

void CollectiveWriter::write(ragged::ScatterFromRootsOp op) {
  ragged::BucketOp bucket = bucketOf(op, op.getBucketAttr());
  clearPadding(op.getLoc(), bucket, op.getSlice());
  for (auto [slot, tensor, root] :
       llvm::zip(bucket.getSlots().getAsRange<ragged::SlotAttr>(), op.getTensors(), *op.getRoots()))
    transfer(op.getLoc(), tensor, op.getSlice(),
             plan::scatterFromRoot(intervalOf(bucket, slot), slot.getElements(), root));
}

} // namespace raddle
