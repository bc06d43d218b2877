// ragged-plan: buckets and the place of every parameter in them.
#include "Units.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Remarks.h"
#include "raddle/Dialect/NN/IR/NNOps.h"
#include "raddle/Dialect/Ragged/IR/RaggedOps.h"
#include "raddle/Passes.h"
#include "raddle/Plan/Arithmetic.h"
#include "raddle/Plan/ModelPlanner.h"
#include "raddle/Utils/TensorQueries.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringSet.h"

namespace raddle {
#define GEN_PASS_DEF_RAGGEDPLAN
#include "raddle/Passes.h.inc"
} // namespace raddle

using namespace mlir;
using namespace raddle;

namespace {

struct Parameter {
  ragged::Cut cut;
  bool frozen;
};

struct RaggedPlanPass : raddle::impl::RaggedPlanBase<RaggedPlanPass> {
  using Base::Base;

  void runOnOperation() override {
    if (ranks < 1 || replicas < 1 || ranks % replicas != 0) {
      getOperation().emitError("expects at least one rank, and replicas that divide the ranks, is ")
          << int64_t(ranks) << " and " << int64_t(replicas);
      return signalPassFailure();
    }
    std::optional<plan::Block> kept = plan::parseBlock(block);
    if (!kept) {
      getOperation().emitError("expects option block to be RxC, rows:R or none, is '") << block << "'";
      return signalPassFailure();
    }
    FailureOr<SmallVector<Parameter>> parameters = collectParameters();
    if (failed(parameters) || failed(takeGiven(*parameters)))
      return signalPassFailure();
    llvm::MapVector<std::pair<StringRef, Type>, SmallVector<Parameter>> groups;
    std::vector<std::string> names;
    names.reserve(parameters->size());
    for (const Parameter &parameter : *parameters) {
      names.push_back(bucketName(parameter));
      groups[{names.back(), parameter.cut.type.getElementType()}].push_back(parameter);
    }
    OpBuilder builder(&getContext());
    getOperation()->setAttr("ragged.ranks", builder.getI64IntegerAttr(ranks));
    builder.setInsertionPointToStart(getOperation().getBody());
    for (auto symbol : getOperation().getOps<SymbolOpInterface>())
      taken.insert(symbol.getName());
    bool isPlanned = true;
    for (auto &[key, members] : groups)
      isPlanned &= succeeded(addBucket(builder, key.first, key.second, members, *kept));
    if (!isPlanned)
      signalPassFailure();
  }

private:
  /// Parameters of all functions, each once, in the order of their first appearance.
  FailureOr<SmallVector<Parameter>> collectParameters() {
    llvm::MapVector<StringAttr, Parameter> found;
    bool conflict = false;
    for (auto function : getOperation().getOps<func::FuncOp>())
      for (unsigned index = 0; index < function.getNumArguments(); ++index) {
        auto name = function.getArgAttrOfType<StringAttr>(index, "nn.param");
        auto type = dyn_cast<RankedTensorType>(function.getArgumentTypes()[index]);
        if (!name)
          continue;
        if (!isStorable(function.getArgumentTypes()[index])) {
          function.emitError("parameter '") << name.getValue() << "' expects a tensor of static shape of numbers, is "
                                            << function.getArgumentTypes()[index];
          conflict = true;
          continue;
        }
        Parameter parameter{{name, type, {}, {}}, static_cast<bool>(function.getArgAttr(index, "nn.frozen"))};
        ragged::Cut &cut = found.insert({name, parameter}).first->second.cut;
        conflict |= failed(cut.add(function, index));
        if (cut.type == type)
          continue;
        function.emitError("parameter '")
            << name.getValue() << "' is of type " << type << " here and " << cut.type << " in another function";
        conflict = true;
      }
    if (conflict)
      return failure();
    return llvm::map_to_vector(found, [](auto &entry) { return entry.second; });
  }

  /// Buckets that the module has already are laid out by hand: their parameters are not planned. The mesh is
  /// checked by those who use it.
  LogicalResult takeGiven(SmallVector<Parameter> &parameters) {
    bool isGood = true;
    for (auto bucket : getOperation().getOps<ragged::BucketOp>()) {
      llvm::erase_if(parameters, [&](const Parameter &parameter) {
        ragged::SlotAttr slot = bucket.findSlot(parameter.cut.name);
        if (!slot)
          return false;
        isGood &= succeeded(checkGiven(bucket, slot, parameter.cut));
        return true;
      });
    }
    return success(isGood);
  }

  LogicalResult checkGiven(ragged::BucketOp bucket, ragged::SlotAttr slot, const ragged::Cut &cut) {
    auto type = RankedTensorType::get(slot.getShape(), bucket.getElementType());
    if (type != cut.type)
      return bucket.emitError("bucket '") << bucket.getSymName() << "' has parameter " << cut.name << " as " << type
                                          << ", the program as " << cut.type;
    FailureOr<int64_t> unit = cut.unit(bucket, plan::Block());
    if (failed(unit))
      return failure();
    if (slot.getUnit() % *unit != 0)
      return bucket.emitError("bucket '")
             << bucket.getSymName() << "' cuts parameter " << cut.name << " in units of " << slot.getUnit()
             << ", expected a multiple of the " << *unit << " elements that stay together";
    return cut.check(bucket, slot);
  }

  /// Frozen parameters lie apart: their buckets have no gradients and no optimizer states.
  std::string bucketName(const Parameter &parameter) {
    RankedTensorType type = parameter.cut.type;
    int64_t bytes = type.getNumElements() * type.getElementTypeBitWidth() / 8;
    std::string name(plan::defaultBucket(parameter.cut.name.getValue(), bytes));
    return name + (parameter.frozen ? ".frozen" : "");
  }

  LogicalResult addBucket(OpBuilder &builder, StringRef name, Type element, ArrayRef<Parameter> members,
                          const plan::Block &kept) {
    std::vector<plan::Tensor> tensors;
    bool isGood = true;
    for (const Parameter &parameter : members) {
      FailureOr<int64_t> unit = parameter.cut.unit(getOperation(), kept);
      isGood &= succeeded(unit);
      tensors.push_back({parameter.cut.type.getNumElements(), unit.value_or(1)});
    }
    if (!isGood)
      return failure();
    plan::Layout layout = plan::planBucket(tensors, ranks / replicas,
                                           plan::alignmentOf(static_cast<int>(element.getIntOrFloatBitWidth())));

    SmallVector<Attribute> slots;
    for (auto [parameter, tensor, offset] : llvm::zip(members, tensors, layout.offsets))
      slots.push_back(ragged::SlotAttr::get(&getContext(), parameter.cut.name.getValue(), offset,
                                            parameter.cut.type.getShape(), tensor.unit));
    std::string symbol = name.str();
    // One name, several element types: the others say theirs.
    if (taken.contains(symbol)) {
      llvm::raw_string_ostream stream(symbol);
      stream << '.' << element;
    }
    taken.insert(symbol);
    auto bucket = ragged::BucketOp::create(builder, getOperation().getLoc(), symbol, ranks / replicas, layout.shard,
                                           element, builder.getArrayAttr(slots), nullptr);
    for (auto [parameter, slot] : llvm::zip(members, bucket.getSlots().getAsRange<ragged::SlotAttr>()))
      isGood &= succeeded(parameter.cut.check(bucket, slot));
    int64_t padding = bucket.getPadding();
    ++numBuckets;
    numPadding += padding;
    remark::analysis(bucket.getLoc(), remark::RemarkOpts::name("bucket").category("ragged-plan"))
        << symbol << ": " << std::to_string(members.size()) << " tensors, " << std::to_string(layout.shard)
        << " elements a rank where " << std::to_string(plan::divideUp(bucket.getElements() - padding, ranks / replicas))
        << " are the least, " << std::to_string(padding) << " of padding";
    return success(isGood);
  }

  /// Names of the module's symbols.
  llvm::StringSet<> taken;
};

} // namespace
