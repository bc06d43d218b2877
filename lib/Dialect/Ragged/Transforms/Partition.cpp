// ragged-partition: the program of one rank.
#include "PartitionFunction.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"
#include "raddle/Dialect/NN/IR/NNOps.h"
#include "raddle/Passes.h"
#include "raddle/Utils/TensorQueries.h"

namespace raddle {
#define GEN_PASS_DEF_RAGGEDPARTITION
#include "raddle/Passes.h.inc"
} // namespace raddle

using namespace mlir;
using namespace raddle;
using namespace raddle::ragged;

namespace {

struct RaggedPartitionPass : raddle::impl::RaggedPartitionBase<RaggedPartitionPass> {
  using Base::Base;

  void runOnOperation() override {
    if (reduceType != "f32" && reduceType != "bf16") {
      getOperation().emitError("expects option reduce-type to be f32 or bf16, is '") << reduceType << "'";
      return signalPassFailure();
    }
    Type reduced = reduceType == "bf16" ? Type(BFloat16Type::get(&getContext())) : Type();
    SmallVector<BucketOp> buckets(getOperation().getOps<BucketOp>());
    auto ranks = getOperation()->getAttrOfType<IntegerAttr>("ragged.ranks");
    if (!ranks || ranks.getInt() < 1) {
      getOperation().emitError("expects the number of ranks as attribute 'ragged.ranks', as 'ragged-plan' leaves it");
      return signalPassFailure();
    }
    std::optional<Mesh> mesh = verifyMesh(getOperation());
    if (!mesh)
      return signalPassFailure();
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (failed(checkFunction(function)))
        return signalPassFailure();
    recordParameters(buckets);
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      FailureOr<Collectives> count = partitionFunction(function, buckets, *mesh, reduced);
      if (failed(count))
        return signalPassFailure();
      numGathers += count->gathers;
      numReduceScatters += count->reduceScatters;
    }
  }

private:
  static LogicalResult checkFunction(func::FuncOp function) {
    if (failed(checkBody(function)))
      return failure();
    for (Type type : function.getResultTypes())
      if (!isa<RankedTensorType>(type))
        return function.emitError("expects results to be ranked tensors, has ") << type;
    return success();
  }

  /// What arguments say of parameters must outlive them: every bucket keeps it, one dictionary a slot.
  void recordParameters(ArrayRef<BucketOp> buckets) {
    llvm::StringMap<DictionaryAttr> attributes;
    for (auto function : getOperation().getOps<func::FuncOp>())
      for (unsigned index = 0; index < function.getNumArguments(); ++index)
        if (auto name = function.getArgAttrOfType<StringAttr>(index, "nn.param"))
          attributes[name.getValue()] = function.getArgAttrDict(index);
    for (BucketOp bucket : buckets) {
      SmallVector<Attribute> perSlot;
      for (auto slot : bucket.getSlots().getAsRange<SlotAttr>()) {
        DictionaryAttr found = attributes.lookup(slot.getName());
        perSlot.push_back(found ? found : DictionaryAttr::get(&getContext()));
      }
      bucket.setParametersAttr(ArrayAttr::get(&getContext(), perSlot));
    }
  }
};

} // namespace
