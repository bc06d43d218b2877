#include "PartitionFunction.h"

#include "BucketUse.h"
#include "RankReducer.h"
#include "WholeBatch.h"
#include "raddle/Dialect/NN/IR/NNOps.h"
#include "raddle/Utils/ArgumentAppender.h"
#include "raddle/Utils/LinalgBuilders.h"

using namespace mlir;

namespace raddle::ragged {
namespace {

class FunctionPartitioner {
public:
  FunctionPartitioner(func::FuncOp function, BucketUses &uses, const Mesh &mesh, Type reduced)
      : function(function), context(function.getContext()), builder(context), reducer{builder, mesh},
        arguments(function), reduced(reduced), uses(uses) {
    for (auto &entry : uses)
      for (Value parameter : entry.second.parameters)
        if (parameter)
          wholeArguments.insert(parameter);
  }

  Collectives run() {
    Collectives count;
    for (auto &entry : uses)
      if (entry.second.isRead())
        count.gathers += gather(entry.second);
    for (auto &entry : uses)
      if (!entry.second.updates.empty())
        count.reduceScatters += scatterGradients(entry.second);
    shardNorms();
    for (auto &entry : uses)
      if (!entry.second.updates.empty())
        shardUpdates(entry.second);
    arguments.finish();
    returnSlices();
    reduceCounts(function, reducer.mesh);
    reduceOutputs(function, reducer.mesh);
    dropWholeArguments();
    return count;
  }

private:
  /// Adds an argument for a rank's slice of the bucket.
  Value addSlice(BucketUse &use, StringRef role) {
    Builder attrs(context);
    std::string name = (use.bucket.getSymName() + "." + role).str();
    auto type = RankedTensorType::get({static_cast<int64_t>(use.bucket.getShard())}, use.bucket.getElementType());
    SmallVector<NamedAttribute> attributes{
        attrs.getNamedAttr("ragged.state", attrs.getStringAttr(name)),
        attrs.getNamedAttr("ragged.bucket", FlatSymbolRefAttr::get(use.bucket.getSymNameAttr())),
        attrs.getNamedAttr("ragged.role", attrs.getStringAttr(role))};
    return arguments.add(type, attrs.getDictionaryAttr(attributes), use.bucket.getLoc());
  }

  RankedTensorType wholeType(BucketOp bucket) {
    return RankedTensorType::get({bucket.getElements()}, bucket.getElementType());
  }

  /// Gathers the bucket before its first use, reads every parameter as a slot; gives the number of gathers.
  int64_t gather(BucketUse &use) {
    use.slice = addSlice(use, "param");
    Block &block = function.getBody().front();
    Operation *first = nullptr;
    auto isReader = [&](OpOperand &operand) { return !isa<nn::AdamWOp, nn::SGDOp>(operand.getOwner()); };
    for (Value parameter : use.parameters)
      if (parameter)
        for (OpOperand &operand : parameter.getUses()) {
          if (!isReader(operand))
            continue;
          Operation *user = block.findAncestorOpInBlock(*operand.getOwner());
          if (!first || user->isBeforeInBlock(first))
            first = user;
        }
    if (!first)
      return 0;
    builder.setInsertionPoint(first);
    auto bucketName = FlatSymbolRefAttr::get(use.bucket.getSymNameAttr());
    // One rank owns the whole bucket.
    Value full = use.slice;
    bool cut = use.bucket.getRanks() > 1;
    if (cut)
      full = GatherOp::create(builder, use.bucket.getLoc(), wholeType(use.bucket), use.slice, bucketName);
    for (auto [slot, parameter] : llvm::zip(use.bucket.getSlots().getAsRange<SlotAttr>(), use.parameters)) {
      if (!parameter || llvm::none_of(parameter.getUses(), isReader))
        continue;
      Value view = SlotOp::create(builder, parameter.getLoc(), parameter.getType(), full,
                                  builder.getStringAttr(slot.getName()), bucketName);
      parameter.replaceUsesWithIf(view, isReader);
    }
    return cut;
  }

  /// Packs the gradients when the last one is there, and combines them over the ranks.
  int64_t scatterGradients(BucketUse &use) {
    SmallVector<Value> grads;
    Operation *last = nullptr;
    Type element = reductionType(use.bucket);
    for (Operation *update : use.updates) {
      Value grad = castGradient(update->getOperand(1), element);
      grads.push_back(grad);
      if (Operation *producer = grad.getDefiningOp())
        if (!last || last->isBeforeInBlock(producer))
          last = producer;
    }
    if (last)
      builder.setInsertionPointAfter(last);
    else
      builder.setInsertionPointToStart(&function.getBody().front());
    auto bucketName = FlatSymbolRefAttr::get(use.bucket.getSymNameAttr());
    Location loc = use.bucket.getLoc();
    use.gradient = PackOp::create(builder, loc, wholeType(use.bucket).clone(element), grads, bucketName);
    bool cut = use.bucket.getRanks() > 1;
    auto sliceType = cast<RankedTensorType>(use.slice.getType());
    if (cut)
      use.gradient = ReduceScatterOp::create(builder, loc, sliceType.clone(element),
                                             ReductionAttr::get(context, Reduction::Mean), use.gradient, bucketName);
    use.gradient = reducer.allReduce(use.gradient, Reduction::Mean, Group::Replicas);
    use.gradient = buildCast(builder, loc, use.gradient, sliceType.getElementType());
    return cut;
  }

  /// The element type of a bucket's gradients on their way between ranks.
  Type reductionType(BucketOp bucket) {
    Type own = bucket.getElementType();
    bool isNarrower = reduced && reducer.mesh.ranks > 1 && isa<FloatType>(own) &&
                      reduced.getIntOrFloatBitWidth() < own.getIntOrFloatBitWidth();
    return isNarrower ? reduced : own;
  }

  /// Stands where the gradient is made, so that what makes it may write it in that type.
  Value castGradient(Value grad, Type element) {
    if (Operation *producer = grad.getDefiningOp())
      builder.setInsertionPointAfter(producer);
    else
      builder.setInsertionPointToStart(&function.getBody().front());
    return buildCast(builder, grad.getLoc(), grad, element);
  }

  /// Norms over gradients become norms over slices, added over the ranks. Padding is zero and adds nothing.
  void shardNorms() {
    SmallVector<nn::SquaredNormOp> norms(function.getBody().getOps<nn::SquaredNormOp>());
    // Equal gradients of several parameters are one value, which then counts once for each.
    llvm::DenseMap<Value, SmallVector<BucketUse *>> owners;
    for (auto &entry : uses)
      for (Operation *update : entry.second.updates)
        owners[update->getOperand(1)].push_back(&entry.second);
    for (nn::SquaredNormOp norm : norms) {
      llvm::SetVector<Value> operands;
      for (Value tensor : llvm::SetVector<Value>(norm.getTensors().begin(), norm.getTensors().end()))
        for (BucketUse *use : owners[tensor])
          operands.insert(use->gradient);
      if (operands.empty())
        continue;
      builder.setInsertionPointAfter(norm);
      norm.getTensorsMutable().assign(operands.getArrayRef());
      Value total = reducer.allReduce(norm.getResult(), Reduction::Sum, Group::Shards);
      if (total == norm.getResult())
        continue;
      norm.getResult().replaceAllUsesExcept(total, total.getDefiningOp());
    }
  }

  /// One update on slices in place of one a parameter.
  void shardUpdates(BucketUse &use) {
    Operation *prototype = use.updates.front();
    builder.setInsertionPoint(use.updates.back());
    OperationState state(use.bucket.getLoc(), prototype->getName());
    SmallVector<std::string> roles{"param"};
    for (auto [index, operand] : llvm::enumerate(prototype->getOperands())) {
      // Parameter, gradient, then states, all of one type, come before the scalars.
      bool scalar = index >= prototype->getNumResults() + 1;
      if (scalar) {
        state.operands.push_back(operand);
        continue;
      }
      if (index < 2) {
        state.operands.push_back(index == 0 ? use.slice : use.gradient);
        continue;
      }
      StringRef name = function.getArgAttrOfType<StringAttr>(cast<BlockArgument>(operand).getArgNumber(), "nn.state");
      roles.push_back(name.rsplit('.').second.str());
      state.operands.push_back(addSlice(use, roles.back()));
    }
    state.addTypes(SmallVector<Type>(prototype->getNumResults(), use.slice.getType()));
    state.addAttributes(prototype->getAttrs());
    Operation *update = builder.create(state);
    Builder attrs(context);
    for (auto [result, role] : llvm::zip(update->getResults(), roles)) {
      std::string name = (use.bucket.getSymName() + "." + role).str();
      slices.push_back(result);
      sliceAttributes.push_back(attrs.getDictionaryAttr(attrs.getNamedAttr("ragged.alias", attrs.getStringAttr(name))));
    }
    replacedUpdates.insert(use.updates.begin(), use.updates.end());
  }

  /// The function returns slices in place of whole parameters and states.
  void returnSlices() {
    if (slices.empty())
      return;
    Operation *terminator = function.getBody().front().getTerminator();
    SmallVector<Value> results;
    SmallVector<Attribute> resultAttributes;
    for (auto [index, result] : llvm::enumerate(terminator->getOperands())) {
      if (replacedUpdates.contains(result.getDefiningOp()))
        continue;
      results.push_back(result);
      DictionaryAttr attributes = function.getResultAttrDict(index);
      resultAttributes.push_back(attributes ? attributes : DictionaryAttr::get(context));
    }
    results.append(slices);
    resultAttributes.append(sliceAttributes);
    terminator->setOperands(results);
    function.setType(FunctionType::get(context, function.getArgumentTypes(), ValueRange(results).getTypes()));
    function.setResAttrsAttr(ArrayAttr::get(context, resultAttributes));
    for (Operation *op : replacedUpdates) {
      for (unsigned index = 2; index < op->getNumOperands(); ++index)
        if (auto argument = dyn_cast<BlockArgument>(op->getOperand(index));
            argument && function.getArgAttr(argument.getArgNumber(), "nn.state"))
          wholeArguments.insert(argument);
      op->erase();
    }
  }

  void dropWholeArguments() {
    llvm::BitVector dropped(function.getNumArguments());
    for (Value argument : wholeArguments)
      dropped.set(cast<BlockArgument>(argument).getArgNumber());
    (void)function.eraseArguments(dropped);
  }

  func::FuncOp function;
  MLIRContext *context;
  OpBuilder builder;
  RankReducer reducer;
  ArgumentAppender arguments;
  Type reduced;
  BucketUses &uses;
  /// Updated slices of all buckets and what is said of them as results; the updates of whole tensors that they replace.
  SmallVector<Value> slices;
  SmallVector<Attribute> sliceAttributes;
  llvm::SetVector<Operation *> replacedUpdates;
  llvm::SetVector<Value> wholeArguments;
};

} // namespace

FailureOr<Collectives> partitionFunction(func::FuncOp function, ArrayRef<BucketOp> buckets, const Mesh &mesh,
                                         Type reduced) {
  BucketUses uses = collectBucketUses(function, buckets);
  if (failed(checkUpdates(function, uses)) || failed(checkOutputs(function, mesh.ranks)))
    return failure();
  return FunctionPartitioner(function, uses, mesh, reduced).run();
}

} // namespace raddle::ragged
