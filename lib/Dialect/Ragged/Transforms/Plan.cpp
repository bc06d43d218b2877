// ragged-plan: buckets and the place of every parameter in them.
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Remarks.h"
#include "raddle/Dialect/NN/IR/NNOps.h"
#include "raddle/Dialect/Ragged/IR/RaggedOps.h"
#include "raddle/Passes.h"
#include "raddle/Plan/BucketPlanner.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringExtras.h"

namespace raddle {
#define GEN_PASS_DEF_RAGGEDPLAN
#include "raddle/Passes.h.inc"
} // namespace raddle

using namespace mlir;
using namespace raddle;

namespace {

/// Offsets and slices are multiples of this many bytes, so that every tensor and every slice can be read by the widest
/// loads and by a GPU's copy engines.
constexpr int64_t kAlignmentBytes = 128;

/// A parameter outside of layers gets a bucket of its own from this size on; smaller ones share one.
constexpr int64_t kOwnBucketBytes = 256 * 1024;

struct Parameter {
  StringAttr name;
  RankedTensorType type;
  bool frozen;
};

/// The layer that a parameter belongs to: its name up to and with the first component that is a number, or nothing.
StringRef layerOf(StringRef name) {
  for (size_t begin = 0; begin <= name.size();) {
    size_t end = std::min(name.find('.', begin), name.size());
    StringRef component = name.slice(begin, end);
    if (!component.empty() && llvm::all_of(component, llvm::isDigit))
      return name.take_front(end);
    begin = end + 1;
  }
  return {};
}

struct RaggedPlanPass : raddle::impl::RaggedPlanBase<RaggedPlanPass> {
  using Base::Base;

  void runOnOperation() override {
    if (ranks < 1) {
      getOperation().emitError("expects at least one rank, is ") << int64_t(ranks);
      return signalPassFailure();
    }
    FailureOr<SmallVector<Parameter>> parameters = collectParameters();
    if (failed(parameters))
      return signalPassFailure();
    llvm::MapVector<std::pair<StringRef, Type>, SmallVector<Parameter>> groups;
    std::vector<std::string> names;
    names.reserve(parameters->size());
    for (const Parameter &parameter : *parameters) {
      names.push_back(bucketName(parameter));
      groups[{names.back(), parameter.type.getElementType()}].push_back(parameter);
    }
    OpBuilder builder(&getContext());
    getOperation()->setAttr("ragged.ranks", builder.getI64IntegerAttr(ranks));
    builder.setInsertionPointToStart(getOperation().getBody());
    for (auto &[key, members] : groups)
      addBucket(builder, key.first, key.second, members);
  }

private:
  /// Parameters of all functions, each once, in the order of their first appearance.
  FailureOr<SmallVector<Parameter>> collectParameters() {
    llvm::MapVector<StringAttr, Parameter> found;
    bool conflict = false;
    for (auto function : getOperation().getOps<func::FuncOp>())
      for (unsigned index = 0; index < function.getNumArguments(); ++index) {
        auto name = function.getArgAttrOfType<StringAttr>(index, "nn.param");
        auto type = dyn_cast<RankedTensorType>(function.getArgument(index).getType());
        if (!name || !type)
          continue;
        Parameter parameter{name, type, static_cast<bool>(function.getArgAttr(index, "nn.frozen"))};
        auto [entry, inserted] = found.insert({name, parameter});
        if (inserted || entry->second.type == type)
          continue;
        function.emitError("parameter '") << name.getValue() << "' is of type " << type << " here and "
                                          << entry->second.type << " in another function";
        conflict = true;
      }
    if (conflict)
      return failure();
    return llvm::map_to_vector(found, [](auto &entry) { return entry.second; });
  }

  /// Frozen parameters lie apart: their buckets have no gradients and no optimizer states.
  std::string bucketName(const Parameter &parameter) {
    StringRef name = layerOf(parameter.name.getValue());
    if (name.empty()) {
      int64_t bytes = parameter.type.getNumElements() * parameter.type.getElementTypeBitWidth() / 8;
      name = bytes >= kOwnBucketBytes ? parameter.name.getValue() : StringRef("rest");
    }
    return (name + (parameter.frozen ? ".frozen" : "")).str();
  }

  void addBucket(OpBuilder &builder, StringRef name, Type element, ArrayRef<Parameter> members) {
    std::vector<plan::Tensor> tensors;
    for (const Parameter &parameter : members)
      tensors.push_back({parameter.type.getNumElements(), 1});
    int64_t alignment = kAlignmentBytes * 8 / element.getIntOrFloatBitWidth();
    plan::Layout layout = plan::planBucket(tensors, ranks, alignment);

    SmallVector<Attribute> slots;
    for (auto [parameter, tensor, offset] : llvm::zip(members, tensors, layout.offsets))
      slots.push_back(ragged::SlotAttr::get(&getContext(), parameter.name.getValue(), offset, parameter.type.getShape(),
                                            tensor.unit));
    std::string symbol = name.str();
    // One name, several element types: the others say theirs.
    if (getOperation().lookupSymbol(symbol)) {
      llvm::raw_string_ostream stream(symbol);
      stream << '.' << element;
    }
    auto bucket = ragged::BucketOp::create(builder, getOperation().getLoc(), symbol, ranks, layout.shard, element,
                                           builder.getArrayAttr(slots), nullptr);
    int64_t padding = bucket.getPadding();
    ++numBuckets;
    numPadding += padding;
    remark::analysis(bucket.getLoc(), remark::RemarkOpts::name("bucket").category("ragged-plan"))
        << symbol << ": " << std::to_string(members.size()) << " tensors, " << std::to_string(layout.shard)
        << " elements a rank, " << std::to_string(padding) << " of padding";
  }
};

} // namespace
