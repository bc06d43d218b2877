// fuse-check-indices: run-time checks of indices.
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "raddle/Dialect/Exec/IR/ExecOps.h"
#include "raddle/Dialect/MoE/IR/MoEOps.h"
#include "raddle/Dialect/NN/IR/NNOps.h"
#include "raddle/Passes.h"

namespace raddle {
#define GEN_PASS_DEF_FUSECHECKINDICES
#include "raddle/Passes.h.inc"
} // namespace raddle

using namespace mlir;
using namespace raddle;

namespace {

struct FuseCheckIndicesPass : raddle::impl::FuseCheckIndicesBase<FuseCheckIndicesPass> {
  void runOnOperation() override {
    getOperation().walk([&](Operation *op) {
      if (auto embedding = dyn_cast<nn::EmbeddingOp>(op))
        check(op, embedding.getIndices(), embedding.getTable(), 0, {}, "row of an embedding");
      else if (auto checked = dyn_cast<nn::CheckedIndexOp>(op))
        check(op, checked.getIndices(), checked.getSize(), checked.getFromEnd() ? -int64_t(checked.getSize()) : 0,
              checked.getIgnoreIndexAttr(), checked.getWhat());
      else if (auto product = dyn_cast<moe::GroupedMatmulOp>(op))
        checkOffsets(op, product.getOffsets(), product.getLhs());
      else if (auto product = dyn_cast<moe::GroupedOuterOp>(op))
        checkOffsets(op, product.getOffsets(), product.getLhs());
      else if (auto loss = dyn_cast<nn::CrossEntropyOp>(op))
        check(op, loss.getLabels(), loss.getLogits(), 1, loss.getIgnoreIndexAttr(), "class of a cross-entropy");
    });
  }

private:
  /// Offsets may point behind the last row.
  void checkOffsets(Operation *op, Value offsets, Value rows) {
    check(op, offsets, cast<RankedTensorType>(rows.getType()).getDimSize(0) + 1, 0, {}, "offset of a group of rows");
  }

  void check(Operation *op, Value indices, Value selected, unsigned dim, IntegerAttr ignore, StringRef what) {
    check(op, indices, cast<RankedTensorType>(selected.getType()).getDimSize(dim), 0, ignore, what);
  }

  void check(Operation *op, Value indices, int64_t size, int64_t lowest, IntegerAttr ignore, StringRef what) {
    if (!seen.insert({indices, size, lowest, ignore ? ignore.getInt() : -1, static_cast<int>(ignore != nullptr)})
             .second)
      return;
    OpBuilder builder(op);
    exec::CheckIndexOp::create(builder, op->getLoc(), indices, builder.getI64IntegerAttr(size),
                               builder.getI64IntegerAttr(lowest), ignore, builder.getStringAttr(what),
                               builder.getI64IntegerAttr(0));
    ++numChecks;
  }

  llvm::DenseSet<std::tuple<Value, int64_t, int64_t, int64_t, int>> seen;
};

} // namespace
