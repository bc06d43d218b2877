#include "StoreNarrow.h"

#include "raddle/Dialect/NN/IR/NNOps.h"
#include "raddle/Utils/TensorQueries.h"

using namespace mlir;

namespace raddle::nn {

static bool isRounding(Operation *op) { return castSource(op) && getElementTypeOrSelf(op->getResult(0)).isBF16(); }

static bool isReadRounded(Value tensor) { return !tensor.use_empty() && llvm::all_of(tensor.getUsers(), isRounding); }

/// Whether the op looks up rows that are rounded.
static bool looksUpRounded(Operation *op, Value table) {
  auto embedding = dyn_cast<EmbeddingOp>(op);
  return embedding && embedding.getTable() == table && isReadRounded(embedding.getOut());
}

/// Whoever rounds the value reads `narrow`.
static void replaceRoundings(Value value, Value narrow) {
  for (Operation *user : llvm::make_early_inc_range(value.getUsers()))
    if (isRounding(user)) {
      user->getResult(0).replaceAllUsesWith(narrow);
      user->erase();
    }
}

static void narrowArgument(BlockArgument argument) {
  auto type = BFloat16Type::get(argument.getContext());
  for (Operation *user : llvm::make_early_inc_range(argument.getUsers())) {
    auto embedding = dyn_cast<EmbeddingOp>(user);
    if (!embedding)
      continue;
    OpBuilder builder(embedding);
    auto rows = EmbeddingOp::create(builder, embedding.getLoc(),
                                    cast<RankedTensorType>(embedding.getOut().getType()).clone(type), argument,
                                    embedding.getIndices(), embedding.getPaddingIndexAttr());
    replaceRoundings(embedding.getOut(), rows.getOut());
    embedding.erase();
  }
  replaceRoundings(argument, argument);
  argument.setType(cast<RankedTensorType>(argument.getType()).clone(type));
}

/// What is stored keeps its type. Values that the module holds are of the parameter's type.
static bool canLoadRounded(func::FuncOp function, unsigned index) {
  auto init = function.getArgAttrOfType<DictionaryAttr>(index, "nn.init");
  return !init || !init.get("value");
}

int64_t storeNarrow(func::FuncOp function) {
  int64_t count = 0;
  Builder attrs(function.getContext());
  for (BlockArgument argument : function.getArguments()) {
    unsigned index = argument.getArgNumber();
    if (!function.getArgAttr(index, "nn.param") || !getElementTypeOrSelf(argument).isF32() || argument.use_empty() ||
        !canLoadRounded(function, index) || !llvm::all_of(argument.getUsers(), [&](Operation *user) {
          return isRounding(user) || looksUpRounded(user, argument);
        }))
      continue;
    if (auto source = function.getArgAttrOfType<DictionaryAttr>(index, "nn.source"); source && !source.get("dtype")) {
      NamedAttrList stored(source);
      stored.set("dtype", TypeAttr::get(getElementTypeOrSelf(argument)));
      function.setArgAttr(index, "nn.source", stored.getDictionary(function.getContext()));
    }
    narrowArgument(argument);
    ++count;
  }
  function.setType(attrs.getFunctionType(function.getBody().getArgumentTypes(), function.getResultTypes()));
  return count;
}

} // namespace raddle::nn
