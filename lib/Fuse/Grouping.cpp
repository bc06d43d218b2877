#include "Grouping.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "raddle/Dialect/Exec/IR/ExecOps.h"
#include "raddle/Dialect/Ragged/IR/RaggedOps.h"
#include "llvm/ADT/SmallBitVector.h"

using namespace mlir;

namespace raddle {

/// Ops that stay in the program as they are.
static bool isBoundary(Operation *op) {
  return op->hasTrait<OpTrait::IsTerminator>() ||
         isa_and_nonnull<exec::ExecDialect, ragged::RaggedDialect>(op->getDialect());
}

bool isKernelWork(Operation *op) { return !isBoundary(op) && !isView(op); }

bool isDuplicable(Operation *op) {
  if (isa<tensor::EmptyOp, linalg::FillOp, tensor::ExtractSliceOp>(op))
    return true;
  if (auto constant = dyn_cast<arith::ConstantOp>(op))
    return !isa<TensorType>(constant.getType()) || isa<SplatElementsAttr>(constant.getValue());
  // Scalars outside of kernels have no memory: their users compute them.
  return op->getNumResults() > 0 && isMemoryEffectFree(op) &&
         llvm::none_of(op->getResultTypes(), llvm::IsaPred<TensorType>);
}

namespace {

class Grouper {
public:
  explicit Grouper(Block &block) : block(block) {}

  std::vector<Group> run() {
    std::vector<Group> groups;
    for (Operation &op : llvm::reverse(block)) {
      if (!isKernelWork(&op) || !isNeeded(&op))
        continue;
      int target = findConsumerGroup(&op);
      if (target >= 0 && !keepsBounds(cast<linalg::GenericOp>(op), groups[target].place))
        target = -1;
      if (target < 0) {
        target = groups.size();
        groups.push_back({{}, &op});
      }
      groups[target].ops.push_back(&op);
      groupOf[&op] = target;
    }
    for (Group &group : groups)
      std::reverse(group.ops.begin(), group.ops.end());
    std::reverse(groups.begin(), groups.end());
    return groups;
  }

private:
  /// A duplicable op needs a kernel of its own only for users that are not kernels. A constant that is not duplicated
  /// is data.
  bool isNeeded(Operation *op) {
    if (isa<arith::ConstantOp>(op) && !isDuplicable(op))
      return false;
    if (!isDuplicable(op))
      return true;
    if (isa<tensor::EmptyOp>(op) || llvm::none_of(op->getResultTypes(), llvm::IsaPred<TensorType>))
      return false;
    return llvm::any_of(op->getUsers(), [&](Operation *user) {
      Operation *ancestor = block.findAncestorOpInBlock(*user);
      return !isKernelWork(ancestor);
    });
  }

  /// A reduction takes the bounds of its loops from what it reads. Fused, it reads what the producer does: nothing of
  /// the tensors that the producer's body looks up, and no single loops where that reads windows. `root` ends a group.
  static bool keepsBounds(linalg::GenericOp producer, Operation *root) {
    auto reduction = dyn_cast<linalg::LinalgOp>(root);
    if (!reduction || reduction.getNumReductionLoops() == 0)
      return true;
    llvm::SmallBitVector bounded(producer.getNumLoops());
    for (OpOperand *input : producer.getDpsInputOperands())
      for (AffineExpr expr : producer.getMatchingIndexingMap(input).getResults())
        if (auto dim = dyn_cast<AffineDimExpr>(expr))
          bounded.set(dim.getPosition());
    return bounded.all();
  }

  /// The group that computes the op's only consumer and can take the op into its loops, or −1.
  int findConsumerGroup(Operation *op) {
    auto producer = dyn_cast<linalg::GenericOp>(op);
    if (!producer || producer.getNumParallelLoops() != producer.getNumLoops() || producer->getNumResults() != 1 ||
        producer->use_empty())
      return -1;
    if (!producer.getIndexingMapMatchingResult(producer->getResult(0)).isPermutation())
      return -1;
    Operation *consumer = nullptr;
    for (OpOperand &use : producer->getUses()) {
      auto generic = dyn_cast<linalg::GenericOp>(use.getOwner());
      if (!generic || (consumer && consumer != generic) || !generic.isDpsInput(&use))
        return -1;
      // A map that repeats elements would compute them again.
      if (!generic.getMatchingIndexingMap(&use).isPermutation())
        return -1;
      consumer = generic;
    }
    auto found = groupOf.find(consumer);
    return found == groupOf.end() ? -1 : found->second;
  }

  Block &block;
  llvm::DenseMap<Operation *, int> groupOf;
};

} // namespace

std::vector<Group> groupOps(Block &block) { return Grouper(block).run(); }

} // namespace raddle
