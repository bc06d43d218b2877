#include "WholeBatch.h"

#include "RankReducer.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Transforms/RegionUtils.h"
#include "raddle/Dialect/NN/IR/NNOps.h"

using namespace mlir;

namespace raddle::ragged {

/// Whether the value does not depend on the batch.
static bool isEqualOnAllRanks(func::FuncOp function, Value value) {
  llvm::SetVector<Value> seen;
  seen.insert(value);
  for (size_t next = 0; next < seen.size(); ++next) {
    if (auto argument = dyn_cast<BlockArgument>(seen[next])) {
      if (argument.getOwner() != &function.getBody().front())
        continue;
      unsigned index = argument.getArgNumber();
      auto role = function.getArgAttrOfType<StringAttr>(index, "nn.role");
      if (function.getArgAttr(index, "nn.batched") || (role && role == "rank"))
        return false;
      continue;
    }
    Operation *producer = seen[next].getDefiningOp();
    seen.insert(producer->operand_begin(), producer->operand_end());
    if (producer->getNumRegions())
      getUsedValuesDefinedAbove(producer->getRegions(), seen);
  }
  return true;
}

LogicalResult checkOutputs(func::FuncOp function, int64_t ranks) {
  if (ranks == 1 || function.getName() != "main")
    return success();
  SmallVector<StringRef> refused;
  for (OpOperand &operand : function.getBody().front().getTerminator()->getOpOperands()) {
    unsigned index = operand.getOperandNumber();
    auto name = function.getResultAttrOfType<StringAttr>(index, "nn.output");
    if (!name || function.getResultAttr(index, "nn.batched") || isEqualOnAllRanks(function, operand.get()))
      continue;
    auto type = cast<RankedTensorType>(operand.get().getType());
    if (type.getNumElements() != 1 || !isa<FloatType>(type.getElementType()))
      refused.push_back(name.getValue());
    else
      function.emitWarning("output '") << name.getValue() << "' will be the mean of its values on " << ranks
                                       << " ranks";
  }
  if (refused.empty())
    return success();
  InFlightDiagnostic error = function.emitError("outputs that depend on the batch, but are no part of it, are not "
                                                "defined over ")
                             << ranks << " ranks (compile for one rank): ";
  llvm::interleaveComma(refused, error, [&](StringRef name) { error << "'" << name << "'"; });
  return error;
}

void reduceCounts(func::FuncOp function, const Mesh &mesh) {
  if (mesh.ranks == 1)
    return;
  OpBuilder builder(function.getContext());
  RankReducer reducer{builder, mesh};
  for (auto op : function.getBody().getOps<nn::CrossEntropyOp>()) {
    if (op.getCount().use_empty())
      continue;
    builder.setInsertionPointAfter(op);
    Value mean = reducer.allReduce(op.getCount(), Reduction::Mean);
    op.getCount().replaceAllUsesExcept(mean, mean.getDefiningOp());
  }
  for (auto op : llvm::make_early_inc_range(function.getBody().getOps<nn::RankMeanOp>())) {
    builder.setInsertionPointAfter(op);
    op.replaceAllUsesWith(reducer.allReduce(op.getInput(), Reduction::Mean));
    op.erase();
  }
}

/// Whether a result is the next value of a buffer.
static bool isBufferUpdate(func::FuncOp function, unsigned result) {
  auto name = function.getResultAttrOfType<StringAttr>(result, "nn.updates");
  return name && llvm::any_of(llvm::seq<unsigned>(0, function.getNumArguments()),
                              [&](unsigned index) { return function.getArgAttr(index, "nn.buffer") == name; });
}

/// Whether the value is computed from a reduced one alone, so that it is equal on all ranks: the gradient's norm.
static bool dependsOnlyOnReduced(Value value) {
  auto op = value.getDefiningOp<linalg::LinalgOp>();
  return op && !op.getDpsInputs().empty() && llvm::all_of(op.getDpsInputs(), [](Value input) {
           return isa_and_nonnull<AllReduceOp>(input.getDefiningOp());
         });
}

void reduceOutputs(func::FuncOp function, const Mesh &mesh) {
  if (mesh.ranks == 1)
    return;
  OpBuilder builder(function.getContext());
  RankReducer reducer{builder, mesh};
  Operation *terminator = function.getBody().front().getTerminator();
  builder.setInsertionPoint(terminator);
  for (OpOperand &operand : terminator->getOpOperands()) {
    unsigned index = operand.getOperandNumber();
    bool reduced = operand.get().getDefiningOp<AllReduceOp>() || dependsOnlyOnReduced(operand.get());
    bool leaves = function.getResultAttr(index, "nn.output") || isBufferUpdate(function, index);
    if (!leaves || function.getResultAttr(index, "nn.batched") || reduced ||
        !isa<FloatType>(cast<RankedTensorType>(operand.get().getType()).getElementType()))
      continue;
    if (!isEqualOnAllRanks(function, operand.get()))
      operand.set(reducer.allReduce(operand.get(), Reduction::Mean));
  }
}

} // namespace raddle::ragged
