// ragged-plan: buckets and the place of every parameter in them.
#include "Readers.h"
#include "Units.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Shard/IR/ShardDialect.h"
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
  Type gathered; ///< the element type that its readers want, null without readers

  bool isNarrow() const { return (gathered ? gathered : cut.type.getElementType()).getIntOrFloatBitWidth() < 32; }
};

/// Parameters of one kind share buckets: frozen ones have no gradients and no optimizer states, and those that are read
/// in 16 bits are cast before they are gathered.
struct Kind {
  bool frozen, narrow;
};

struct Bucket {
  plan::PlannedBucket plan; ///< slots name parameters of the module, in their order
  Kind kind;
  uint32_t first; ///< its first parameter
};

struct RaggedPlanPass : raddle::impl::RaggedPlanBase<RaggedPlanPass> {
  using Base::Base;

  void runOnOperation() override {
    std::optional<ragged::Mesh> chosen = chooseMesh();
    if (!chosen)
      return signalPassFailure();
    mesh = *chosen;
    std::optional<plan::Block> kept = plan::parseBlock(block);
    if (!kept) {
      getOperation().emitError("expects option block to be RxC, rows:R or none, is '") << block << "'";
      return signalPassFailure();
    }
    FailureOr<SmallVector<Parameter>> parameters = collectParameters();
    if (failed(parameters) || failed(takeGiven(*parameters)))
      return signalPassFailure();
    SmallVector<Bucket> buckets;
    for (bool frozen : {false, true})
      for (bool narrow : {true, false})
        if (failed(planBuckets(*parameters, {frozen, narrow}, *kept, buckets)))
          return signalPassFailure();
    // In the order of the program.
    llvm::sort(buckets, [](const Bucket &a, const Bucket &b) { return a.first < b.first; });
    OpBuilder builder = OpBuilder::atBlockBegin(getOperation().getBody());
    for (auto symbol : getOperation().getOps<SymbolOpInterface>())
      taken.insert(symbol.getName());
    bool isPlanned = true;
    for (const Bucket &bucket : buckets)
      isPlanned &= succeeded(addBucket(builder, bucket, *parameters));
    if (!isPlanned)
      return signalPassFailure();
    ragged::setMesh(getOperation(), mesh);
  }

private:
  /// From the module's grid, with which options that are given must agree, or from the options.
  std::optional<ragged::Mesh> chooseMesh() {
    FailureOr<std::optional<ragged::Mesh>> grid = ragged::meshOfGrid(getOperation());
    if (failed(grid))
      return std::nullopt;
    if (!*grid) {
      int64_t all = ranks == 0 ? 1 : ranks, copies = replicas == 0 ? 1 : replicas;
      if (all >= 1 && copies >= 1 && all % copies == 0)
        return ragged::Mesh{all, all / copies};
      getOperation().emitError("expects at least one rank, and replicas that divide the ranks, is ")
          << all << " and " << copies;
      return std::nullopt;
    }
    bool agree = true;
    auto compare = [&](StringRef option, int64_t given, int64_t expected) {
      if (given == 0 || given == expected)
        return;
      getOperation().emitError("option ")
          << option << " is " << given << ", expects " << expected << ", as the module's grid has";
      agree = false;
    };
    compare("ranks", ranks, (*grid)->ranks);
    compare("replicas", replicas, (*grid)->replicas());
    return agree ? *grid : std::nullopt;
  }

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
        Parameter parameter{{name, type, {}, {}}, static_cast<bool>(function.getArgAttr(index, "nn.frozen")), {}};
        Parameter &known = found.insert({name, parameter}).first->second;
        addReaders(known, function.getArgument(index));
        ragged::Cut &cut = known.cut;
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

  /// Functions that want different types get what the parameter has.
  static void addReaders(Parameter &parameter, Value argument) {
    if (ragged::elementReaders(argument).empty())
      return;
    Type wanted = ragged::narrowedType(argument), own = parameter.cut.type.getElementType();
    bool agrees = wanted && (!parameter.gathered || parameter.gathered == wanted);
    parameter.gathered = agrees ? wanted : own;
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

  /// Whether the parameters that products of bf16 do not read, such as norms' weights, are so few that one bucket of
  /// all of them takes no more memory than the largest layer of the others.
  static bool fitOneBucket(ArrayRef<Parameter> parameters) {
    llvm::StringMap<int64_t> layers;
    int64_t wide = 0, largest = 0;
    for (const Parameter &parameter : parameters) {
      int64_t bytes = *arrayBytes(parameter.cut.type);
      if (!parameter.isNarrow())
        wide += bytes;
      else
        largest = std::max(largest, layers[plan::defaultBucket(parameter.cut.name.getValue(), bytes)] += bytes);
    }
    return wide <= largest;
  }

  /// Plans all parameters of a kind. The same plan as that of `raddle-plan --whole-tensors` where all are of one.
  LogicalResult planBuckets(ArrayRef<Parameter> parameters, Kind kind, const plan::Block &kept,
                            SmallVector<Bucket> &buckets) {
    bool shareOne =
        !kind.narrow && llvm::any_of(parameters, std::mem_fn(&Parameter::isNarrow)) && fitOneBucket(parameters);
    std::vector<plan::Parameter> planned;
    SmallVector<unsigned> indices;
    bool isGood = true;
    for (auto [index, parameter] : llvm::enumerate(parameters)) {
      if (parameter.frozen != kind.frozen || parameter.isNarrow() != kind.narrow)
        continue;
      FailureOr<int64_t> unit = parameter.cut.unit(getOperation(), kept);
      isGood &= succeeded(unit);
      Type element = parameter.cut.type.getElementType();
      plan::Parameter &added = planned.emplace_back();
      added.name = parameter.cut.name.str();
      if (shareOne)
        llvm::raw_string_ostream(added.bucket) << element;
      added.shape = parameter.cut.type.getShape().vec();
      llvm::raw_string_ostream(added.dtype) << element;
      added.bits = static_cast<int>(element.getIntOrFloatBitWidth());
      added.unit = unit.value_or(1);
      indices.push_back(index);
    }
    if (!isGood || planned.empty())
      return success(isGood);
    plan::PlanOptions options;
    options.ranks = mesh.shards;
    options.wholeTensors = true;
    for (const std::string &problem : plan::checkInput(planned, options)) {
      getOperation().emitError(problem);
      isGood = false;
    }
    if (!isGood)
      return failure();
    for (plan::PlannedBucket &bucket : plan::planModel(planned, options).buckets) {
      for (plan::PlannedSlot &slot : bucket.slots)
        slot.parameter = indices[slot.parameter];
      // Slots in the order of the program, as pack and gather name them.
      llvm::sort(bucket.slots,
                 [](const plan::PlannedSlot &a, const plan::PlannedSlot &b) { return a.parameter < b.parameter; });
      uint32_t first = bucket.slots.front().parameter;
      buckets.push_back({std::move(bucket), kind, first});
    }
    return success();
  }

  /// The bucket's name, and where that is taken its element type behind it, then a number.
  std::string symbolOf(const Bucket &bucket, Type element) {
    std::string symbol = bucket.plan.name + (bucket.kind.frozen ? ".frozen" : ""), unique = symbol;
    if (taken.contains(symbol)) {
      llvm::raw_string_ostream(symbol) << "." << element;
      unique = symbol;
    }
    for (int number = 2; !taken.insert(unique).second; ++number)
      unique = symbol + "." + std::to_string(number);
    return unique;
  }

  LogicalResult addBucket(OpBuilder &builder, const Bucket &planned, ArrayRef<Parameter> parameters) {
    SmallVector<Attribute> slots;
    for (const plan::PlannedSlot &slot : planned.plan.slots) {
      const ragged::Cut &cut = parameters[slot.parameter].cut;
      slots.push_back(
          ragged::SlotAttr::get(&getContext(), cut.name.getValue(), slot.offset, cut.type.getShape(), slot.unit));
    }
    Type element = parameters[planned.first].cut.type.getElementType();
    auto bucket = ragged::BucketOp::create(builder, getOperation().getLoc(), symbolOf(planned, element), mesh.shards,
                                           planned.plan.shard, element, builder.getArrayAttr(slots), nullptr);
    bool isGood = true;
    for (auto [slot, attribute] : llvm::zip(planned.plan.slots, bucket.getSlots().getAsRange<ragged::SlotAttr>()))
      isGood &= succeeded(parameters[slot.parameter].cut.check(bucket, attribute));
    int64_t padding = bucket.getPadding();
    ++numBuckets;
    numPadding += padding;
    remark::analysis(bucket.getLoc(), remark::RemarkOpts::name("bucket").category("ragged-plan"))
        << bucket.getSymName() << ": " << std::to_string(slots.size()) << " tensors, "
        << std::to_string(planned.plan.shard) << " elements a rank where "
        << std::to_string(plan::divideUp(planned.plan.elements, mesh.shards)) << " are the least, "
        << std::to_string(padding) << " of padding";
    return success(isGood);
  }

  ragged::Mesh mesh;
  /// Names of the module's symbols.
  llvm::StringSet<> taken;
};

} // namespace
