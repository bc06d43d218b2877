// ragged-assign-roots: which rank holds which whole tensor.
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "raddle/Dialect/Ragged/IR/RaggedOps.h"
#include "raddle/Passes.h"
#include "raddle/Plan/Redistribute.h"

namespace raddle {
#define GEN_PASS_DEF_RAGGEDASSIGNROOTS
#include "raddle/Passes.h.inc"
} // namespace raddle

using namespace mlir;
using namespace raddle;
using namespace raddle::ragged;

namespace {

double costOf(SlotAttr slot) {
  double elements = static_cast<double>(slot.getElements());
  if (slot.getShape().size() != 2)
    return elements;
  return elements * static_cast<double>(std::min(slot.getShape()[0], slot.getShape()[1]));
}

struct RaggedAssignRootsPass : raddle::impl::RaggedAssignRootsBase<RaggedAssignRootsPass> {
  void runOnOperation() override {
    llvm::SetVector<Operation *> rooted;
    SymbolTableCollection symbols;
    SmallVector<Operation *> open;
    for (auto function : getOperation().getOps<func::FuncOp>())
      for (Operation &op : function.getBody().getOps()) {
        if (!isa<GatherToRootsOp, ScatterFromRootsOp>(op) || op.hasAttr("roots"))
          continue;
        open.push_back(&op);
        rooted.insert(bucketOf(&op, symbols));
      }
    // All buckets together: a rank that has much of one gets little of the next.
    std::vector<double> costs;
    for (Operation *bucket : rooted)
      for (auto slot : cast<BucketOp>(bucket).getSlots().getAsRange<SlotAttr>())
        costs.push_back(costOf(slot));
    if (rooted.empty())
      return;
    std::vector<int64_t> roots = plan::balanceRoots(costs, cast<BucketOp>(rooted.front()).getRanks());
    llvm::DenseMap<Operation *, Attribute> ofBucket;
    ArrayRef<int64_t> rest(roots);
    for (Operation *bucket : rooted) {
      size_t count = cast<BucketOp>(bucket).getSlots().size();
      ofBucket[bucket] = DenseI64ArrayAttr::get(&getContext(), rest.take_front(count));
      rest = rest.drop_front(count);
    }
    for (Operation *op : open)
      op->setAttr("roots", ofBucket.lookup(bucketOf(op, symbols)));
  }

private:
  BucketOp bucketOf(Operation *op, SymbolTableCollection &symbols) {
    return symbols.lookupNearestSymbolFrom<BucketOp>(op, op->getAttrOfType<FlatSymbolRefAttr>("bucket"));
  }
};

} // namespace
