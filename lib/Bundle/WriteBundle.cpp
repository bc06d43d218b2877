#include "raddle/Bundle/WriteBundle.h"

#include "CheckPrograms.h"
#include "Instructions.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "raddle/Codegen/CPU/ObjectCode.h"
#include "raddle/Codegen/NVVM/DeviceCode.h"
#include "raddle/Dialect/Ragged/IR/RaggedOps.h"
#include "raddle/runtime/BundleFile.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;

namespace raddle {
namespace {

template <typename T> using Offset = flatbuffers::Offset<T>;
template <typename T> using Offsets = std::vector<flatbuffers::Offset<T>>;

StringRef stringIn(DictionaryAttr dictionary, StringRef key) {
  auto value = dictionary.getAs<StringAttr>(key);
  return value ? value.getValue() : StringRef();
}

class BundleWriter {
public:
  BundleWriter(ModuleOp module, const BundleOptions &options) : module(module), options(options) {}

  FailureOr<std::vector<uint8_t>> run() {
    if (failed(checkTypes()) || failed(checkPrograms(module)))
      return failure();
    if (failed(writeCode()))
      return failure();
    writeBuckets();
    for (auto program : module.getOps<exec::ProgramOp>())
      writeEntry(program);
    if (entries.empty())
      return module.emitError("has no program to bundle"), failure();
    finish();
    std::string why;
    if (!runtime::verifyBundle(builder.GetBufferPointer(), builder.GetSize(), why))
      return module.emitError("internal: the bundle does not verify: ") << why, failure();
    return std::vector<uint8_t>(builder.GetBufferPointer(), builder.GetBufferPointer() + builder.GetSize());
  }

private:
  /// Names every element type that a bundle cannot hold.
  LogicalResult checkTypes() {
    llvm::SetVector<Type> refused;
    module.walk([&](exec::BufferOp buffer) {
      if (!dtypeOf(buffer.getType().getElementType()))
        refused.insert(buffer.getType().getElementType());
    });
    if (refused.empty())
      return success();
    return module.emitError("element types that a bundle cannot hold: ")
           << llvm::join(llvm::map_range(refused,
                                         [](Type type) {
                                           std::string text;
                                           llvm::raw_string_ostream(text) << type;
                                           return text;
                                         }),
                         ", ");
  }

  /// Makes code for the target that kernels were generated for: a GPU where the module names it, else this machine.
  LogicalResult writeCode() {
    if (auto device = module->getAttrOfType<StringAttr>("exec.target")) {
      target = device.getValue().str();
      FailureOr<DeviceCode> made = compileForDevice(module, device.getValue().split(':').second);
      if (failed(made))
        return failure();
      addCode(made->assembled ? bundle::CodeFormat::Cubin : bundle::CodeFormat::Ptx, target, made->bytes);
    } else {
      FailureOr<ObjectCode> made = compileForCpu(module, options.processor, options.optLevel);
      if (failed(made))
        return failure();
      target = made->target;
      addCode(bundle::CodeFormat::ElfShared, target, made->bytes);
    }
    writeKernels();
    return success();
  }

  void addCode(bundle::CodeFormat format, const std::string &madeFor, ArrayRef<char> bytes) {
    builder.ForceVectorAlignment(bytes.size(), 1, 64);
    auto data = builder.CreateVector(reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size());
    auto name = builder.CreateString(madeFor);
    code.push_back(bundle::CreateCodeObject(builder, format, name, data));
  }

  void writeKernels() {
    // Threads of a warp.
    constexpr int64_t warp = 32;
    for (auto function : module.getOps<LLVM::LLVMFuncOp>()) {
      if (!function->hasAttr("exec.kernel"))
        continue;
      auto number = [&](StringRef attribute) -> int64_t {
        auto value = function->getAttrOfType<IntegerAttr>(attribute);
        return value ? value.getInt() : 0;
      };
      uint32_t codeIndex = writeOwnCode(function);
      auto symbol = builder.CreateString(function.getSymName().str());
      Offset<flatbuffers::Vector<uint32_t>> grid;
      if (int64_t blocks = number("exec.blocks"))
        grid = builder.CreateVector(std::vector<uint32_t>{static_cast<uint32_t>(blocks)});
      bundle::KernelBuilder kernel(builder);
      kernel.add_grid(grid);
      kernel.add_num_warps(number("exec.threads") / warp);
      kernel.add_num_ctas(grid.IsNull() ? 0 : 1);
      kernel.add_code(codeIndex);
      kernel.add_shared_bytes(number("exec.shared"));
      kernel.add_trailing_pointers(number("exec.scratch") ? 1 : number("exec.trailing"));
      kernel.add_global_scratch_bytes(number("exec.scratch"));
      kernel.add_name(symbol);
      kernel.add_symbol(symbol);
      kernel.add_num_args(number("exec.args"));
      kernel.add_range(number("exec.range"));
      kernel.add_flops(number("exec.flops"));
      kernel.add_bytes(number("exec.bytes"));
      indices.kernels[function.getSymName()] = kernels.size();
      kernels.push_back(kernel.Finish());
    }
  }

  /// The code object of a kernel: its own where it comes with one, else that of the module.
  uint32_t writeOwnCode(LLVM::LLVMFuncOp kernel) {
    auto cubin = kernel->getAttrOfType<StringAttr>("exec.cubin");
    if (!cubin)
      return 0;
    addCode(bundle::CodeFormat::Cubin, target + ":triton", {cubin.getValue().data(), cubin.getValue().size()});
    return code.size() - 1;
  }

  /// The type that callers see: bytes are integers of 8 bits that an attribute calls unsigned.
  static bundle::DType seenType(Type element, DictionaryAttr attributes) {
    return attributes.contains("nn.unsigned") ? bundle::DType::U8 : *dtypeOf(element);
  }

  Offset<bundle::WeightSource> writeSource(DictionaryAttr attributes, Type element) {
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
                                      offset ? offset.getInt() : 0, strides, how,
                                      scale ? scale.getValueAsDouble() : 0.0, firstValue(init));
  }

  /// The constant that holds a parameter's first values, −1 for none: they follow those of the programs.
  int32_t firstValue(DictionaryAttr init) {
    auto value = init ? init.getAs<ElementsAttr>("value") : ElementsAttr();
    if (!value)
      return -1;
    firstValues.push_back(value);
    auto ops = module.getOps<exec::ConstantOp>();
    return std::distance(ops.begin(), ops.end()) + firstValues.size() - 1;
  }

  /// `place` is the bucket and the offset in it, or the state of what is not sharded.
  void writeParameter(StringRef name, DictionaryAttr attributes, RankedTensorType type, int64_t bucket, int64_t offset,
                      uint32_t state) {
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

  uint32_t addState(StringRef name, bundle::StateKind kind, bundle::DType dtype, int64_t elements) {
    auto [entry, inserted] = indices.states.try_emplace(name, states.size());
    if (inserted)
      states.push_back(bundle::CreateState(builder, builder.CreateString(name.str()), kind, dtype, elements));
    return entry->second;
  }

  void writeBuckets() {
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

  /// The bundle's index of each state of a program. Buffers of the model appear here for the first time.
  SmallVector<uint32_t> writeStates(exec::ProgramOp program) {
    SmallVector<uint32_t> result;
    for (auto state : program.getStates().getAsRange<DictionaryAttr>()) {
      auto type = cast<RankedTensorType>(state.getAs<TypeAttr>("type").getValue());
      StringRef name = stringIn(state, "ragged.state");
      if (!name.empty()) {
        result.push_back(indices.states.lookup(name));
        continue;
      }
      name = stringIn(state, "nn.buffer");
      bool known = indices.states.contains(name);
      result.push_back(
          addState(name, bundle::StateKind::Buffer, seenType(type.getElementType(), state), type.getNumElements()));
      if (!known)
        writeParameter(name, state, type, -1, 0, result.back());
    }
    return result;
  }

  void writeEntry(exec::ProgramOp program) {
    SmallVector<uint32_t> programStates = writeStates(program);
    Offsets<bundle::Input> inputs;
    uint64_t batch = 0;
    for (auto input : program.getInputs().getAsRange<DictionaryAttr>()) {
      auto type = cast<RankedTensorType>(input.getAs<TypeAttr>("type").getValue());
      auto role = llvm::StringSwitch<bundle::InputRole>(stringIn(input, "nn.role"))
                      .Case("lr", bundle::InputRole::LearningRate)
                      .Case("step", bundle::InputRole::Step)
                      .Case("call", bundle::InputRole::Call)
                      .Case("seed", bundle::InputRole::Seed)
                      .Case("rank", bundle::InputRole::Rank)
                      .Default(bundle::InputRole::Batch);
      auto name = builder.CreateString(stringIn(input, "nn.input").str());
      auto shape = writeShape(builder, type.getShape());
      bool batched = input.contains("nn.batched");
      if (batched)
        batch = type.getDimSize(0);
      inputs.push_back(bundle::CreateInput(builder, name, role, seenType(type.getElementType(), input), shape, batched,
                                           input.contains("nn.complex")));
    }
    Offsets<bundle::Output> outputs;
    for (auto output : program.getOutputs().getAsRange<DictionaryAttr>()) {
      auto type = cast<RankedTensorType>(output.getAs<TypeAttr>("type").getValue());
      auto name = builder.CreateString(stringIn(output, "nn.output").str());
      auto shape = writeShape(builder, type.getShape());
      outputs.push_back(bundle::CreateOutput(builder, name, seenType(type.getElementType(), output), shape,
                                             output.contains("nn.batched"), output.contains("nn.complex")));
    }
    auto inputTable = builder.CreateVector(inputs);
    auto outputTable = builder.CreateVector(outputs);
    auto instructions = writeInstructions(builder, program, indices, programStates);
    auto allocations = writeAllocations(program);
    auto variant = bundle::CreateVariant(builder, batch, batch, program.getArena(), program.getStreams(),
                                         program.getEvents(), inputTable, outputTable, instructions, allocations);
    auto variants = builder.CreateVector(Offsets<bundle::Variant>{variant});
    entries.push_back(bundle::CreateEntryPoint(builder, builder.CreateString(program.getSymName().str()), variants));
  }

  Offset<flatbuffers::Vector<Offset<bundle::Allocation>>> writeAllocations(exec::ProgramOp program) {
    Offsets<bundle::Allocation> allocations;
    for (auto entry : program.getAllocations().getAsRange<DictionaryAttr>()) {
      auto number = [&](StringRef key) { return entry.getAs<IntegerAttr>(key).getInt(); };
      auto name = builder.CreateString(stringIn(entry, "name").str());
      allocations.push_back(
          bundle::CreateAllocation(builder, name, number("offset"), number("bytes"), number("first"), number("last")));
    }
    return builder.CreateVector(allocations);
  }

  void writeConstants(Offsets<bundle::Constant> &constants) {
    SmallVector<exec::ConstantOp> ops(module.getOps<exec::ConstantOp>());
    llvm::sort(ops, [](exec::ConstantOp a, exec::ConstantOp b) { return a.getIndex() < b.getIndex(); });
    for (exec::ConstantOp op : ops) {
      addConstant(constants, op.getSymName(), op.getValue());
    }
    for (auto [index, value] : llvm::enumerate(firstValues))
      addConstant(constants, ("first_value_" + Twine(index)).str(), value);
  }

  void addConstant(Offsets<bundle::Constant> &constants, StringRef name, ElementsAttr value) {
    std::vector<uint8_t> bytes = bytesOf(value);
    builder.ForceVectorAlignment(bytes.size(), 1, 64);
    auto data = builder.CreateVector(bytes);
    constants.push_back(bundle::CreateConstant(builder, builder.CreateString(name.str()), data));
  }

  static std::vector<uint8_t> bytesOf(ElementsAttr value) {
    if (auto resource = dyn_cast<DenseResourceElementsAttr>(value))
      return {resource.getData().begin(), resource.getData().end()};
    std::vector<uint8_t> bytes;
    auto dense = cast<DenseElementsAttr>(value);
    if (dense.getElementType().isInteger(1)) {
      for (bool element : dense.getValues<bool>())
        bytes.push_back(element);
      return bytes;
    }
    int64_t copies = dense.isSplat() ? dense.getNumElements() : 1;
    for (int64_t copy = 0; copy < copies; ++copy)
      bytes.insert(bytes.end(), dense.getRawData().begin(), dense.getRawData().end());
    return bytes;
  }

  void finish() {
    Offsets<bundle::Constant> constants;
    writeConstants(constants);
    auto producer = builder.CreateString("raddle");
    auto targetName = builder.CreateString(target);
    auto weights = builder.CreateString(options.weights);
    auto parameterTable = builder.CreateVector(parameters);
    auto bucketTable = builder.CreateVector(buckets);
    auto stateTable = builder.CreateVector(states);
    auto constantTable = builder.CreateVector(constants);
    auto codeTable = builder.CreateVector(code);
    auto kernelTable = builder.CreateVector(kernels);
    auto entryTable = builder.CreateVector(entries);
    auto root = bundle::CreateBundle(builder, 1, producer, targetName, ranks, weights, options.seed,
                                     options.learningRate, parameterTable, bucketTable, stateTable, constantTable,
                                     codeTable, kernelTable, entryTable, shards);
    bundle::FinishBundleBuffer(builder, root);
  }

  ModuleOp module;
  const BundleOptions &options;
  flatbuffers::FlatBufferBuilder builder;
  BundleIndices indices;
  std::string target;
  uint32_t ranks = 1, shards = 1;
  SmallVector<ElementsAttr> firstValues;
  Offsets<bundle::Parameter> parameters;
  Offsets<bundle::Bucket> buckets;
  Offsets<bundle::State> states;
  Offsets<bundle::CodeObject> code;
  Offsets<bundle::Kernel> kernels;
  Offsets<bundle::EntryPoint> entries;
};

} // namespace

FailureOr<std::vector<uint8_t>> buildBundle(ModuleOp module, const BundleOptions &options) {
  return BundleWriter(module, options).run();
}

} // namespace raddle
