// ragged-partition: the program of one rank.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Transforms/RegionUtils.h"
#include "raddle/Dialect/NN/IR/NNOps.h"
#include "raddle/Dialect/Ragged/IR/RaggedOps.h"
#include "raddle/Passes.h"
#include "raddle/Utils/ArgumentAppender.h"
#include "raddle/Utils/LinalgBuilders.h"
#include "raddle/Utils/TensorQueries.h"
#include "llvm/ADT/MapVector.h"

namespace raddle {
#define GEN_PASS_DEF_RAGGEDPARTITION
#include "raddle/Passes.h.inc"
} // namespace raddle

using namespace mlir;
using namespace raddle;
using namespace raddle::ragged;

namespace {

/// What one function holds of one bucket.
struct BucketUse {
  BucketOp bucket;
  /// Argument of each slot, in the bucket's order; null where the function does not take the parameter.
  SmallVector<Value> parameters;
  /// The rank's slice of the parameters, new.
  Value slice;
  /// Updates of the slots, in the bucket's order.
  SmallVector<Operation *> updates;
  /// The rank's slice of the gradients.
  Value gradient;
};

/// Makes one function into a rank's program.
class FunctionPartitioner {
public:
  /// Gradients are reduced in `reduced` where that is narrower than they are; null: as they are.
  FunctionPartitioner(func::FuncOp function, ArrayRef<BucketOp> buckets, const Mesh &mesh, Type reduced)
      : function(function), context(function.getContext()), builder(context), arguments(function), mesh(mesh),
        ranks(mesh.ranks), reduced(reduced) {
    for (BucketOp bucket : buckets)
      uses.insert({bucket, BucketUse{bucket, SmallVector<Value>(bucket.getSlots().size()), {}, {}, {}}});
  }

  LogicalResult run(int64_t &numGathers, int64_t &numReduceScatters) {
    collect();
    if (failed(checkUpdates()) || failed(checkOutputs()))
      return failure();
    for (auto &entry : uses)
      if (llvm::any_of(entry.second.parameters, [](Value value) { return value != nullptr; }))
        numGathers += gather(entry.second);
    for (auto &entry : uses)
      if (!entry.second.updates.empty())
        numReduceScatters += scatterGradients(entry.second);
    shardNorms();
    for (auto &entry : uses)
      if (!entry.second.updates.empty())
        shardUpdates(entry.second);
    arguments.finish();
    returnSlices();
    reduceCounts();
    reduceOutputs();
    dropWholeArguments();
    return success();
  }

private:
  void collect() {
    llvm::StringMap<std::pair<BucketUse *, unsigned>> slots;
    for (auto &entry : uses)
      for (auto [index, slot] : llvm::enumerate(entry.second.bucket.getSlots().getAsRange<SlotAttr>()))
        slots[slot.getName()] = {&entry.second, index};
    llvm::DenseMap<Value, std::pair<BucketUse *, unsigned>> byArgument;
    for (unsigned index = 0; index < function.getNumArguments(); ++index) {
      auto name = function.getArgAttrOfType<StringAttr>(index, "nn.param");
      auto found = name ? slots.find(name.getValue()) : slots.end();
      if (found == slots.end())
        continue;
      auto [use, slot] = found->second;
      use->parameters[slot] = function.getArgument(index);
      byArgument[function.getArgument(index)] = found->second;
      wholeArguments.insert(function.getArgument(index));
    }
    // The bodies of other ops hold none of what this pass looks for: nothing here walks through them.
    for (Operation &op : function.getBody().front()) {
      if (!isa<nn::AdamWOp, nn::SGDOp>(op))
        continue;
      auto [use, slot] = byArgument.lookup(op.getOperand(0));
      if (!use)
        continue;
      use->updates.resize(use->parameters.size());
      use->updates[slot] = &op;
    }
  }

  /// All tensors of a bucket are updated by one rule, or none.
  LogicalResult checkUpdates() {
    for (auto &entry : uses) {
      BucketUse &use = entry.second;
      if (use.updates.empty())
        continue;
      Operation *first = nullptr;
      for (auto [slot, op] : llvm::zip(use.bucket.getSlots().getAsRange<SlotAttr>(), use.updates)) {
        if (!op)
          return function.emitError("bucket '")
                 << use.bucket.getSymName() << "' is updated, but its parameter '" << slot.getName() << "' is not";
        if (!first)
          first = op;
        if (failed(checkStates(op)))
          return failure();
        if (op->getName() != first->getName() || op->getAttrDictionary() != first->getAttrDictionary())
          return op->emitOpError("differs from the update of the other parameters of bucket '")
                 << use.bucket.getSymName() << "'";
      }
    }
    return success();
  }

  /// The states of an update, behind parameter and gradient, are arguments that say so.
  LogicalResult checkStates(Operation *update) {
    for (unsigned index = 2; index <= update->getNumResults(); ++index) {
      auto argument = dyn_cast<BlockArgument>(update->getOperand(index));
      if (!argument || argument.getOwner() != &function.getBody().front() ||
          !function.getArgAttrOfType<StringAttr>(argument.getArgNumber(), "nn.state"))
        return update->emitOpError("expects operand ") << index << " to be an argument with 'nn.state'";
    }
    return success();
  }

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
    use.gradient = allReduce(use.gradient, Reduction::Mean, Group::Replicas);
    use.gradient = buildCast(builder, loc, use.gradient, sliceType.getElementType());
    return cut;
  }

  /// The element type of a bucket's gradients on their way between ranks.
  Type reductionType(BucketOp bucket) {
    Type own = bucket.getElementType();
    bool isNarrower =
        reduced && ranks > 1 && isa<FloatType>(own) && reduced.getIntOrFloatBitWidth() < own.getIntOrFloatBitWidth();
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

  int64_t groupSize(Group group) const {
    return group == Group::All ? ranks : group == Group::Shards ? mesh.shards : mesh.replicas();
  }

  /// The value itself where the group is one rank.
  Value allReduce(Value value, Reduction reduction, Group group = Group::All) {
    int64_t size = groupSize(group);
    if (size == 1)
      return value;
    if (size == ranks)
      group = Group::All;
    return AllReduceOp::create(builder, value.getLoc(), value.getType(), ReductionAttr::get(context, reduction), value,
                               builder.getI64IntegerAttr(size), GroupAttr::get(context, group));
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
      Value total = allReduce(norm.getResult(), Reduction::Sum, Group::Shards);
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

  /// A mean over labels divides by the count of all ranks: with the mean count of the ranks in its place, the mean of
  /// the ranks' losses is the sum over all labels divided by their number.
  void reduceCounts() {
    if (ranks == 1)
      return;
    for (auto op : function.getBody().getOps<nn::CrossEntropyOp>()) {
      if (op.getCount().use_empty())
        continue;
      builder.setInsertionPointAfter(op);
      Value mean = allReduce(op.getCount(), Reduction::Mean);
      op.getCount().replaceAllUsesExcept(mean, mean.getDefiningOp());
    }
    for (auto op : llvm::make_early_inc_range(function.getBody().getOps<nn::RankMeanOp>())) {
      builder.setInsertionPointAfter(op);
      op.replaceAllUsesWith(allReduce(op.getInput(), Reduction::Mean));
      op.erase();
    }
  }

  /// Whether the value does not depend on the batch.
  bool isEqualOnAllRanks(Value value) {
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

  /// In inference, a value over the whole batch cannot be told from the ranks' values: a sum, a mean and a maximum want
  /// to be combined differently. One number is taken for a mean, as a loss is, with a warning.
  LogicalResult checkOutputs() {
    if (ranks == 1 || function.getName() != "main")
      return success();
    SmallVector<StringRef> refused;
    for (OpOperand &operand : function.getBody().front().getTerminator()->getOpOperands()) {
      unsigned index = operand.getOperandNumber();
      auto name = function.getResultAttrOfType<StringAttr>(index, "nn.output");
      if (!name || function.getResultAttr(index, "nn.batched") || isEqualOnAllRanks(operand.get()))
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

  /// What is not a part of the batch is the mean over the ranks: outputs of training, and next values of buffers, whose
  /// copies stay equal that way. Integers, counters of steps, are taken as they are.
  void reduceOutputs() {
    if (ranks == 1)
      return;
    Operation *terminator = function.getBody().front().getTerminator();
    builder.setInsertionPoint(terminator);
    for (OpOperand &operand : terminator->getOpOperands()) {
      unsigned index = operand.getOperandNumber();
      bool reduced = operand.get().getDefiningOp<AllReduceOp>() || dependsOnlyOnReduced(operand.get());
      bool leaves = function.getResultAttr(index, "nn.output") || isBufferUpdate(index);
      if (!leaves || function.getResultAttr(index, "nn.batched") || reduced ||
          !isa<FloatType>(cast<RankedTensorType>(operand.get().getType()).getElementType()))
        continue;
      if (!isEqualOnAllRanks(operand.get()))
        operand.set(allReduce(operand.get(), Reduction::Mean));
    }
  }

  /// Whether a result is the next value of a buffer.
  bool isBufferUpdate(unsigned result) {
    auto name = function.getResultAttrOfType<StringAttr>(result, "nn.updates");
    return name && llvm::any_of(llvm::seq<unsigned>(0, function.getNumArguments()),
                                [&](unsigned index) { return function.getArgAttr(index, "nn.buffer") == name; });
  }

  /// Whether the value is computed from a reduced one alone, so that it is equal on all ranks: the gradient's norm.
  bool dependsOnlyOnReduced(Value value) {
    auto op = value.getDefiningOp<linalg::LinalgOp>();
    return op && !op.getDpsInputs().empty() && llvm::all_of(op.getDpsInputs(), [](Value input) {
             return isa_and_nonnull<AllReduceOp>(input.getDefiningOp());
           });
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
  ArgumentAppender arguments;
  Mesh mesh;
  int64_t ranks; // of all replicas
  Type reduced;
  llvm::MapVector<Operation *, BucketUse> uses;
  /// Updated slices of all buckets and what is said of them as results; the updates of whole tensors that they replace.
  SmallVector<Value> slices;
  SmallVector<Attribute> sliceAttributes;
  llvm::SetVector<Operation *> replacedUpdates;
  llvm::SetVector<Value> wholeArguments;
};

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
      int64_t gathers = 0, scatters = 0;
      if (failed(FunctionPartitioner(function, buckets, *mesh, reduced).run(gathers, scatters)))
        return signalPassFailure();
      numGathers += gathers;
      numReduceScatters += scatters;
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
