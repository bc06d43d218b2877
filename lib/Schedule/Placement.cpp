#include "Placement.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/SymbolTable.h"

using namespace mlir;

namespace raddle {

int64_t bytesOf(Type type) {
  auto shaped = cast<ShapedType>(type);
  return shaped.getNumElements() * elementBytes(shaped.getElementType());
}

LogicalResult Placement::run(function_ref<int64_t(ElementsAttr)> addConstant) {
  placeArguments();
  if (failed(placeResults()))
    return failure();
  claimPacks();
  placeOps(addConstant);
  int64_t total = 0;
  for (const Allocation &allocation : allocations)
    if (llvm::AddOverflow(total, allocation.bytes, total))
      return function.emitError("expects intermediate results of fewer than 2^63 bytes");
  return success();
}

Place Placement::allocate(Type type, const Twine &name) {
  Allocation allocation;
  allocation.name = name.str();
  allocation.bytes = bytesOf(type);
  allocations.push_back(allocation);
  return {exec::Space::Arena, static_cast<int64_t>(allocations.size()) - 1, 0};
}

void Placement::placeArguments() {
  Builder attrs(function.getContext());
  for (unsigned index = 0; index < function.getNumArguments(); ++index) {
    Value argument = function.getArgument(index);
    SmallVector<NamedAttribute> entry{attrs.getNamedAttr("type", TypeAttr::get(argument.getType()))};
    llvm::append_range(entry, function.getArgAttrDict(index) ? function.getArgAttrDict(index).getValue()
                                                             : ArrayRef<NamedAttribute>());
    bool isState = function.getArgAttr(index, "ragged.state") || function.getArgAttr(index, "nn.buffer") ||
                   function.getArgAttr(index, "nn.param") || function.getArgAttr(index, "nn.state");
    SmallVector<Attribute> &table = isState ? states : inputs;
    if (!isState && !function.getArgAttr(index, "nn.input"))
      entry.push_back(attrs.getNamedAttr("nn.input", attrs.getStringAttr("arg" + Twine(index))));
    places[argument] = Place{isState ? exec::Space::State : exec::Space::Input, static_cast<int64_t>(table.size()), 0};
    table.push_back(attrs.getDictionaryAttr(entry));
  }
}

/// Whether the op writes its results wherever it is told to.
static bool writesAnywhere(Operation *op) {
  return isa_and_nonnull<exec::DispatchOp, exec::GemmOp, exec::AttentionOp, ragged::AllReduceOp,
                         ragged::ReduceScatterOp, ragged::RedistributeOp, ragged::GatherToRootsOp,
                         ragged::ScatterFromRootsOp>(op);
}

/// The value that the product which gives `result` is added to, if it may be written over: nothing reads it after the
/// product, which itself reads it once. Null if not, and for other results.
static Value dyingAddend(Value result) {
  auto gemm = result.getDefiningOp<exec::GemmOp>();
  if (!gemm || !gemm.getAddend() || result != gemm.getTensors()[0])
    return {};
  Value addend = beforeViews(gemm.getAddend());
  if (!writesAnywhere(addend.getDefiningOp()))
    return {};
  SmallVector<Value> worklist{addend};
  while (!worklist.empty())
    for (OpOperand &use : worklist.pop_back_val().getUses()) {
      Operation *user = use.getOwner();
      if (isView(user))
        worklist.push_back(user->getResult(0));
      else if (user == gemm ? use.getOperandNumber() + 1 != gemm->getNumOperands() : !user->isBeforeInBlock(gemm))
        return {};
    }
  return addend;
}

/// Reserves a place for a value whose producer writes wherever it is told to, and for what it is added to unless that
/// is computed before `since`, when the place is in no use yet.
bool Placement::claim(Value value, Place place, Operation *since) {
  Value base = beforeViews(value);
  Operation *producer = base.getDefiningOp();
  if (!writesAnywhere(producer) || !claims.insert({base, place}).second)
    return false;
  if (Value addend = dyingAddend(base); addend && !(since && addend.getDefiningOp()->isBeforeInBlock(since)))
    claim(addend, place, since);
  return true;
}

/// Where a result lies because it is added to what is there.
std::optional<Place> Placement::placeOfAddend(Value result) const {
  Value addend = dyingAddend(result);
  // What was claimed is needed as it is.
  return addend && !claims.contains(addend) ? std::optional(lookup(addend)) : std::nullopt;
}

/// The arguments with `attribute`, by its value.
static llvm::DenseMap<Attribute, Value> argumentsWith(func::FuncOp function, StringRef attribute) {
  llvm::DenseMap<Attribute, Value> arguments;
  for (unsigned index = 0; index < function.getNumArguments(); ++index)
    if (auto value = function.getArgAttrOfType<StringAttr>(index, attribute))
      arguments[value] = function.getArgument(index);
  return arguments;
}

LogicalResult Placement::placeResults() {
  Builder attrs(function.getContext());
  llvm::DenseMap<Attribute, Value> slices = argumentsWith(function, "ragged.state");
  llvm::DenseMap<Attribute, Value> buffers = argumentsWith(function, "nn.buffer");
  Operation *terminator = function.getBody().front().getTerminator();
  for (OpOperand &operand : terminator->getOpOperands()) {
    unsigned index = operand.getOperandNumber();
    DictionaryAttr attributes = function.getResultAttrDict(index);
    auto alias = function.getResultAttrOfType<StringAttr>(index, "ragged.alias");
    auto update = function.getResultAttrOfType<StringAttr>(index, "nn.updates");
    if (alias || update) {
      Value state = alias ? slices.lookup(alias) : buffers.lookup(update);
      if (!state || state.getType() != operand.get().getType())
        return function.emitError("result ") << index << " replaces state '" << (alias ? alias : update).getValue()
                                             << "', of which there is no argument of type " << operand.get().getType();
      resultPlaces.push_back(*places.lookup(state));
      if (operand.get() == state)
        continue;
      if (!canUpdateInPlace(state, operand.get()) || !claim(operand.get(), resultPlaces.back()))
        copies.insert(&operand);
      continue;
    }
    SmallVector<NamedAttribute> entry{attrs.getNamedAttr("type", TypeAttr::get(operand.get().getType()))};
    llvm::append_range(entry, attributes ? attributes.getValue() : ArrayRef<NamedAttribute>());
    if (!attributes || !attributes.get("nn.output"))
      entry.push_back(attrs.getNamedAttr("nn.output", attrs.getStringAttr("output_" + Twine(index))));
    resultPlaces.push_back({exec::Space::Output, static_cast<int64_t>(outputs.size()), 0});
    outputs.push_back(attrs.getDictionaryAttr(entry));
    if (!claim(operand.get(), resultPlaces.back()))
      copies.insert(&operand);
  }
  return success();
}

/// Whether the kernel reads element i of the argument only to compute element i of the result.
static bool isElementwiseUpdate(func::FuncOp kernel, unsigned argument, unsigned result) {
  Value input = kernel.getArgument(argument);
  Value output = kernel.getBody().front().getTerminator()->getOperand(result);
  auto root = output.getDefiningOp<linalg::GenericOp>();
  if (!root || root.getNumParallelLoops() != root.getNumLoops() || !input.hasOneUse())
    return false;
  OpOperand &use = *input.getUses().begin();
  if (use.getOwner() != root)
    return false;
  AffineMap outputMap = root.getIndexingMapMatchingResult(cast<OpResult>(output));
  return root.getMatchingIndexingMap(&use) == outputMap && outputMap.isIdentity();
}

/// A state may be overwritten by the op that computes its next value if nobody reads the old one later, and the op
/// itself, where it is a kernel, reads each element before it writes it. A reduction over ranks may be in place.
bool Placement::canUpdateInPlace(Value state, Value next) {
  Operation *producer = next.getDefiningOp();
  auto dispatch = dyn_cast_or_null<exec::DispatchOp>(producer);
  func::FuncOp kernel;
  if (dispatch)
    kernel = symbols.lookupNearestSymbolFrom<func::FuncOp>(dispatch, dispatch.getKernelAttr());
  // Code that was generated already does not say what it reads.
  if (!isa_and_nonnull<ragged::AllReduceOp>(producer) && (!kernel || kernel.isExternal()))
    return false;
  SmallVector<Value> worklist{state};
  while (!worklist.empty()) {
    Value value = worklist.pop_back_val();
    for (OpOperand &use : value.getUses()) {
      Operation *user = use.getOwner();
      if (isView(user) || isa<ragged::SlotOp>(user)) {
        worklist.push_back(user->getResult(0));
        continue;
      }
      if (user == producer) {
        if (value != state ||
            (kernel && !isElementwiseUpdate(kernel, use.getOperandNumber(), cast<OpResult>(next).getResultNumber())))
          return false;
        continue;
      }
      if (!user->isBeforeInBlock(producer))
        return false;
    }
  }
  return true;
}

/// The first op that writes into a bucket of these tensors, so that all of it is in use; null if it holds one tensor,
/// which is all of it.
static Operation *firstProducer(ValueRange tensors) {
  Operation *first = nullptr;
  for (Value tensor : tensors) {
    Operation *producer = beforeViews(tensor).getDefiningOp();
    if (writesAnywhere(producer) && (!first || producer->isBeforeInBlock(first)))
      first = producer;
  }
  return tensors.size() > 1 ? first : nullptr;
}

void Placement::claimPacks() {
  for (auto pack : function.getBody().front().getOps<ragged::PackOp>()) {
    Place whole = allocate(pack.getFull().getType(), "gradients of " + pack.getBucket());
    packs[pack] = whole;
    auto bucket = symbols.lookupNearestSymbolFrom<ragged::BucketOp>(pack, pack.getBucketAttr());
    Operation *first = firstProducer(pack.getTensors());
    for (auto [slot, operand] : llvm::zip(bucket.getSlots().getAsRange<ragged::SlotAttr>(), pack.getTensorsMutable())) {
      Place place = whole;
      place.offset += slot.getOffset() * elementBytes(getElementTypeOrSelf(pack.getFull()));
      if (!claim(operand.get(), place, first))
        copies.insert(&operand);
    }
  }
}

/// A short name of what an op computes: the name that its location has, or the op's own.
static std::string describe(Operation *op) {
  if (auto name = op->getLoc()->findInstanceOf<NameLoc>())
    return name.getName().str();
  return op->getName().stripDialect().str();
}

void Placement::placeOps(function_ref<int64_t(ElementsAttr)> addConstant) {
  for (Operation &op : function.getBody().front()) {
    if (isView(&op)) {
      places[op.getResult(0)] = lookup(op.getOperand(0));
    } else if (auto slot = dyn_cast<ragged::SlotOp>(op)) {
      auto bucket = symbols.lookupNearestSymbolFrom<ragged::BucketOp>(slot, slot.getBucketAttr());
      Place place = lookup(slot.getFull());
      place.offset += bucket.findSlot(slot.getSlot()).getOffset() * elementBytes(getElementTypeOrSelf(slot.getFull()));
      places[slot.getTensor()] = place;
    } else if (isa<ragged::PackOp>(op)) {
      places[op.getResult(0)] = packs.lookup(&op);
    } else if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
      places[constant.getResult()] =
          Place{exec::Space::Constant, addConstant(cast<ElementsAttr>(constant.getValue())), 0};
    } else {
      for (Value result : op.getResults()) {
        auto claimed = claims.find(result);
        std::string name = describe(&op);
        if (auto gather = dyn_cast<ragged::GatherOp>(op))
          name = ("parameters of " + gather.getBucket()).str();
        std::optional<Place> place = claimed != claims.end() ? claimed->second : placeOfAddend(result);
        places[result] = place ? *place : allocate(result.getType(), name);
      }
    }
  }
}

} // namespace raddle
