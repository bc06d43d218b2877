#include "raddle/Bundle/WriteBundle.h"

#include "CheckPrograms.h"
#include "CodeTables.h"
#include "EntryPoints.h"
#include "StateTables.h"
#include "raddle/runtime/BundleFile.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace raddle {
namespace {

class BundleWriter {
public:
  BundleWriter(ModuleOp module, const BundleOptions &options)
      : module(module), options(options), code(builder, module, options), states(builder, module) {}

  FailureOr<std::vector<uint8_t>> run() {
    if (failed(checkTypes()) || failed(checkPrograms(module)))
      return failure();
    if (failed(code.write()))
      return failure();
    states.writeBuckets();
    for (auto program : module.getOps<exec::ProgramOp>())
      entries.push_back(writeEntryPoint(builder, program, code.kernelIndices, states.writeStates(program)));
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

  void writeConstants(Offsets<bundle::Constant> &constants) {
    SmallVector<exec::ConstantOp> ops(module.getOps<exec::ConstantOp>());
    llvm::sort(ops, [](exec::ConstantOp a, exec::ConstantOp b) { return a.getIndex() < b.getIndex(); });
    for (exec::ConstantOp op : ops) {
      addConstant(constants, op.getSymName(), op.getValue());
    }
    for (auto [index, value] : llvm::enumerate(states.firstValues))
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
    auto targetName = builder.CreateString(code.target);
    auto weights = builder.CreateString(options.weights);
    auto parameterTable = builder.CreateVector(states.parameters);
    auto bucketTable = builder.CreateVector(states.buckets);
    auto stateTable = builder.CreateVector(states.states);
    auto constantTable = builder.CreateVector(constants);
    auto codeTable = builder.CreateVector(code.code);
    auto kernelTable = builder.CreateVector(code.kernels);
    auto entryTable = builder.CreateVector(entries);
    auto root = bundle::CreateBundle(builder, 1, producer, targetName, states.ranks, weights, options.seed,
                                     options.learningRate, parameterTable, bucketTable, stateTable, constantTable,
                                     codeTable, kernelTable, entryTable, states.shards);
    bundle::FinishBundleBuffer(builder, root);
  }

  ModuleOp module;
  const BundleOptions &options;
  flatbuffers::FlatBufferBuilder builder;
  CodeTables code;
  StateTables states;
  Offsets<bundle::EntryPoint> entries;
};

} // namespace

FailureOr<std::vector<uint8_t>> buildBundle(ModuleOp module, const BundleOptions &options) {
  return BundleWriter(module, options).run();
}

} // namespace raddle
