#include "EntryPoints.h"

#include "llvm/ADT/StringSwitch.h"

using namespace mlir;

namespace raddle {

/// `batch` becomes the extent that inputs are cut on, where one is.
static Offset<flatbuffers::Vector<Offset<bundle::Input>>> writeInputs(flatbuffers::FlatBufferBuilder &builder,
                                                                      exec::ProgramOp program, uint64_t &batch) {
  Offsets<bundle::Input> inputs;
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
  return builder.CreateVector(inputs);
}

static Offset<flatbuffers::Vector<Offset<bundle::Output>>> writeOutputs(flatbuffers::FlatBufferBuilder &builder,
                                                                        exec::ProgramOp program) {
  Offsets<bundle::Output> outputs;
  for (auto output : program.getOutputs().getAsRange<DictionaryAttr>()) {
    auto type = cast<RankedTensorType>(output.getAs<TypeAttr>("type").getValue());
    auto name = builder.CreateString(stringIn(output, "nn.output").str());
    auto shape = writeShape(builder, type.getShape());
    outputs.push_back(bundle::CreateOutput(builder, name, seenType(type.getElementType(), output), shape,
                                           output.contains("nn.batched"), output.contains("nn.complex")));
  }
  return builder.CreateVector(outputs);
}

static Offset<flatbuffers::Vector<Offset<bundle::Allocation>>> writeAllocations(flatbuffers::FlatBufferBuilder &builder,
                                                                                exec::ProgramOp program) {
  Offsets<bundle::Allocation> allocations;
  for (auto entry : program.getAllocations().getAsRange<DictionaryAttr>()) {
    auto number = [&](StringRef key) { return entry.getAs<IntegerAttr>(key).getInt(); };
    auto name = builder.CreateString(stringIn(entry, "name").str());
    allocations.push_back(
        bundle::CreateAllocation(builder, name, number("offset"), number("bytes"), number("first"), number("last")));
  }
  return builder.CreateVector(allocations);
}

Offset<bundle::EntryPoint> writeEntryPoint(flatbuffers::FlatBufferBuilder &builder, exec::ProgramOp program,
                                           const llvm::StringMap<uint32_t> &kernels, ArrayRef<uint32_t> states) {
  uint64_t batch = 0;
  auto inputs = writeInputs(builder, program, batch);
  auto outputs = writeOutputs(builder, program);
  auto instructions = writeInstructions(builder, program, kernels, states);
  auto allocations = writeAllocations(builder, program);
  auto variant = bundle::CreateVariant(builder, batch, batch, program.getArena(), program.getStreams(),
                                       program.getEvents(), inputs, outputs, instructions, allocations);
  auto variants = builder.CreateVector(Offsets<bundle::Variant>{variant});
  return bundle::CreateEntryPoint(builder, builder.CreateString(program.getSymName().str()), variants);
}

} // namespace raddle
