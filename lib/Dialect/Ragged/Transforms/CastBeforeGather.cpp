// ragged-cast-before-gather: what works element by element commutes with a gather.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"
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

/// The element type to which the op casts the whole tensor, element by element, if that is all that it does.
Type narrowingCast(Operation *op) {
  auto generic = dyn_cast<linalg::GenericOp>(op);
  if (!generic || generic.getNumDpsInputs() != 1 || generic->getNumResults() != 1 ||
      generic.getNumParallelLoops() != generic.getNumLoops() ||
      !llvm::all_of(generic.getIndexingMapsArray(), [](AffineMap map) { return map.isIdentity(); }))
    return {};
  Block &body = *generic.getBody();
  auto cast = dyn_cast<arith::TruncFOp>(body.front());
  auto yield = mlir::cast<linalg::YieldOp>(body.getTerminator());
  if (!cast || cast.getIn() != body.getArgument(0) || yield.getOperand(0) != cast.getResult())
    return {};
  return cast.getType();
}

/// The type that everything read of the bucket is cast to first.
Type commonCast(GatherOp gather) {
  Type common;
  for (Operation *slot : gather.getFull().getUsers()) {
    if (!isa<SlotOp>(slot))
      return {};
    for (Operation *user : slot->getResult(0).getUsers()) {
      Type type = narrowingCast(user);
      if (!type || (common && common != type))
        return {};
      common = type;
    }
  }
  return common;
}

void narrow(GatherOp gather, Type type) {
  OpBuilder builder(gather);
  Location loc = gather.getLoc();
  auto cast = [&](Value value) {
    auto shape = mlir::cast<RankedTensorType>(value.getType()).getShape();
    return RankedTensorType::get(shape, type);
  };
  Value slice =
      buildElementwise(builder, loc, cast(gather.getSlice()), gather.getSlice(), {},
                       [&](const Scalars &scalars, ValueRange args) { return scalars.castFloat(args[0], type); });
  Value full =
      GatherOp::create(builder, loc, cast(gather.getFull()), slice, gather.getBucketAttr(), gather.getPhaseAttr());
  for (Operation *user : llvm::make_early_inc_range(gather.getFull().getUsers())) {
    auto slot = mlir::cast<SlotOp>(user);
    builder.setInsertionPoint(slot);
    Value tensor =
        SlotOp::create(builder, slot.getLoc(), cast(slot.getTensor()), full, slot.getSlotAttr(), slot.getBucketAttr());
    for (Operation *narrowing : llvm::make_early_inc_range(slot.getTensor().getUsers())) {
      narrowing->getResult(0).replaceAllUsesWith(tensor);
      narrowing->erase();
    }
    slot.erase();
  }
  gather.erase();
}

struct RaggedCastBeforeGatherPass : raddle::impl::RaggedCastBeforeGatherBase<RaggedCastBeforeGatherPass> {
  void runOnOperation() override {
    SmallVector<GatherOp> gathers;
    getOperation().walk([&](GatherOp gather) { gathers.push_back(gather); });
    for (GatherOp gather : gathers)
      if (Type type = commonCast(gather)) {
        narrow(gather, type);
        ++numCasts;
      }
  }
};

} // namespace
