#include "StateTables.h"

#include "raddle/Dialect/Ragged/IR/RaggedOps.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;

namespace raddle {

Offset<bundle::WeightSource> StateTables::writeSource(DictionaryAttr attributes, Type element) {
  auto source = attributes.getAs<DictionaryAttr>("nn.source");
  auto init = attributes.getAs<DictionaryAttr>("nn.init");
  StringRef kind = init ? stringIn(init, "kind") : StringRef("zeros");
  auto entry = source ? builder.CreateString(stringIn(source, "entry").str()) : Offset<flatbuffers::String>();
  auto how = source ? Offset<flatbuffers::String>() : builder.CreateString(kind.str());
  Offset<flatbuffers::Vector<uint64_t>> strides;
  if (source)
    if (auto list = source.getAs<DenseI64ArrayAttr>("strides"))
      strides = writeShape(builder, list.asArrayRef());
  auto stored = source ? source.getAs<TypeAttr>("dtype") : TypeAttr();
  auto scale = init ? init.getAs<FloatAttr>("scale") : FloatAttr();
  auto offset = source ? source.getAs<IntegerAttr>("offset") : IntegerAttr();
  return bundle::CreateWeightSource(builder, entry, seenType(stored ? stored.getValue() : element, attributes),
                                    offset ? offset.getInt() : 0, strides, how, scale ? scale.getValueAsDouble() : 0.0,
                                    firstValue(init));
}

/// The constant that holds a parameter's first values, −1 for none.
int32_t StateTables::firstValue(DictionaryAttr init) {
  auto value = init ? init.getAs<ElementsAttr>("value") : ElementsAttr();
  if (!value)
    return -1;
  firstValues.push_back(value);
  auto ops = module.getOps<exec::ConstantOp>();
  return std::distance(ops.begin(), ops.end()) + firstValues.size() - 1;
}

/// `place` is the bucket and the offset in it, or the state of what is not sharded.
void StateTables::writeParameter(StringRef name, DictionaryAttr attributes, RankedTensorType type, int64_t bucket,
                                 int64_t offset, uint32_t state) {
  Offsets<flatbuffers::String> names;
  if (auto aliases = attributes.getAs<ArrayAttr>("nn.aliases"))
    for (auto alias : aliases.getAsRange<StringAttr>())
      names.push_back(builder.CreateString(alias.str()));
  auto aliases = builder.CreateVector(names);
  auto source = writeSource(attributes, type.getElementType());
  auto shape = writeShape(builder, type.getShape());
  auto text = builder.CreateString(name.str());
  bool isBuffer = attributes.contains("nn.buffer");
  bool trainable = !isBuffer && !attributes.contains("nn.frozen");
  parameters.push_back(bundle::CreateParameter(builder, text, aliases, isBuffer, trainable,
                                               attributes.contains("nn.transient"),
                                               seenType(type.getElementType(), attributes), shape, source, bucket,
                                               offset, state, attributes.contains("nn.complex")));
}

uint32_t StateTables::addState(StringRef name, bundle::StateKind kind, bundle::DType dtype, int64_t elements) {
  auto [entry, inserted] = indices.try_emplace(name, states.size());
  if (inserted)
    states.push_back(bundle::CreateState(builder, builder.CreateString(name.str()), kind, dtype, elements));
  return entry->second;
}

void StateTables::writeBuckets() {
  // Optimizer states of a bucket are known from the programs that take them.
  llvm::StringMap<SmallVector<StringRef>> optimizerStates;
  llvm::StringSet<> stored;
  for (auto program : module.getOps<exec::ProgramOp>())
    for (auto state : program.getStates().getAsRange<DictionaryAttr>()) {
      auto bucket = state.getAs<FlatSymbolRefAttr>("ragged.bucket");
      StringRef name = stringIn(state, "ragged.state");
      if (bucket)
        stored.insert(bucket.getValue());
      if (bucket && stringIn(state, "ragged.role") != "param" &&
          !llvm::is_contained(optimizerStates[bucket.getValue()], name))
        optimizerStates[bucket.getValue()].push_back(name);
    }
  if (auto attribute = module->getAttrOfType<IntegerAttr>("ragged.ranks"))
    ranks = shards = attribute.getInt();
  for (auto bucket : module.getOps<ragged::BucketOp>()) {
    shards = bucket.getRanks();
    // A layout that values only pass through holds no parameters.
    if (!stored.contains(bucket.getSymName()))
      continue;
    Type element = bucket.getElementType();
    bundle::DType dtype = *dtypeOf(element);
    uint32_t param =
        addState((bucket.getSymName() + ".param").str(), bundle::StateKind::Parameter, dtype, bucket.getShard());
    std::vector<uint32_t> optimizer;
    for (StringRef name : optimizerStates[bucket.getSymName()])
      optimizer.push_back(addState(name, bundle::StateKind::Optimizer, dtype, bucket.getShard()));
    auto name = builder.CreateString(bucket.getSymName().str());
    auto list = builder.CreateVector(optimizer);
    int64_t index = buckets.size();
    buckets.push_back(bundle::CreateBucket(builder, name, dtype, bucket.getShard(), param, list));
    for (auto [position, attribute] : llvm::enumerate(bucket.getSlots())) {
      auto slot = cast<ragged::SlotAttr>(attribute);
      auto attributes = bucket.getParameters() ? cast<DictionaryAttr>((*bucket.getParameters())[position])
                                               : DictionaryAttr::get(module.getContext());
      writeParameter(slot.getName(), attributes, RankedTensorType::get(slot.getShape(), element), index,
                     slot.getOffset(), 0);
    }
  }
}

SmallVector<uint32_t> StateTables::writeStates(exec::ProgramOp program) {
  SmallVector<uint32_t> result;
  for (auto state : program.getStates().getAsRange<DictionaryAttr>()) {
    auto type = cast<RankedTensorType>(state.getAs<TypeAttr>("type").getValue());
    StringRef name = stringIn(state, "ragged.state");
    if (!name.empty()) {
      result.push_back(indices.lookup(name));
      continue;
    }
    name = stringIn(state, "nn.buffer");
    bool known = indices.contains(name);
    result.push_back(
        addState(name, bundle::StateKind::Buffer, seenType(type.getElementType(), state), type.getNumElements()));
    if (!known)
      writeParameter(name, state, type, -1, 0, result.back());
  }
  return result;
}

} // namespace raddle
