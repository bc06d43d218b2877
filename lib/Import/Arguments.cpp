#include "Arguments.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace raddle::import {

namespace {

/// Constants up to this many elements stand in the program itself.
constexpr int64_t kInlineElements = 64;
/// Standard deviation of matrices that start at random.
constexpr double kNormalScale = 0.02;

/// Elements [begin, end) of an entry that a tensor reaches.
struct Extent {
  std::string entry;
  uint64_t begin, end;
  StringRef name;
  bool trainable;
};

class Planner {
public:
  Planner(MLIRContext *context, const GraphState &state, const WeightTable &weights, const Archive &archive,
          const Batch &batch)
      : builder(context), state(state), weights(weights), archive(archive), batch(batch) {}

  llvm::Expected<ArgumentPlan> run();

private:
  void planInput(const InputSpec &spec);
  void planStored(const InputSpec &spec);
  void checkOverlaps();
  bool checkBytes(const InputSpec &spec, const WeightEntry &entry, RankedTensorType type);
  std::optional<RankedTensorType> typeOf(StringRef placeholder);
  PlannedArgument describe(StringRef placeholder, RankedTensorType type);

  Builder builder;
  const GraphState &state;
  const WeightTable &weights;
  const Archive &archive;
  const Batch &batch;
  ArgumentPlan plan;
  std::vector<std::string> problems;
  std::vector<Extent> extents;
  llvm::StringMap<size_t> shared; // storage and layout to the argument that has it
};

StringRef kindName(InputSpec::Kind kind) {
  return kind == InputSpec::Kind::Parameter ? "parameter" : kind == InputSpec::Kind::Buffer ? "buffer" : "constant";
}

std::optional<RankedTensorType> Planner::typeOf(StringRef placeholder) {
  llvm::Expected<RankedTensorType> type = state.declaredType(builder.getContext(), placeholder);
  if (type)
    return isByte(state.dtypeOf(placeholder)) ? RankedTensorType::get(type->getShape(), builder.getI8Type()) : *type;
  problems.push_back(llvm::toString(type.takeError()));
  return std::nullopt;
}

/// An argument with what its element type says of it.
PlannedArgument Planner::describe(StringRef placeholder, RankedTensorType type) {
  PlannedArgument argument;
  argument.placeholders.push_back(placeholder);
  argument.type = type;
  int64_t dtype = state.dtypeOf(placeholder);
  argument.isByte = isByte(dtype);
  if (argument.isByte)
    argument.attributes.set("nn.unsigned", builder.getUnitAttr());
  if (isComplex(dtype))
    argument.attributes.set("nn.complex", builder.getUnitAttr());
  return argument;
}

/// How a stored tensor of complex numbers lies as one of pairs.
WeightEntry asPairs(WeightEntry entry) {
  if (!isComplex(entry.meta.dtype))
    return entry;
  // What overflows is no possible stride.
  auto doubled = [](const SymbolicInt &number) {
    SymbolicInt result = number;
    if (llvm::MulOverflow(number.value, int64_t(2), result.value))
      result.value = -1;
    return result;
  };
  for (SymbolicInt &stride : entry.meta.strides)
    stride = doubled(stride);
  entry.meta.offset = doubled(entry.meta.offset);
  SymbolicInt one, two;
  one.value = 1;
  two.value = 2;
  entry.meta.sizes.push_back(two);
  entry.meta.strides.push_back(one);
  return entry;
}

void Planner::planInput(const InputSpec &spec) {
  std::optional<RankedTensorType> type = typeOf(spec.placeholder);
  if (!type)
    return;
  PlannedArgument argument = describe(spec.placeholder, *type);
  argument.attributes.set("nn.input", builder.getStringAttr(spec.placeholder));
  if (batch.holdsInput(state.program.tensors.find(spec.placeholder)->second))
    argument.attributes.set("nn.batched", builder.getUnitAttr());
  plan.arguments.push_back(std::move(argument));
}

/// Checks that the table's entry describes `type` and that its bytes are there.
bool Planner::checkBytes(const InputSpec &spec, const WeightEntry &entry, RankedTensorType type) {
  auto problem = [&](const Twine &message) {
    problems.push_back((kindName(spec.kind) + " '" + spec.name + "' " + message).str());
    return false;
  };
  Shape shape, strides;
  bool isStatic = entry.meta.offset.isStatic();
  for (auto [size, stride] : llvm::zip(entry.meta.sizes, entry.meta.strides)) {
    isStatic &= size.isStatic() && stride.isStatic();
    shape.push_back(size.value);
    strides.push_back(stride.value);
  }
  if (!isStatic || ArrayRef(shape) != type.getShape() || entry.meta.dtype != state.dtypeOf(spec.placeholder))
    return problem("has shape " + TensorBuilder::describe(shape) + " of " + dtypeName(entry.meta.dtype) +
                   " in the weight table, but another type in the program");
  if (entry.meta.device == "meta")
    return true;
  std::optional<uint64_t> size = archive.sizeOf(entry.entry);
  if (!size)
    return problem("has no bytes: the archive has no entry '" + Twine(entry.entry) + "'");
  int64_t width = storageBytes(type.getElementType());
  std::optional<uint64_t> needed = requiredBytes(shape, strides, entry.meta.offset.value, width);
  if (!needed)
    return problem("has strides or an offset that are not possible");
  if (*needed > *size)
    return problem("needs " + Twine(*needed) + " bytes, entry '" + entry.entry + "' has " + Twine(*size));
  uint64_t begin = uint64_t(entry.meta.offset.value) * uint64_t(width);
  if (*needed > 0)
    extents.push_back(
        {entry.entry, begin, *needed, spec.name, spec.kind == InputSpec::Kind::Parameter && entry.meta.requiresGrad});
  return true;
}

void Planner::planStored(const InputSpec &spec) {
  std::optional<RankedTensorType> type = typeOf(spec.placeholder);
  auto found = weights.entries.find(spec.name);
  if (found == weights.entries.end())
    problems.push_back((kindName(spec.kind) + " '" + spec.name + "' is in no weight table of the archive").str());
  if (!type || found == weights.entries.end())
    return;
  WeightEntry entry = asPairs(found->second);
  if (!checkBytes(spec, entry, *type))
    return;
  bool hasBytes = entry.meta.device != "meta";
  MLIRContext *context = builder.getContext();

  SmallVector<int64_t> strides;
  for (const SymbolicInt &stride : entry.meta.strides)
    strides.push_back(stride.value);
  if (hasBytes) {
    std::string layout;
    llvm::raw_string_ostream stream(layout);
    stream << kindName(spec.kind) << ' ' << entry.entry << ' ' << entry.meta.offset.value << ' ' << *type << ' ';
    llvm::interleave(strides, stream, ",");
    auto [known, inserted] = shared.try_emplace(layout, plan.arguments.size());
    if (!inserted) {
      PlannedArgument &first = plan.arguments[known->second];
      first.placeholders.push_back(spec.placeholder);
      first.aliases.push_back(spec.name);
      return;
    }
  }

  PlannedArgument argument = describe(spec.placeholder, *type);
  if (spec.kind == InputSpec::Kind::Constant && hasBytes && type->getNumElements() <= kInlineElements) {
    llvm::Expected<DenseElementsAttr> values = readConstant(archive, entry, *type);
    if (!values) {
      problems.push_back("constant '" + spec.name.str() + "': " + llvm::toString(values.takeError()));
      return;
    }
    argument.constant = *values;
    plan.arguments.push_back(std::move(argument));
    return;
  }

  bool isParameter = spec.kind == InputSpec::Kind::Parameter;
  if (isParameter && argument.isByte) {
    problems.push_back(("parameter '" + spec.name + "' is of uint8, which only inputs and buffers can be").str());
    return;
  }
  argument.attributes.set(isParameter ? "nn.param" : "nn.buffer", builder.getStringAttr(spec.name));
  if (spec.kind == InputSpec::Kind::Constant || !spec.persistent)
    argument.attributes.set("nn.transient", builder.getUnitAttr());
  if (isParameter && !entry.meta.requiresGrad)
    argument.attributes.set("nn.frozen", builder.getUnitAttr());
  if (hasBytes) {
    argument.attributes.set(
        "nn.source",
        builder.getDictionaryAttr({builder.getNamedAttr("entry", builder.getStringAttr(entry.entry)),
                                   builder.getNamedAttr("offset", builder.getI64IntegerAttr(entry.meta.offset.value)),
                                   builder.getNamedAttr("strides", builder.getDenseI64ArrayAttr(strides))}));
  } else if (isParameter) {
    argument.attributes.set("nn.init", initializerOf(context, spec.name, type->getRank()));
  } else {
    argument.attributes.set("nn.init",
                            builder.getDictionaryAttr(builder.getNamedAttr("kind", builder.getStringAttr("zeros"))));
    plan.warnings.push_back((kindName(spec.kind) + " '" + spec.name + "'").str());
  }
  plan.arguments.push_back(std::move(argument));
}

/// Training one of two parameters that share part of their storage would leave the other behind.
void Planner::checkOverlaps() {
  llvm::sort(extents, [](const Extent &a, const Extent &b) {
    return std::tie(a.entry, a.begin, a.end) < std::tie(b.entry, b.begin, b.end);
  });
  for (size_t i = 1; i < extents.size(); ++i) {
    const Extent &before = extents[i - 1], &extent = extents[i];
    bool same = before.begin == extent.begin && before.end == extent.end;
    if (before.entry == extent.entry && extent.begin < before.end && !same && (before.trainable || extent.trainable))
      problems.push_back(("'" + before.name + "' and '" + extent.name + "' share a part of the storage '" +
                          extent.entry + "': clone one of them before export, or freeze both")
                             .str());
  }
}

llvm::Expected<ArgumentPlan> Planner::run() {
  for (const InputSpec &spec : state.program.inputs) {
    switch (spec.kind) {
    case InputSpec::Kind::User:
      planInput(spec);
      break;
    case InputSpec::Kind::Parameter:
    case InputSpec::Kind::Buffer:
    case InputSpec::Kind::Constant:
      planStored(spec);
      break;
    case InputSpec::Kind::Literal:
      break;
    case InputSpec::Kind::Other:
      problems.push_back(("input '" + spec.placeholder + "' of kind '" + spec.name + "' is no tensor").str());
      break;
    }
  }
  checkOverlaps();
  if (!problems.empty())
    return llvm::createStringError(llvm::inconvertibleErrorCode(), llvm::join(problems, "\n"));
  for (PlannedArgument &argument : plan.arguments) {
    if (argument.aliases.empty() || argument.constant)
      continue;
    SmallVector<Attribute> names;
    for (StringRef name : argument.aliases)
      names.push_back(builder.getStringAttr(name));
    argument.attributes.set("nn.aliases", builder.getArrayAttr(names));
  }
  return std::move(plan);
}

} // namespace

DictionaryAttr initializerOf(MLIRContext *context, StringRef name, int64_t rank) {
  Builder builder(context);
  auto kind = [&](StringRef text) { return builder.getNamedAttr("kind", builder.getStringAttr(text)); };
  if (rank >= 2)
    return builder.getDictionaryAttr(
        {kind("normal"), builder.getNamedAttr("scale", builder.getF64FloatAttr(kNormalScale))});
  // Norms are recognised by the name that PyTorch and transformers give them.
  bool isNormWeight = name.ends_with("weight") && name.contains_insensitive("norm");
  return builder.getDictionaryAttr(kind(isNormWeight ? "ones" : "zeros"));
}

llvm::Expected<ArgumentPlan> planArguments(MLIRContext *context, const GraphState &state, const WeightTable &weights,
                                           const Archive &archive, const Batch &batch) {
  return Planner(context, state, weights, archive, batch).run();
}

} // namespace raddle::import
