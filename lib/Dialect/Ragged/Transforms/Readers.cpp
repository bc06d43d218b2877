#include "Readers.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Transforms/RegionUtils.h"
#include "raddle/Dialect/NN/IR/NNOps.h"

using namespace mlir;

namespace raddle::ragged {

bool isElementwise(Operation *op) {
  auto generic = dyn_cast<linalg::GenericOp>(op);
  if (!generic || generic.getNumDpsInputs() != 1 || generic->getNumResults() != 1 ||
      generic.getNumParallelLoops() != generic.getNumLoops() ||
      !llvm::all_of(generic.getIndexingMapsArray(), [](AffineMap map) { return map.isIdentity(); }) ||
      !generic.getRegionOutputArgs().front().use_empty())
    return false;
  llvm::SetVector<Value> captured;
  getUsedValuesDefinedAbove(generic.getRegion(), captured);
  return llvm::all_of(captured,
                      [](Value value) {
                        Operation *op = value.getDefiningOp();
                        return op && op->hasTrait<OpTrait::ConstantLike>();
                      }) &&
         llvm::all_of(generic.getBody()->without_terminator(), [](Operation &op) {
           return !isa<linalg::IndexOp>(op) && isMemoryEffectFree(&op) && isSpeculatable(&op);
         });
}

bool looksUpRows(Operation *op, Value tensor) {
  auto embedding = dyn_cast<nn::EmbeddingOp>(op);
  return embedding && embedding.getTable() == tensor && embedding.getIndices() != tensor;
}

SmallVector<Operation *> elementReaders(Value tensor) {
  SmallVector<Operation *> readers;
  for (Operation *user : tensor.getUsers()) {
    if (looksUpRows(user, tensor))
      llvm::append_range(readers, user->getResult(0).getUsers());
    else if (!isa<nn::AdamWOp, nn::SGDOp>(user))
      readers.push_back(user);
  }
  return readers;
}

Type narrowedType(Value tensor) {
  Type element = getElementTypeOrSelf(tensor), narrowed;
  for (Operation *reader : elementReaders(tensor)) {
    if (!isElementwise(reader))
      return {};
    Type type = getElementTypeOrSelf(reader->getResult(0));
    if (type.getIntOrFloatBitWidth() >= element.getIntOrFloatBitWidth() || (narrowed && type != narrowed))
      return {};
    narrowed = type;
  }
  return narrowed;
}

} // namespace raddle::ragged
