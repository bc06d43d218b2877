// ragged-cast-before-gather: what works element by element commutes with a gather.
#include "Readers.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/OperationSupport.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Transforms/RegionUtils.h"
#include "raddle/Dialect/NN/IR/NNOps.h"
#include "raddle/Dialect/Ragged/IR/RaggedOps.h"
#include "raddle/Passes.h"
#include "raddle/Utils/LinalgBuilders.h"

namespace raddle {
#define GEN_PASS_DEF_RAGGEDCASTBEFOREGATHER
#include "raddle/Passes.h.inc"
} // namespace raddle

using namespace mlir;
using namespace raddle;
using namespace raddle::ragged;

namespace {

bool isConstant(Value value) {
  Operation *op = value.getDefiningOp();
  return op && op->hasTrait<OpTrait::ConstantLike>();
}

/// Whether two elementwise ops compute the same, of tensors of any shape.
bool areEqual(Operation *a, Operation *b) {
  llvm::DenseMap<Value, Value> matched; // what is computed inside of the two
  auto areSame = [&](Value left, Value right) {
    return success(left == right || matched.lookup(left) == right ||
                   (isConstant(left) && isConstant(right) &&
                    OperationEquivalence::isEquivalentTo(left.getDefiningOp(), right.getDefiningOp(),
                                                         OperationEquivalence::IgnoreLocations)));
  };
  return a == b || OperationEquivalence::isRegionEquivalentTo(
                       &a->getRegion(0), &b->getRegion(0), areSame,
                       [&](Value left, Value right) { matched[left] = right; }, OperationEquivalence::IgnoreLocations);
}

unsigned widthOf(Value tensor) { return getElementTypeOrSelf(tensor).getIntOrFloatBitWidth(); }

/// Of the elementwise ops that all readers of a bucket begin with, one after the other, those up to the narrowest
/// result: of each step its ops, one a slot or more.
SmallVector<SmallVector<Operation *>> commonSteps(GatherOp gather) {
  SmallVector<SmallVector<Operation *>> steps;
  SmallVector<Value> read;
  for (Operation *slot : gather.getFull().getUsers()) {
    if (!isa<SlotOp>(slot))
      return {};
    read.push_back(slot->getResult(0));
  }
  size_t narrowest = 0;
  for (unsigned least = widthOf(gather.getFull());;) {
    SmallVector<Operation *> step;
    for (Value tensor : read)
      for (Operation *user : steps.empty() ? elementReaders(tensor) : SmallVector<Operation *>(tensor.getUsers())) {
        if (!isElementwise(user) || (!step.empty() && !areEqual(step.front(), user)))
          return steps.resize(narrowest), steps;
        step.push_back(user);
      }
    if (step.empty())
      return steps.resize(narrowest), steps;
    read = llvm::map_to_vector(step, [](Operation *op) -> Value { return op->getResult(0); });
    steps.push_back(step);
    if (widthOf(read.front()) < least) {
      least = widthOf(read.front());
      narrowest = steps.size();
    }
  }
}

/// What `step` computes, of a rank's slice.
Value buildStep(OpBuilder &builder, Operation *step, Value slice) {
  auto generic = cast<linalg::GenericOp>(step);
  auto type = RankedTensorType::get(cast<RankedTensorType>(slice.getType()).getShape(),
                                    getElementTypeOrSelf(step->getResult(0)));
  return buildElementwise(builder, step->getLoc(), type, slice, {}, [&](const Scalars &scalars, ValueRange args) {
    IRMapping mapping;
    mapping.map(generic.getBody()->getArgument(0), args[0]);
    llvm::SetVector<Value> captured;
    getUsedValuesDefinedAbove(generic.getRegion(), captured);
    for (Value value : captured)
      scalars.builder.clone(*value.getDefiningOp(), mapping);
    for (Operation &op : generic.getBody()->without_terminator())
      scalars.builder.clone(op, mapping);
    return mapping.lookup(generic.getBody()->getTerminator()->getOperand(0));
  });
}

/// What comes behind so many elementwise ops on the wide tensor, or on rows of it, reads the narrow one.
void readNarrow(Value wide, Value narrow, size_t steps) {
  SmallVector<Value> last{wide};
  for (size_t step = 0; step < steps; ++step) {
    SmallVector<Value> results;
    for (Value value : last)
      for (Operation *user : value.getUsers())
        if (!looksUpRows(user, value))
          results.push_back(user->getResult(0));
    last = results;
  }
  for (Value value : last)
    value.replaceAllUsesWith(narrow);
  for (Operation *user : wide.getUsers()) {
    if (!looksUpRows(user, wide))
      continue;
    OpBuilder builder(user);
    auto lookup = cast<nn::EmbeddingOp>(user);
    auto type = cast<RankedTensorType>(lookup.getOut().getType()).clone(getElementTypeOrSelf(narrow));
    readNarrow(lookup.getOut(),
               nn::EmbeddingOp::create(builder, lookup.getLoc(), type, narrow, lookup.getIndices(),
                                       lookup.getPaddingIndexAttr()),
               steps);
  }
}

void narrow(GatherOp gather, ArrayRef<SmallVector<Operation *>> steps) {
  OpBuilder builder(gather);
  Value slice = gather.getSlice();
  for (const SmallVector<Operation *> &step : steps)
    slice = buildStep(builder, step.front(), slice);
  auto retyped = [&](Value value) {
    return cast<RankedTensorType>(value.getType()).clone(getElementTypeOrSelf(slice.getType()));
  };
  Value full = GatherOp::create(builder, gather.getLoc(), retyped(gather.getFull()), slice, gather.getBucketAttr(),
                                gather.getPhaseAttr());
  for (Operation *user : llvm::make_early_inc_range(gather.getFull().getUsers())) {
    auto slot = cast<SlotOp>(user);
    builder.setInsertionPoint(slot);
    Value tensor = SlotOp::create(builder, slot.getLoc(), retyped(slot.getTensor()), full, slot.getSlotAttr(),
                                  slot.getBucketAttr());
    readNarrow(slot.getTensor(), tensor, steps.size());
  }
  for (const SmallVector<Operation *> &step : llvm::reverse(steps))
    for (Operation *op : step)
      op->erase();
  for (Operation *slot : llvm::make_early_inc_range(gather.getFull().getUsers())) {
    for (Operation *lookup : llvm::make_early_inc_range(slot->getResult(0).getUsers()))
      lookup->erase();
    slot->erase();
  }
  gather.erase();
}

struct RaggedCastBeforeGatherPass : raddle::impl::RaggedCastBeforeGatherBase<RaggedCastBeforeGatherPass> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>())
      for (auto gather : llvm::make_early_inc_range(function.getBody().getOps<GatherOp>()))
        if (SmallVector<SmallVector<Operation *>> steps = commonSteps(gather); !steps.empty()) {
          narrow(gather, steps);
          ++numCasts;
        }
  }
};

} // namespace
